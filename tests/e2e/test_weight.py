"""The weight is what people and evidence allow, exactly, and nothing ever raises it by accident."""

import random
import sqlite3
import time

import pytest

from gateway import SANITIZED, one_model
from load import Load, by_version, failures
from model_server import CAR, JSON_BODY, PREDICT
from upstream import FullBacklog, response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"


@pytest.fixture
def two(gateways, upstreams):
    stable, canary = upstreams(answer=response(b"1")), upstreams(answer=response(b"2"))

    def start(percentage, model=None, **top):
        gateway = gateways(one_model(stable.url, canary.url, percentage, model, **top))
        gateway.canary_upstream = canary
        return gateway

    return start


def weight(gateway):
    return gateway.model()["weight"]


def test_the_effective_weight_is_the_least_and_says_why(two):
    gateway = two(40)
    assert weight(gateway) == {"file": 40, "flag": 100, "phase": 100, "cap": 100,
                               "effective": 40, "limited_by": "file"}
    answer = gateway.set_flag(V2, 15)
    assert answer.status == 200
    body = answer.json()
    assert (body["rollout_percentage"], body["effective"], body["limited_by"]) == (15, 15, "flag")
    assert weight(gateway)["effective"] == 15
    assert gateway.model_version() == {"model": V1,
                                       "canary": {"model": V2, "rollout_percentage": 15}}
    assert gateway.set_flag(V2, 80).json()["effective"] == 40
    assert gateway.admin_ask("GET", f"/internal/flags/{V2}").json()["rollout_percentage"] == 80
    assert gateway.admin_ask("DELETE", f"/internal/flags/{V2}", {}).status == 200
    assert weight(gateway)["limited_by"] == "file"


def test_percentages_are_kept_to_the_basis_point(two):
    gateway = two(12.34)
    assert weight(gateway)["effective"] == 12.34
    assert gateway.set_flag(V2, 0.01).json()["effective"] == 0.01
    for wrong in (-1, 100.01, "ten", None, 1e999, [10]):
        answer = gateway.set_flag(V2, wrong) if wrong != 1e999 else gateway.admin_ask(
            "PUT", f"/internal/flags/{V2}", b'{"rollout_percentage": 1e999}')
        assert answer.status in (400, 422), wrong
    assert weight(gateway)["effective"] == 0.01


def test_an_unknown_version_is_404(two):
    assert two(10).set_flag("comp-critic_v3", 0).status == 404


def test_put_zero_under_load_takes_every_request_away(gateways, models):
    """After the PUT is answered, or model-version says v1, not one request reaches v2."""
    v1, v2 = models
    gateway = gateways(one_model(v1.url, v2.url, 50))
    load = Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR, connections=16).start()
    for round_number in range(6):
        assert gateway.set_flag(V2, 100).status == 200
        gateway.wait_applied(50)
        seen = v2.requests()
        wait_until(lambda: v2.requests() > seen + 20, what="v2 is asked")
        assert gateway.set_flag(V2, 0).status == 200
        asked_at = time.monotonic()
        assert gateway.model_version() == {"model": V1}
        drained = wait_until(lambda: in_flight(gateway, V2) == 0, what="v2 is drained") is not None
        before = v2.requests()
        count = load.count()
        wait_until(lambda: load.count() > count + 200, 30, "the load goes on")
        assert v2.requests() == before, "v2 was asked after model-version said v1"
        assert drained
    results = load.stop()
    assert not failures(results), failures(results)[:3]
    late = [result for result in results if result.sent_at > asked_at and result.version == V2]
    assert not late


def in_flight(gateway, version):
    return gateway.metrics().sum("canary_gateway_in_flight_requests", version=version)


def test_not_one_request_is_sent_to_the_canary_after_the_put(two):
    """The same on raw sockets, where the time at which a request was sent is known exactly."""
    gateway = two(100)
    load = Load(gateway.data, "GET", "/", connections=8).start()
    for _ in range(20):
        assert gateway.set_flag(V2, 100).status == 200
        seen = len(gateway.canary_upstream.requests)
        wait_until(lambda: len(gateway.canary_upstream.requests) > seen + 5)
        assert gateway.set_flag(V2, 0).status == 200
        put_at = time.monotonic()
        count = load.count()
        wait_until(lambda: load.count() > count + 50)
        back_at = time.monotonic()
        with load.lock:
            wrong = [result for result in load.results
                     if put_at < result.sent_at < back_at and result.version == V2]
        assert not wrong
    assert not failures(load.stop())


def test_a_request_that_still_connects_is_picked_again(gateways, upstreams):
    """In force also means: no request picked for the canary has yet to send its head."""
    canary, stable = FullBacklog(), upstreams(answer=response(b"1"))
    gateway = gateways(one_model(stable.url, canary.url, 100, {"timeouts": {"connect": "20s"}}))
    load = Load(gateway.data, "GET", "/", connections=5, requests=5).start()
    wait_until(lambda: in_flight(gateway, V2) == 5)
    assert gateway.set_flag(V2, 0).status == 200
    assert canary.accept_all() == b"", "a head was sent after the PUT was answered"
    results = load.join(30)
    canary.close()
    assert not failures(results)
    assert by_version(results) == {V1: 5}
    gateway.wait_outcomes({"ok": 5}, version=V1)
    gateway.wait_outcomes({}, version=V2)
    assert in_flight(gateway, V2) == 0


def test_put_zero_then_restart(two):
    gateway = two(50)
    assert gateway.set_flag(V2, 0).status == 200
    gateway.stop()
    gateway.restart()
    assert weight(gateway)["effective"] == 0
    assert weight(gateway)["limited_by"] == "flag"
    assert gateway.set_flag(V2, 20).json()["effective"] == 20
    gateway.stop()
    gateway.restart()
    assert weight(gateway)["effective"] == 20


def test_put_zero_then_kill_and_restart(two):
    gateway = two(50)
    for _ in range(10):
        assert gateway.set_flag(V2, 0).status == 200
        gateway.kill()
        gateway.restart()
        assert weight(gateway)["effective"] == 0
        assert gateway.set_flag(V2, 50).status == 200


@pytest.mark.parametrize("seed", range(3))
def test_kill_around_weight_changes_never_raises(two, seed):
    """Flags go up and down; the process is killed at random. What it answers after the restart is
    at most the last committed raise, and never above a lowering that was answered."""
    dice = random.Random(seed)
    gateway = two(100)
    rounds = 6 if SANITIZED else 20
    for _ in range(rounds):
        assert gateway.set_flag(V2, 60).status == 200
        steps, answered = [60], 60
        kill_at = time.monotonic() + dice.random() * 0.03
        while time.monotonic() < kill_at:
            step = dice.choice([5, 10, 25, 40])
            steps.append(step)
            if gateway.set_flag(V2, step).status == 200:
                answered = step
        gateway.kill()
        gateway.restart()
        assert weight(gateway)["effective"] == answered
        assert gateway.model_version()["canary"]["rollout_percentage"] == answered


def test_kill_in_the_middle_of_a_put_leaves_the_old_or_the_new_weight(two):
    import threading

    dice = random.Random(11)
    gateway = two(100)
    for _ in range(4 if SANITIZED else 12):
        before, after = dice.sample([10, 30, 50, 70], 2)
        assert gateway.set_flag(V2, before).status == 200

        def put():
            try:
                gateway.set_flag(V2, after)
            except (OSError, EOFError):
                pass

        thread = threading.Thread(target=put)
        thread.start()
        time.sleep(dice.random() * 0.01)
        gateway.kill()
        thread.join()
        gateway.restart()
        assert weight(gateway)["effective"] in (before, after)


def failing(seed_percentage=50):
    return {"judge": {"method": "threshold", "window": "5s", "min_samples": 20},
            "triggers": {"error_rate": "5%"}}


def test_kill_around_a_rollback_never_raises(gateways, upstreams):
    """Killed at a random moment around the decision: once seen rolled back, it stays so, and a
    restart never shows more than was in force before."""
    dice = random.Random(5)
    stable = upstreams(answer=response(b"1"))
    canary = upstreams(answer=response(b"2", "500 Broken"))
    gateway = gateways(one_model(stable.url, canary.url, 50, failing()))
    for _ in range(4 if SANITIZED else 12):
        load = Load(gateway.data, "GET", "/", connections=4).start()
        wait_until(lambda: load.count() > 40)
        seen_rolled_back = False
        kill_at = time.monotonic() + dice.random() * 1.2
        while time.monotonic() < kill_at:
            seen_rolled_back = gateway.model()["rollout"]["status"] == "rolled_back"
        gateway.kill()
        load.stop()
        gateway.restart()
        after = weight(gateway)["effective"]
        assert after in (0, 50)
        if seen_rolled_back:
            assert after == 0
        if after == 0:
            assert gateway.model()["rollout"]["status"] == "rolled_back"
            assert gateway.model_version() == {"model": V1}
            assert gateway.admin_ask("POST", "/internal/rollouts/comp-critic/resume",
                                     {"by": "test", "reason": "next round"}).status == 200
    database = sqlite3.connect(gateway.directory / "state" / "state.db")
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_file_edited_to_zero_is_a_rollback_that_a_higher_number_lifts(two):
    gateway = two(30)
    gateway.edit_model(canary={"rollout_percentage": 0})
    gateway.wait_applied_wholly(V1)
    gateway.edit_model(canary={"rollout_percentage": 30})
    gateway.wait_applied(30)


def test_a_corrupt_database_begins_with_every_canary_latched(two):
    gateway = two(50)
    assert gateway.set_flag(V2, 40).status == 200
    gateway.stop()
    database = gateway.directory / "state" / "state.db"
    for extra in ("-wal", "-shm"):
        (database.parent / (database.name + extra)).unlink(missing_ok=True)
    content = bytearray(database.read_bytes())
    content[0:4096] = b"\xa5" * 4096
    database.write_bytes(content)
    gateway.restart()
    assert weight(gateway)["effective"] == 0
    assert gateway.model()["rollout"]["status"] == "rolled_back"
    assert gateway.model_version() == {"model": V1}
    aside = [path.name for path in database.parent.iterdir() if "corrupt" in path.name]
    assert aside, sorted(path.name for path in database.parent.iterdir())
    assert gateway.set_flag(V2, 40).status == 409
    gateway.stop()
    gateway.restart()
    assert weight(gateway)["effective"] == 0, "still, after another restart"


def test_a_lost_latch_file_never_raises(two):
    gateway = two(50)
    assert gateway.set_flag(V2, 10).status == 200
    gateway.stop()
    (gateway.directory / "state" / "latch").write_bytes(b"\xff" * 8192)
    gateway.restart()
    assert weight(gateway)["effective"] <= 10


def test_the_load_is_spread_as_the_weight_says_after_many_changes(two):
    gateway = two(100)
    for percentage in (1, 99, 5, 70, 20):
        gateway.set_flag(V2, percentage)
    results = Load(gateway.data, "GET", "/", requests=2000).run()
    share = by_version(results)[V2] / len(results)
    assert abs(share - 0.2) < 0.045  # five sigma
