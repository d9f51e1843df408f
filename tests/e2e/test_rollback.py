"""A canary that breaks is taken out, told about, and stays out until a person says otherwise."""

import time

import pytest

from gateway import SANITIZED, one_model
from load import Load, by_version, failures
from model_server import CAR, JSON_BODY, PREDICT, ModelServer
from upstream import response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"
JUDGE = {"judge": {"method": "threshold", "window": "10s", "min_samples": 50}}


def predict(gateway, **options):
    return Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR, **options)


def wait_rolled_back(gateway, seconds=20):
    wait_until(lambda: gateway.model()["rollout"]["status"] == "rolled_back", seconds,
               "the canary is rolled back")


def command(gateway, name, **body):
    return gateway.admin_ask("POST", f"/internal/rollouts/comp-critic/{name}",
                             {"by": "anna", "reason": "looked at it", **body})


@pytest.fixture
def broken(gateways, models):
    """A gateway in front of the real servers, rolled back because v2 failed."""
    v1, v2 = models
    v2.fault(error_rate=0.3)
    gateway = gateways(one_model(v1.url, v2.url, 50, JUDGE))
    load = predict(gateway).start()
    wait_rolled_back(gateway)
    gateway.wait_applied_wholly(V1)
    load.stop()
    v2.fault()
    return gateway


def test_errors_take_the_canary_out_with_numbers(broken, models):
    model = broken.model()
    assert model["weight"]["effective"] == 0
    assert model["weight"]["cap"] == 0
    assert model["weight"]["limited_by"] == "cap"
    assert "error rate" in model["rollout"]["reason"], model
    assert "0.5%" in model["rollout"]["reason"]
    v2 = models[1]
    before = v2.requests()
    results = predict(broken, requests=300).run()
    assert not failures(results)
    assert by_version(results) == {V1: 300}
    assert v2.requests() == before
    entries = broken.admin_ask("GET", "/internal/history").json()["history"]
    rollback = [entry for entry in entries if entry["kind"] == "rollback"]
    assert len(rollback) == 1, entries
    assert rollback[0]["actor"] == "gateway"
    assert broken.metrics().sum("canary_gateway_rollbacks_total", model="comp-critic",
                                trigger="error_rate", mode="immediate") == 1


def test_the_rollback_is_told_in_the_log(broken):
    event = broken.wait_event("rollback")
    assert event["model"] == "comp-critic"
    assert "error rate" in event["reason"]


def test_a_latched_canary_stays_out(broken):
    answer = broken.set_flag(V2, 50)
    assert answer.status == 409
    assert "resume" in answer.body.decode()
    assert "is rolled back" in broken.model()["rollout"]["last_refusal"]
    broken.edit_model(canary={"rollout_percentage": 80})
    broken.reload()
    assert broken.model()["weight"]["effective"] == 0
    broken.stop()
    broken.restart()
    assert broken.model()["rollout"]["status"] == "rolled_back"
    assert broken.model_version() == {"model": V1}


def test_the_latch_survives_v3_and_the_models_removal(broken):
    config = broken.config
    broken.edit_model(canary={"version": "comp-critic_v3"})
    broken.reload()
    assert broken.model()["weight"]["effective"] == 50, "another version is another attempt"
    broken.edit(models={"comp-critic": None, "other": {
        "match": [{"path_prefix": "/"}],
        "stable": {"version": "other_v1", "endpoints": ["http://127.0.0.1:9"]}}})
    broken.reload()
    broken.reload(config)
    assert broken.model()["weight"]["effective"] == 0
    assert broken.model()["rollout"]["status"] == "rolled_back"


def test_resume_opens_the_latch(broken):
    assert command(broken, "resume").status == 200
    broken.wait_applied(50)
    results = predict(broken, requests=400).run()
    assert not failures(results)
    assert by_version(results)[V2] > 100
    assert broken.model()["rollout"]["status"] != "rolled_back"
    entries = str(broken.admin_ask("GET", "/internal/history").json())
    assert "anna" in entries
    assert "looked at it" in entries
    assert command(broken, "resume").status == 409, "there is nothing to resume"


def test_a_higher_attempt_in_the_file_opens_the_latch(broken):
    broken.edit_model(attempt=2)
    broken.wait_applied(50)
    broken.stop()
    broken.restart()
    broken.wait_applied(50)


def test_after_resume_old_evidence_does_not_count(broken):
    assert command(broken, "resume").status == 200
    broken.wait_applied(50)
    predict(broken, requests=200).run()
    time.sleep(1.5)  # a tick or more
    assert broken.model()["rollout"]["status"] != "rolled_back"


def test_an_operators_rollback_latches(gateways, models):
    v1, v2 = models
    gateway = gateways(one_model(v1.url, v2.url, 50, JUDGE))
    load = predict(gateway).start()
    wait_until(lambda: load.count() > 50)
    assert command(gateway, "rollback").status == 200
    assert gateway.model_version() == {"model": V1}
    assert not failures(load.stop())
    assert gateway.model()["rollout"]["status"] == "rolled_back"
    assert gateway.set_flag(V2, 10).status == 409


def test_slowness_takes_the_canary_out(gateways, models):
    v1, v2 = models
    v2.fault(latency_ms=400)
    gateway = gateways(one_model(v1.url, v2.url, 50, {**JUDGE, "slo": {"latency_p95": "200ms"}}))
    load = predict(gateway, connections=16).start()
    wait_rolled_back(gateway)
    results = load.stop()
    v2.fault()
    assert not failures(results)
    reason = gateway.model()["rollout"]["reason"]
    assert "p95" in reason, reason


def test_a_hanging_canary_counts_as_slow_before_it_answers(gateways, models):
    """The limits are on the age of what waits: nothing has to time out first."""
    v1, v2 = models[0], ModelServer(V2)
    v2.fault(latency_ms=30000)
    judge = {"judge": {"method": "threshold", "window": "10s", "min_samples": 20}}
    gateway = gateways(one_model(v1.url, v2.url, 50, {**judge, "slo": {"latency_p95": "200ms"}}))
    began = time.monotonic()
    load = predict(gateway, connections=60).start()
    wait_rolled_back(gateway, 15)
    assert time.monotonic() - began < 15
    load.stopping.set()
    v2.close()  # ends what hangs
    load.join()


def test_few_samples_decide_nothing(gateways, upstreams):
    stable = upstreams(answer=response(b"1"))
    canary = upstreams(answer=response(b"2", "500 Broken"))
    gateway = gateways(one_model(stable.url, canary.url, 100, JUDGE))
    Load(gateway.data, "GET", "/", requests=49).run()
    time.sleep(2)  # ticks pass
    model = gateway.model()
    assert model["weight"]["effective"] == 100
    error_rate = next(c for c in model["criteria"] if c["name"] == "error_rate")
    assert error_rate["verdict"] == "inconclusive"
    assert error_rate["samples"] == 49
    Load(gateway.data, "GET", "/", requests=1).run()
    wait_rolled_back(gateway)


def test_what_clients_cause_does_not_roll_back(gateways, upstreams):
    stable = upstreams(answer=response(b"1"))
    canary = upstreams(answer=response(b"2", "404 Not Found"))
    gateway = gateways(one_model(stable.url, canary.url, 100, JUDGE))
    Load(gateway.data, "GET", "/", requests=200).run()
    for _ in range(100):
        with gateway.client() as client:
            client.send(b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n")
            client.read_response()
    for _ in range(60):
        with gateway.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
            client.reset()
    time.sleep(2)
    assert gateway.model()["weight"]["effective"] == 100


def test_a_404_counts_where_the_file_says_so(gateways, upstreams):
    stable = upstreams(answer=response(b"1"))
    canary = upstreams(answer=response(b"2", "404 Not Found"))
    gateway = gateways(one_model(stable.url, canary.url, 50,
                                 {**JUDGE, "errors": {"also": [404]}}))
    load = Load(gateway.data, "GET", "/").start()
    wait_rolled_back(gateway)
    load.stop()


def test_a_dead_canary_is_rolled_back_and_nobody_notices(gateways, upstreams):
    stable, canary = upstreams(answer=response(b"1")), upstreams(answer=response(b"2"))
    gateway = gateways(one_model(stable.url, canary.url, 50, JUDGE))
    load = Load(gateway.data, "GET", "/").start()
    wait_until(lambda: load.count() > 100)
    canary.close()
    wait_rolled_back(gateway)
    results = load.stop()
    assert len(failures(results)) <= 4, failures(results)[:3]  # in flight when it died
    assert gateway.metrics().sum("canary_gateway_failovers_total") > 0


def test_overridden_requests_are_no_evidence(gateways, upstreams):
    stable = upstreams(answer=response(b"1"))
    canary = upstreams(answer=response(b"2", "500 Broken"))
    gateway = gateways(one_model(stable.url, canary.url, 1,
                                 {**JUDGE, "override": {"header": "X-Canary"}}))
    results = Load(gateway.data, "GET", "/", [("X-Canary", "always")], requests=300).run()
    assert by_version(results) == {V2: 300}
    time.sleep(2)
    assert gateway.model()["weight"]["effective"] == 1


def test_an_slo_changed_in_mid_window_begins_anew(gateways, models):
    """What was slow by the old SLO is no evidence against the new one, nor the other way round."""
    v1, v2 = models
    v2.fault(latency_ms=120)
    slo = {"slo": {"latency_p95": "1s"}}
    gateway = gateways(one_model(v1.url, v2.url, 50, {**JUDGE, **slo}))
    load = predict(gateway, connections=16).start()
    wait_until(lambda: load.count() > 400, 30)
    gateway.edit_model(slo={"latency_p95": "600ms"})
    gateway.reload()
    count = load.count()
    wait_until(lambda: load.count() > count + 200, 30)
    assert gateway.model()["weight"]["effective"] == 50
    buckets = gateway.metrics()
    assert buckets.sum("canary_gateway_request_duration_seconds_bucket", version=V2, le="0.6") > 0
    gateway.edit_model(slo={"latency_p95": "50ms"})
    gateway.reload()
    wait_rolled_back(gateway)
    results = load.stop()
    v2.fault()
    assert not failures(results)


def test_a_rollback_is_quick_even_under_sanitizers(gateways, models):
    v1, v2 = models
    gateway = gateways(one_model(v1.url, v2.url, 50, JUDGE))
    load = predict(gateway).start()
    wait_until(lambda: gateway.metrics().sum("canary_gateway_requests_total", version=V2) > 100, 30)
    v2.fault(error_rate=1)
    began = time.monotonic()
    wait_rolled_back(gateway)
    took = time.monotonic() - began
    load.stop()
    v2.fault()
    assert took < (10 if SANITIZED else 4), f"{took:.1f} s"
