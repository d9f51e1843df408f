"""What clients do cannot take a canary out, and cannot keep a broken one in."""

import threading

import pytest

from flood import SMALL_BODIES, Flood
from gateway import SANITIZED, one_model
from load import Load
from trial import LONG, V1, V2, Trial, judged, under_trial, wait_rolled_back
from upstream import response
from waiting import wait_until

FLOOD = 10_000 if LONG else 250 if SANITIZED else 1000
SLO = {"slo": {"latency_p95": "400ms"}}


@pytest.fixture
def attacked(gateways, echoes, tmp_path):
    """attacked(model settings): a trial whose stable and canary share the traffic."""
    def start(model=None, percentage=50, **top):
        for echo in echoes:
            echo.behave(statuses={"/nothing": "404 Not Found"})
        return Trial(gateways(under_trial(
            echoes[0].url, echoes[1].url, tmp_path, judged() | (model or {}), percentage,
            data=SMALL_BODIES, **top)), tmp_path)

    return start


def reading(gateway, name="error_rate"):
    return next(c for c in gateway.model()["criteria"] if c["name"] == name)


def test_ten_thousand_bad_clients_take_nobody_out(attacked):
    trial = attacked()
    trial.fault()
    Flood(trial.gateway, FLOOD).join()
    assert reading(trial.gateway)["value"] == 0
    assert trial.gateway.model()["weight"]["effective"] == 50
    trial.finish()
    assert not trial.failures()


def test_a_bad_canary_does_not_hide_behind_them(attacked, echoes):
    """2% of its answers are errors. Were the flood's share evidence, they would be below the limit."""
    trial = attacked(judged(window="20s", min_samples=100) | {"triggers": {"error_rate": "1%"}})
    flood = Flood(trial.gateway)
    echoes[1].behave(statuses={"/nothing": "404 Not Found"}, error_rate=0.02)
    trial.fault()
    wait_rolled_back(trial.gateway, 60)
    flood.stop()
    event = trial.gateway.wait_event("rollback")
    assert event["trigger"] == "error_rate" and event["value"] > 0.01
    trial.finish()
    assert {(r.status, r.version) for r in trial.failures()} <= {(500, V2)}


def test_a_canary_that_fails_always_does_not_hide_behind_what_stable_is_made_to_fail(
        attacked, echoes):
    """Requests on which both fail: stable is above the limit too, and still the better one."""
    trial = attacked(judged(min_samples=50))
    for echo, rate in zip(echoes, (0, 1)):
        echo.behave(statuses={"/poison": "500 Broken"}, error_rate=rate)
    poison = Load(trial.gateway.data, "GET", "/poison", connections=1).start()
    trial.fault()
    wait_rolled_back(trial.gateway)
    poison.stop()
    trial.finish()


def test_clients_that_leave_do_not_hide_a_slow_canary(attacked, echoes):
    """They wait longer than the SLO's limit, and then leave: no answer ever comes late."""
    trial = attacked(SLO)
    echoes[1].behave(delay_ms=20_000)
    stop = threading.Event()

    def impatient():
        while not stop.is_set():
            with trial.gateway.client() as client:
                client.request("GET", "/a")
                client.socket.settimeout(0.8)
                try:
                    client.read_response()
                except OSError:
                    client.reset()

    threads = [threading.Thread(target=impatient) for _ in range(30)]
    for thread in threads:
        thread.start()
    trial.load.process.send_signal(15)  # nobody but them
    wait_rolled_back(trial.gateway)
    stop.set()
    for thread in threads:
        thread.join()
    assert trial.gateway.wait_event("rollback")["trigger"] == "latency_p95"
    assert trial.gateway.metrics().sum("canary_gateway_requests_total", version=V2,
                                       outcome="client_abort") > 0


def test_clients_that_leave_at_the_status_do_not_hide_a_failing_canary(gateways, upstreams):
    """They close when they see a 500, as many do, and never read its body."""
    def fails_slowly(exchange):
        exchange.send(b"HTTP/1.1 500 Broken\r\nContent-Length: 100\r\n\r\nsorry")
        exchange.client_gone()

    gateway = gateways(one_model(upstreams(response(b"1")).url,
                                 upstreams(handler=fails_slowly).url, 50, judged()))
    for _ in range(60):
        with gateway.client() as client:
            client.request("GET", "/")
            client.read_head()
    wait_rolled_back(gateway)


def test_a_client_that_chooses_the_canary_judges_nothing(attacked, echoes):
    """By the override's header: neither its errors nor its successes count."""
    trial = attacked({"override": {"header": "X-Canary"}})
    for echo in echoes:
        echo.behave(statuses={"/poison": "500 Broken"})
    Load(trial.gateway.data, "GET", "/poison", [("X-Canary", "always")], requests=FLOOD // 2).run()
    before = wait_until(lambda: reading(trial.gateway)["samples"], what="samples")
    assert reading(trial.gateway)["value"] == 0 and before < FLOOD // 2
    assert trial.gateway.model()["weight"]["effective"] == 50
    trial.finish()
    assert not trial.failures(V1)
