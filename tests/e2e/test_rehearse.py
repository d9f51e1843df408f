"""Every scenario of config/scenarios is played against its plan, and comes out as it says."""

import json
import os
import pathlib
import subprocess

import pytest

from gateway import BINARY

CONFIG = pathlib.Path(__file__).parents[2] / "config"
SCENARIOS = sorted(CONFIG.glob("scenarios/*/*.yaml"))
# Weeks are too long under a sanitizer: these are hours, or end early.
SHORT = {"crash-at-once", "critical-bug", "hang", "quality"}


def rehearse(scenario, *options):
    plan = CONFIG / "plans" / f"{scenario.parent.name}.yaml"
    return subprocess.run([BINARY, "rehearse", "-c", plan, "--scenario", scenario, *options],
                          capture_output=True, text=True, timeout=300, check=False)


def name_of(scenario):
    return f"{scenario.parent.name}/{scenario.stem}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_a_scenario_comes_out_as_it_says(scenario):
    if os.environ.get("CANARY_SANITIZER", "none") != "none" and scenario.stem not in SHORT:
        pytest.skip("too long under a sanitizer")
    done = rehearse(scenario)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert done.stderr == ""
    assert "of 0 met" not in done.stdout and "expected: nothing" not in done.stdout


def test_every_plan_has_scenarios_and_every_trigger_has_one():
    plans = {plan.stem for plan in CONFIG.glob("plans/*.yaml")}
    assert {scenario.parent.name for scenario in SCENARIOS} == plans
    texts = "".join(scenario.read_text(encoding="utf-8") for scenario in SCENARIOS)
    for trigger in ("error_rate", "latency_p95", "quality_degradation", "critical_bug",
                    "insufficient_data", "flag"):
        assert f"rollback: {trigger}" in texts, trigger


def test_as_json_everything_is_one_document_the_same_each_time():
    scenario = CONFIG / "scenarios" / "comp-critic" / "hang.yaml"
    once, again = (rehearse(scenario, "--json", "--seed", "3") for _ in range(2))
    assert once.stdout == again.stdout
    story = json.loads(once.stdout)
    assert story["ok"] and story["seed"] == 3
    kinds = [moment["what"] for moment in story["timeline"] if moment["type"] == "entry"]
    assert kinds[-4:] == ["in_force", "drained", "verified", "watched"]
    rollback, = [moment for moment in story["timeline"]
                 if moment["type"] == "entry" and moment["what"] == "rollback"]
    assert (rollback["before"], rollback["after"]) == (10, 0)
    assert rollback["trigger"] == "latency_p95"
    course = story["models"][0]["course"]
    assert [change["seconds"] for change in course] == sorted(
        change["seconds"] for change in course)
