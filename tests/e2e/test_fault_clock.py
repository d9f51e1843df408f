"""The wall clock jumps by an hour, as after a suspended machine or a wrong NTP server: what is timed
goes on as if nothing had been. libfaketime moves the clock of the gateway's process alone."""

import datetime
import os

import pytest

from gateway import SANITIZED
from trial import V2, Trial, judged, under_trial, wait_rolled_back

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

pytestmark = pytest.mark.skipif(
    SANITIZED or not os.path.exists(LIBRARY), reason="needs libfaketime, and no sanitizer beside it")


def history(gateway):
    return gateway.admin_ask("GET", "/internal/history").json()["history"]


def wall_seconds(gateway):
    """What the gateway believes the time is: that of the next log line."""
    position = gateway.position()
    gateway.reload()
    text = gateway.wait_event("config_in_force", after=position)["time"].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("jump", ["+3600", "-3600"])
def test_a_jump_of_the_wall_clock_decides_nothing(gateways, echoes, tmp_path, jump):
    """A phase with a hold of half an hour, a window of seconds, watched for a few seconds."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    settings = judged() | {
        "canary": {"rollout_percentage": 100},
        "plan": {"phases": [{"percentage": 20, "hold": "30m"}, {"percentage": 50, "hold": "30m"}]}}
    gateway = gateways(
        under_trial(echoes[0].url, echoes[1].url, tmp_path, settings),
        environment={"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(clock),
                     "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    trial = Trial(gateway, tmp_path)
    before, kinds = wall_seconds(gateway), [row["kind"] for row in history(gateway)]
    trial.fault()
    clock.write_text(jump)
    trial.last(2)
    assert abs(wall_seconds(gateway) - before - float(jump)) < 60, "the jump was seen"
    assert gateway.model()["weight"]["effective"] == 20
    assert gateway.model()["rollout"]["status"] == "running"
    assert [row["kind"] for row in history(gateway)] == kinds
    echoes[1].behave(error_rate=0.5)
    wait_rolled_back(gateway)
    took = gateway.metrics().sum("canary_gateway_rollback_in_force_seconds", model="comp-critic")
    assert 0 < took < 10
    trial.finish()
    assert {(r.status, r.version) for r in trial.failures()} == {(500, V2)}
