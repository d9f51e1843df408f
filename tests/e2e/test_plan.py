"""A plan of seconds: phases, people, the ladder, the proof, and kill -9 in the middle of it."""

import os
import random
import sqlite3
import threading
import time

import pytest

from client import Client
from gateway import SANITIZED, one_model
from load import Load
from model_server import CAR, JSON_BODY, PREDICT
from upstream import response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"
SLOWLY = 3 if SANITIZED else 1


def plan(**more):
    """Judged within a second, held for one; a phase has 10, 50 and 100%."""
    hold = f"{1000 * SLOWLY}ms"
    return {"judge": {"method": "threshold", "window": "1s", "min_samples": 10},
            "canary": {"rollout_percentage": 100},
            "plan": {"phases": [{"percentage": 10, "hold": hold}, {"percentage": 50, "hold": hold},
                                {"percentage": 100, "hold": hold}], **more.pop("plan", {})},
            "rollback": {"watch": "1s", "drain": "500ms", "rung_hold": "1s"}, **more}


def history(gateway):
    """Oldest first."""
    answer = gateway.admin_ask("GET", "/internal/history?limit=500")
    return answer.json()["history"][::-1]


def kinds(gateway):
    return [row["kind"] for row in history(gateway)]


def wait_kind(gateway, kind, seconds=30):
    return wait_until(lambda: next((row for row in history(gateway) if row["kind"] == kind), None),
                      seconds * SLOWLY, f"{kind} is in the history", every=0.05)


def status(gateway):
    return gateway.model()["rollout"]["status"]


def command(gateway, name, **body):
    return gateway.admin_ask("POST", f"/internal/rollouts/comp-critic/{name}",
                             {"by": "anna", "reason": "looked at it", **body})


@pytest.fixture
def rollout(gateways, models):
    """rollout(model settings): a gateway in front of the real servers, under load."""
    loads = []

    def start(settings):
        v1, v2 = models
        v2.fault()
        gateway = gateways(one_model(v1.url, v2.url, 100, settings))
        loads.append(Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR).start())
        return gateway

    yield start
    for load in loads:
        load.stop()


def test_a_healthy_canary_walks_through_its_plan(rollout):
    gateway = rollout(plan())
    wait_kind(gateway, "complete")
    rows = [row for row in history(gateway) if row["kind"] in ("phase", "complete")]
    assert [(row["before"], row["after"]) for row in rows] == [(10, 50), (50, 100), (100, 100)]
    assert all("error rate 0%" in row["reason"] for row in rows), rows
    assert status(gateway) == "complete"
    gateway.wait_applied(100)


def test_a_manual_gate_waits_for_a_person(rollout):
    gateway = rollout(plan(plan={"advance": "manual"}))
    gate = wait_kind(gateway, "gate")
    assert "canary-gateway promote comp-critic" in gate["reason"]
    assert gateway.model()["weight"]["effective"] == 10
    assert command(gateway, "promote").status == 200
    gateway.wait_applied(50)
    assert status(gateway) == "running"


def test_a_trigger_is_heard_while_paused(rollout, models):
    gateway = rollout(plan())
    assert command(gateway, "pause").status == 200
    assert status(gateway) == "paused"
    models[1].fault(error_rate=0.5)
    wait_kind(gateway, "rollback")
    gateway.wait_applied_wholly(V1)
    assert status(gateway) == "rolled_back"


def test_a_rollback_is_proved_and_watched_with_times(rollout, models):
    gateway = rollout(plan())
    models[1].fault(error_rate=0.5)
    wait_kind(gateway, "watched")
    rows = history(gateway)
    at = kinds(gateway).index("rollback")
    assert kinds(gateway)[at:] == ["rollback", "in_force", "drained", "verified", "watched"]
    assert '{"model":"comp-critic_v1"}' in rows[at + 3]["reason"]
    assert "stable watched for 1s: error rate 0%" in rows[at + 4]["reason"]
    took = gateway.metrics().sum("canary_gateway_rollback_in_force_seconds", model="comp-critic")
    assert 0 < took < 5
    shown = gateway.model()["rollout"]["rollback"]
    assert shown["number"] == 1 and shown["proof"] == "none"
    assert shown["in_force_seconds"] == pytest.approx(took)


def test_a_gradual_rollback_goes_down_rung_by_rung(rollout):
    gateway = rollout(plan())
    wait_kind(gateway, "complete")
    assert command(gateway, "rollback", mode="gradual").status == 200
    wait_kind(gateway, "watched", 60)
    rows = [row for row in history(gateway) if row["kind"] in ("rollback", "rung")]
    assert [(row["before"], row["after"]) for row in rows] == [
        (100, 50), (50, 25), (25, 10), (10, 0)]
    assert gateway.metrics().sum("canary_gateway_rollbacks_total", model="comp-critic",
                                 trigger="operator", mode="gradual") == 1
    assert status(gateway) == "rolled_back"


def test_a_canary_that_gets_worse_on_the_ladder_goes_straight_to_0(rollout, models):
    gateway = rollout(plan(rollback={"mode": "gradual", "rung_hold": "10m", "watch": "1s"}))
    wait_kind(gateway, "complete")
    models[1].fault(error_rate=0.5)
    rung = wait_kind(gateway, "rung")
    assert (rung["before"], rung["after"]) == (50, 0)
    assert "straight to 0%" in rung["reason"] and "doubled" in rung["reason"]
    gateway.wait_applied_wholly(V1)


def test_a_person_sends_it_down_the_ladder_and_then_to_0_at_once(rollout):
    gateway = rollout(plan(rollback={"rung_hold": "10m"}))
    wait_kind(gateway, "complete")
    assert command(gateway, "rollback", mode="gradual").status == 200
    gateway.wait_applied(50)
    assert status(gateway) == "rolling_back"
    assert command(gateway, "rollback", mode="gradual").status == 409
    assert command(gateway, "rollback").status == 200
    gateway.wait_applied_wholly(V1)
    assert status(gateway) == "rolled_back"


def test_streams_to_the_canary_are_closed_after_the_drain_time(gateways, upstreams):
    """The runbook's line: the flag set to 0. A stream that would go on for ever is ended."""
    started, end = threading.Event(), threading.Event()

    def endless(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        started.set()
        end.wait(30)
        exchange.close()

    v1, v2 = upstreams(response(body=b"v1")), upstreams(handler=endless)
    gateway = gateways(one_model(v1.url, v2.url, 100, {
        "failover": False, "rollback": {"watch": "1s", "drain": "300ms"}}))
    try:
        client = Client(gateway.data)
        client.request("GET", "/")
        assert started.wait(10)
        assert client.read_head().status == 200
        assert client.read_chunk() == b"data: 1\n\n"
        assert gateway.set_flag(V2, 0).status == 200
        assert client.read_bytes(100) == b"", "cut short: no last chunk"
        drained = wait_kind(gateway, "drained")
        assert "1 requests to comp-critic_v2 were still in flight" in drained["reason"]
        wait_kind(gateway, "verified")
        gateway.wait_outcomes({"gateway_error": 1}, version=V2)
    finally:
        end.set()


def settle(gateway):
    """(weight, latched) as this life ends to be asked about; None when it does not answer."""
    try:
        model = gateway.model()
        return model["weight"]["effective"], model["rollout"]["latched"], model["rollout"]["phase"]
    except (OSError, ValueError, AssertionError):
        return None


def test_kill_9_at_random_points_of_a_rollout_raises_nothing_and_forgets_no_rollback(
        gateways, models):
    """CANARY_KILLS of them; a seed names the points. A raise may have been committed and not yet
    seen: one phase above what was last seen is what it may have become, no more."""
    kills = int(os.environ.get("CANARY_KILLS", "4" if SANITIZED else "12"))
    rng = random.Random(int(os.environ.get("CANARY_SEED", "1")))
    v1, v2 = models
    v2.fault()
    gateway = gateways(one_model(v1.url, v2.url, 100, plan()))
    weights = [10, 50, 100]
    try:
        for number in range(kills):
            load = Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR).start()
            broken = rng.random() < 0.4
            v2.fault(error_rate=0.5 if broken else 0)
            before = None
            ends_at = time.monotonic() + rng.uniform(0, 2.5 * SLOWLY)
            while time.monotonic() < ends_at:
                before = settle(gateway) or before
            before = settle(gateway) or before
            gateway.kill()
            load.stop()
            gateway.restart()
            after = settle(gateway)
            where = f"kill {number}: {before} -> {after}\n{gateway.log()}"
            if before is None:
                continue
            if before[1]:
                assert after[1] and after[0] == 0, where
            reachable = [w for w in weights if w <= before[0]] + [
                w for w in weights if w > before[0]][:1]
            assert after[0] in [0, *reachable], where
            if before[0] == 0:
                assert after[0] == 0, where
            if after[1]:
                assert command(gateway, "resume").status == 200
            with sqlite3.connect(f"file:{gateway.directory}/state/state.db?mode=ro",
                                 uri=True) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        v2.fault()
