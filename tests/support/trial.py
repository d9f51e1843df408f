"""A gateway under constant load while something breaks, and what must be true afterwards, whatever
broke: no wrong answer, a living gateway, numbers that are the clients' own, and nothing left over.

    trial = Trial(gateway, directory)       warm, measured, under load
    trial.fault()                           what breaks, breaks from now on
    results = trial.finish()                what every client saw; the common criteria hold"""

import collections
import json
import os
import time

from gateway import REQUESTS, SANITIZED, one_model
from open_load import OpenLoad, quantile
from waiting import wait_until

LONG = os.environ.get("CANARY_LONG") == "1"
RATE = 50 if SANITIZED else 200
V1, V2 = "comp-critic_v1", "comp-critic_v2"
SLACK = 8 << 20  # bytes that a warm process may still come to use


def judged(**judge):
    """Judged by a few seconds' traffic."""
    return {"judge": {"method": "threshold", "window": "5s", "min_samples": 20, **judge}}


UNJUDGED = judged(min_samples=1_000_000)


def under_trial(stable, canary, directory, model=None, percentage=10, **top):
    """The configuration of a gateway whose every request stands in its access log."""
    brief = {"upstream": {"keepalive_idle": "1s"}}  # idle connections are soon given back
    return one_model(stable, canary, percentage, brief | (model or {}),
                     **{"access_log": {"path": str(directory / "access.log")}, **top})


class Trial:
    def __init__(self, gateway, directory, rate=RATE, warm=1.0):
        self.gateway, self.directory, self.rate = gateway, directory, rate
        self.load = OpenLoad(gateway.data, rate, directory)
        wait_until(lambda: gateway.metrics().sum(REQUESTS) >= warm * rate, 60, "the gateway is warm")
        self.descriptors, self.rss = gateway.descriptors(), gateway.rss_bytes()
        self.threads, self.fault_at = gateway.threads(), time.monotonic()

    def fault(self):
        self.fault_at = time.monotonic()

    def last(self, seconds):
        """Lets the load go on for so long."""
        time.sleep(seconds)

    def finish(self, logged=True, timed=False):
        """`logged`: the access log tells everything. `timed`: the fault costs this machine nothing (a
        crowd of clients does), so that the long version may judge times."""
        self.results = self.load.stop()
        wrong = [result for result in self.results if result.wrong]
        assert not wrong, wrong[:3]
        assert self.gateway.process.poll() is None, "the gateway ended"
        if logged:
            self.reconcile()
        self.nothing_left()
        self.tell(timed)
        return self.results

    def reconcile(self):
        """Client, access log and metrics tell of the same requests."""
        statuses = wait_until(self.logged_statuses, 60, "the access log and the metrics agree")
        for result in self.results:
            told = statuses[result.id]
            assert len(told) == 1, (result, told)
            assert result.error or told == [result.status], (result, told)

    def logged_statuses(self):
        """{request id: [statuses]}, once the log has a line for every request that the metrics
        know of; else None."""
        counted, logged = collections.Counter(), collections.Counter()
        statuses = collections.defaultdict(list)
        for name, labels, value in self.gateway.metrics().samples:
            if name == REQUESTS and value:
                counted[labels["version"], labels["outcome"]] += int(value)
        with open(self.directory / "access.log", encoding="utf-8") as log:
            for text in log:
                if not text.endswith("\n"):
                    break
                line = json.loads(text)
                statuses[line["request_id"]].append(line.get("status"))
                if "outcome" in line:
                    logged[line["version"], line["outcome"]] += 1
        return statuses if counted == logged else None

    def nothing_left(self):
        wait_until(lambda: self.gateway.metrics().sum("canary_gateway_in_flight_requests") == 0, 40,
                   "nothing is in flight")
        wait_until(lambda: self.gateway.descriptors() <= self.descriptors, 20,
                   f"no descriptor is left over ({self.descriptors} before)")
        wait_until(lambda: self.gateway.threads() <= self.threads, 10, "no thread is left over")
        if not SANITIZED:
            assert self.gateway.rss_bytes() <= self.rss * 1.1 + SLACK, "memory is given back"

    def before(self, version=V1):
        return [r for r in self.results if r.done_at < self.fault_at and r.version == version]

    def since(self, version=V1):
        return [r for r in self.results if r.due_at > self.fault_at and r.version == version]

    def failures(self, version=None):
        return [r for r in self.results if (r.error or r.status != 200)
                and (version is None or r.version == version)]

    def tell(self, timed):
        """Times depend on the machine, so they are told, and judged by the long version alone."""
        before, since = quantile(self.before(), 0.99), quantile(self.since(), 0.99)
        statuses = dict(collections.Counter(result.status for result in self.results))
        print(f"{len(self.results)} requests {statuses}; stable's p99 {before:.1f} ms before, "
              f"{since:.1f} ms since the fault; RSS {self.rss >> 10} -> "
              f"{self.gateway.rss_bytes() >> 10} KiB")
        if LONG and timed and not SANITIZED:
            assert since < 2 * before + 50, "the unaffected version is as quick as before"


def wait_rolled_back(gateway, seconds=20):
    wait_until(lambda: gateway.model()["rollout"]["status"] == "rolled_back", seconds,
               "the canary is rolled back", every=0.05)
    gateway.wait_applied_wholly(V1)
