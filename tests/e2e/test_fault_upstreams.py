"""A model server dies, hangs, resets, refuses or takes no connections, under constant load."""

import collections
import signal
import time

import pytest

from gateway import SANITIZED
from open_load import quantile
from trial import LONG, RATE, UNJUDGED, V1, V2, Trial, judged, under_trial, wait_rolled_back
from upstream import FullBacklog
from waiting import wait_until

LASTS = 10 if LONG else 2
QUICK = {"connect": "400ms", "first_byte": "1s"}
REFUSED = (502, "upstream_connect_failed")
EJECTED = (503, "no_healthy_endpoint")


@pytest.fixture
def trial(gateways, echoes, tmp_path):
    """trial(model settings, percentage) in front of the echoes, or of another canary."""
    def start(model=None, percentage=10, canary=None):
        return Trial(gateways(under_trial(echoes[0].url, canary or echoes[1].url, tmp_path, model,
                                          percentage)), tmp_path)

    return start


def resume(gateway):
    answer = gateway.admin_ask("POST", "/internal/rollouts/comp-critic/resume",
                               {"by": "anna", "reason": "mended"})
    assert answer.status == 200, answer


def test_a_killed_canary_costs_what_was_in_flight_and_is_rolled_back(trial, echoes):
    trial = trial(judged())
    trial.fault()
    echoes[1].kill()
    wait_rolled_back(trial.gateway)
    event = trial.gateway.wait_event("rollback")
    assert (event["trigger"], event["before"]) == ("error_rate", 10)
    echoes[1].start()
    resume(trial.gateway)
    wait_until(lambda: len(echoes[1].seen()) > 5, what="the mended canary is asked")
    trial.finish(timed=True)
    failed = trial.failures()
    assert {result.version for result in failed} <= {V2}, failed[:3]
    assert len(failed) <= 20, "what was in flight, and no more"
    assert {result.code for result in failed} <= {"upstream_reset", None}, failed[:3]
    again = [result.id for result in failed if result.method == "POST" and result.id in
             echoes[0].seen()]
    assert not again, "a POST that may have been taken is not sent again"


def test_a_hanging_canary_is_told_at_the_deadline_and_rolled_back(trial, echoes):
    trial = trial(judged() | {"timeouts": QUICK, "failover": False})
    trial.fault()
    echoes[1].signal(signal.SIGSTOP)
    wait_rolled_back(trial.gateway)
    in_flight = trial.gateway.metrics().sum("canary_gateway_in_flight_requests", version=V2)
    assert in_flight < trial.rate, "what came within the deadline, not more"
    trial.last(1.5)
    assert trial.gateway.metrics().sum("canary_gateway_in_flight_requests", version=V2) == 0
    echoes[1].signal(signal.SIGCONT)  # its late answers are for nobody
    trial.last(0.5)
    trial.finish(timed=True)
    failed = trial.failures()
    assert failed and {(result.status, result.version) for result in failed} == {(504, V2)}
    took = [result.done_at - result.due_at for result in failed]
    assert min(took) > 0.35
    print(f"deadline 1 s; the last 504 came after {max(took):.2f} s")
    assert max(took) < 5


def test_resets_are_counted_once_and_no_post_is_sent_twice(trial, echoes):
    trial = trial(UNJUDGED)
    echoes[1].behave(reset_rate=1)
    trial.fault()
    trial.last(LASTS)
    echoes[1].behave()
    trial.finish(timed=True)
    failed = trial.failures()
    assert len(failed) > LASTS * RATE / 30
    assert {(result.status, result.code) for result in failed} == {(502, "upstream_reset")}
    seen = echoes[1].seen()
    methods = {result.id: result.method for result in trial.results}
    for name, times in seen.items():
        # An idempotent request is tried once more when it met a kept connection.
        assert times == 1 or (methods[name] == "GET" and times == 2), (name, times)


def test_a_canary_that_takes_no_connection_costs_one_connect_timeout(trial):
    full = FullBacklog()
    trial = trial(UNJUDGED | {"timeouts": QUICK, "failover": False}, 50, full.url)
    trial.fault()
    trial.last(LASTS)
    metrics = trial.gateway.metrics()
    assert metrics.sum("canary_gateway_in_flight_requests", version=V2) < trial.rate
    assert trial.gateway.descriptors() < trial.descriptors + trial.rate
    trial.finish(timed=True)
    full.close()
    failed = trial.failures()
    assert {r.version for r in failed} == {V2}
    timed_out = (504, "upstream_connect_timeout")
    waited = [r for r in failed if (r.status, r.code) == timed_out]
    assert min(result.done_at - result.due_at for result in waited) > 0.35
    # Once it is ejected, one request at a time finds out; the others are told at once.
    assert {(r.status, r.code) for r in failed} == {timed_out, EJECTED}
    assert len(waited) < len(failed) / 2


def test_a_refusing_canary_is_told_at_once_without_a_busy_loop(trial, echoes):
    trial = trial(UNJUDGED | {"failover": False}, 50)
    trial.fault()
    echoes[1].behave(refuse=True)
    began, used = time.monotonic(), trial.gateway.cpu_seconds()
    trial.last(LASTS)
    busy = (trial.gateway.cpu_seconds() - used) / (time.monotonic() - began)
    assert busy < 0.2 or SANITIZED, f"{busy:.0%} of a processor"
    echoes[1].behave()
    back = len(echoes[1].seen())
    wait_until(lambda: len(echoes[1].seen()) > back + 5, 10, "the canary is asked again")
    trial.finish(timed=True)
    failed = trial.failures()
    codes = collections.Counter((result.status, result.code) for result in failed)
    assert set(codes) <= {REFUSED, EJECTED, (502, "upstream_reset")}, codes
    assert codes[REFUSED] >= 5 and codes[REFUSED] + codes[EJECTED] > LASTS * RATE / 8
    print(f"refused after {quantile(failed, 0.5):.1f} ms in the median, {busy:.0%} of a processor")
    assert quantile(failed, 0.5) < (50 if LONG else 1000)


@pytest.mark.parametrize("late", [0, 0.1], ids=["together", "a moment after stable"])
def test_when_both_are_dead_nothing_is_decided(trial, echoes, late):
    """The weight stays: the canary is no worse than stable, and there is nobody else to ask. Nor is
    it charged with a back-off when both are back, or it a moment later."""
    trial = trial(judged(), 50)
    echoes[0].behave(refuse=True)
    echoes[1].behave(refuse=True)
    trial.fault()
    trial.last(LASTS + 1)
    model = trial.gateway.model()
    assert model["weight"]["effective"] == 50
    reading = next(c for c in model["criteria"] if c["name"] == "error_rate")
    assert reading["verdict"] == "inconclusive" and "both versions fail" in reading["reason"]
    for echo in echoes if late else echoes[::-1]:
        echo.behave()
        trial.last(late)
    wait_until(lambda: trial.gateway.ask("GET", "/echo?x").status == 200, 10, "they are back")
    returned = trial.gateway.metrics().sum("canary_gateway_failovers_total")

    def nothing_fails_over():
        before = trial.gateway.metrics().sum("canary_gateway_failovers_total")
        trial.last(6 if LONG else 1)
        return trial.gateway.metrics().sum("canary_gateway_failovers_total") == before

    wait_until(nothing_fails_over, 20, "the canary is asked again as soon as stable is")
    late = trial.gateway.metrics().sum("canary_gateway_failovers_total") - returned
    assert late < trial.rate / 2, "less than a second's, of which the canary gets one half"
    assert trial.gateway.model()["weight"]["effective"] == 50
    trial.finish(timed=True)
    failed = [r for r in trial.failures() if r.code != "upstream_reset"]
    assert {(r.status, r.code) for r in failed} == {REFUSED, EJECTED}
    assert {r.version for r in failed} == {V1}, "stable was tried for every one of them"
