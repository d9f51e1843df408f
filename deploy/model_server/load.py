#!/usr/bin/python3
"""Sends real predictions through the gateway and says who answered them.

    load.py http://127.0.0.1:8080 --requests 2000
    load.py http://127.0.0.1:8080 --seconds 60          ends early on SIGTERM, and still reports

Every request is one car of cars.csv for one user (X-User-Id: user-1, user-2, ...). A request failed
when it was not answered with 200 and a number. The exit status is 1 when, with --canary NAME
--percentage 10, NAME's share is not within three sigma of it, or, with --no-failures, one failed.
"""

import argparse
import collections
import http.client
import json
import math
import signal
import sys
import threading
import time
import urllib.parse

from model import read_rows

PATH = "/v1/models/comp-critic:predict"


class Load:
    """A bounded run by several threads; each has one keep-alive connection."""

    def __init__(self, url, requests, seconds, first_user):
        self.address = urllib.parse.urlsplit(url).netloc
        self.cars = read_rows()[0].tolist()
        self.left = requests
        self.user = first_user
        self.ends_at = time.monotonic() + seconds
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.versions = collections.Counter()
        self.failures = collections.Counter()
        self.latencies = []

    def next_user(self):
        """The number of the next user, or None at the end."""
        with self.lock:
            if self.left <= 0 or self.stopped.is_set() or time.monotonic() > self.ends_at:
                return None
            self.left -= 1
            self.user += 1
            return self.user - 1

    def record(self, version, failure, latency):
        with self.lock:
            self.versions[version] += 1
            if failure:
                self.failures[f"{failure} from {version}"] += 1
            self.latencies.append(latency)

    def ask(self, connection, user):
        """One prediction: (version that answered, what went wrong or None)."""
        body = json.dumps({"instances": [self.cars[user % len(self.cars)]]})
        try:
            connection.request("POST", PATH, body, {"Content-Type": "application/json",
                                                    "X-User-Id": f"user-{user}"})
            response = connection.getresponse()
            version = response.getheader("X-Model-Version", "nobody")
            answer = response.read()
            if response.status != 200:
                return version, f"status {response.status}"
            return version, None if math.isfinite(json.loads(answer)["predictions"][0]) else "NaN"
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            connection.close()
            return "nobody", type(error).__name__

    def work(self):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        while (user := self.next_user()) is not None:
            began = time.monotonic()
            version, failure = self.ask(connection, user)
            self.record(version, failure, time.monotonic() - began)
        connection.close()

    def run(self, connections):
        began = time.monotonic()
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.elapsed = time.monotonic() - began

    def summary(self):
        total = sum(self.versions.values())
        shares = ", ".join(f"{name} {count} ({100 * count / total:.1f}%)"
                           for name, count in sorted(self.versions.items()))
        p95 = sorted(self.latencies)[math.ceil(0.95 * total) - 1] if total else 0
        failed = sum(self.failures.values())
        why = "".join(f"; {count} x {what}" for what, count in self.failures.most_common(3))
        return (f"{total} predictions in {self.elapsed:.1f} s: {shares}\n"
                f"{failed} failed{why}; p95 {1000 * p95:.0f} ms")


def split_verdict(versions, canary, percentage):
    """Whether the canary's count is within three sigma of what was asked for, and in words."""
    total, share = sum(versions.values()), percentage / 100
    expected, sigma = total * share, math.sqrt(total * share * (1 - share))
    within = total > 0 and abs(versions[canary] - expected) <= 3 * sigma
    return within, (f"{canary}: {versions[canary]}, expected {expected:.0f} +- {3 * sigma:.0f} "
                    f"(3 sigma): {'within' if within else 'OUTSIDE'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the gateway's data listener")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--first-user", type=int, default=1)
    parser.add_argument("--canary", help="whose share to check")
    parser.add_argument("--percentage", type=float, help="what its share should be")
    parser.add_argument("--no-failures", action="store_true")
    options = parser.parse_args()

    load = Load(options.url, options.requests, options.seconds, options.first_user)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: load.stopped.set())
    load.run(options.connections)
    print(load.summary())
    good = not (options.no_failures and load.failures)
    if options.canary:
        within, words = split_verdict(load.versions, options.canary, options.percentage)
        print(words)
        good = good and within
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
