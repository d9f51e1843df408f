"""What people ask for: decided on what they saw, done once, bounded, told in order; and what the
gateway's own texts tell them to run works in the state they are told it in."""

import re
import shlex
import subprocess
import threading

import pytest

from admin_proxy import AdminProxy
from gateway import BINARY, SANITIZED, one_model
from load import Load
from receiver import Receiver
from upstream import response
from waiting import wait_until

MODEL, V1, V2 = "comp-critic", "comp-critic_v1", "comp-critic_v2"
PHASES = [{"percentage": 10, "hold": "7d"}, {"percentage": 50, "hold": "7d"},
          {"percentage": 100, "hold": "14d"}]
JUDGE = {"method": "threshold", "window": "1s", "min_samples": 10}


@pytest.fixture
def planned(gateways, upstreams):
    """planned(model settings, **top): a gateway with a plan in its first phase, at 10%."""
    def start(settings=None, **top):
        stable, canary = upstreams(), upstreams()
        model = {"judge": JUDGE, "canary": {"rollout_percentage": 100}, "plan": {"phases": PHASES},
                 **(settings or {})}
        gateway = gateways(one_model(stable.url, canary.url, 100, model, **top))
        gateway.canary_server = canary
        return gateway
    return start


@pytest.fixture
def loads():
    started = []

    def start(gateway):
        started.append(Load(gateway.data).start())

    yield start
    for load in started:
        load.stop()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def command(gateway, name, headers=(), **body):
    return gateway.admin_ask("POST", f"/internal/rollouts/{MODEL}/{name}",
                             {"by": "anna", "reason": "looked at it", **body}, headers)


def history(gateway):
    """Oldest first."""
    answer = gateway.admin_ask("GET", "/internal/history?limit=1000")
    return answer.json()["history"][::-1]


def rollout(gateway):
    return gateway.model()["rollout"]


def tag(gateway):
    return gateway.admin_ask("GET", "/internal/status").get("ETag")


def cli(gateway, *arguments, admin=None):
    url = admin or "http://%s:%d" % gateway.admin
    return subprocess.run([BINARY, *arguments, "--admin", url], capture_output=True, text=True,
                          timeout=60, check=False)


def at_once(count, call):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("body", [{}, {"expect": {"phase": 1}}])
def test_promotes_that_meet_one_another_end_one_phase_at_most(planned, body):
    gateway = planned()
    answers = at_once(5, lambda: command(gateway, "promote", **body).status)
    assert sorted(answers) == ([200] + [409] * 4 if body else [409] * 5)
    assert rollout(gateway)["phase"] == (2 if body else 1)


def test_a_measured_phase_ends_and_the_next_one_does_not_at_once(planned, loads):
    gateway = planned()
    loads(gateway)
    wait_until(lambda: rollout(gateway)["judged_seconds"] > 0, 20, "something was judged")
    assert command(gateway, "promote").status == 200
    assert command(gateway, "promote").status == 409
    assert cli(gateway, "promote", MODEL, "--reason", "good").returncode == 1
    assert rollout(gateway)["phase"] == 2


def test_the_tag_stands_for_what_a_decision_rests_on(planned, loads):
    gateway = planned()
    first = tag(gateway)
    loads(gateway)
    wait_until(lambda: rollout(gateway)["judged_seconds"] > 1, 20, "requests were counted")
    assert tag(gateway) == first
    assert command(gateway, "promote", [("If-Match", f'"x", {first}')]).status == 200
    late = command(gateway, "promote", [("If-Match", first)])
    assert late.status == 409
    assert late.json()["error"]["code"] == "expectation_failed"
    assert rollout(gateway)["phase"] == 2
    assert command(gateway, "pause", [("If-Match", "nonsense")]).status == 400
    assert gateway.admin_ask("POST", "/internal/reload", {}, [("If-Match", first)]).status == 409
    second = tag(gateway)
    assert command(gateway, "pause", [("If-Match", second)]).status == 200
    assert tag(gateway) != second


def test_a_resume_after_a_pause_leaves_the_latch_that_closed_since(planned):
    gateway = planned()
    assert command(gateway, "pause").status == 200
    assert command(gateway, "complaint", severity="critical").status == 200
    first = command(gateway, "resume")
    assert first.status == 200
    assert "canary-gateway resume comp-critic --reason" in first.json()["message"]
    assert rollout(gateway)["latched"] and not rollout(gateway)["paused"]
    assert command(gateway, "resume", expect={"rollback": 0}).status == 409
    assert command(gateway, "resume", expect={"rollback": 1}).status == 200
    assert not rollout(gateway)["latched"]


def test_a_command_with_a_key_is_done_once_over_kill_9(planned):
    gateway = planned()
    key = [("Idempotency-Key", "8e03978e-40d5-43e8-bc93-6f12d9b2d1b2")]
    body = {"expect": {"phase": 1}}
    first = command(gateway, "promote", key, **body)
    assert first.status == 200
    # Its answer is written after it was sent: behind it, whatever the history says is written, too.
    history(gateway)
    gateway.kill()
    gateway.restart()
    again = command(gateway, "promote", key, **body)
    assert (again.status, again.body) == (200, first.body)
    assert again.get("Idempotency-Replayed") == "true"
    assert rollout(gateway)["phase"] == 2
    assert [row["kind"] for row in history(gateway)].count("promote") == 1
    assert command(gateway, "promote", key).status == 422
    assert command(gateway, "rollback", key, **body).status == 422


def test_the_command_line_says_what_it_acts_on_and_comes_too_late(planned):
    gateway = planned()
    unmeasured = cli(gateway, "promote", MODEL, "--reason", "good")
    assert unmeasured.returncode == 1
    assert f"canary-gateway promote {MODEL} --phase 1 --reason" in unmeasured.stderr
    assert rollout(gateway)["phase"] == 1
    shown = cli(gateway, "promote", MODEL, "--phase", "1", "--reason", "good")
    assert shown.returncode == 0, shown
    assert shown.stdout.startswith(f"acts on {MODEL}: {V2} at 10%, running, phase 1 of 3\n")
    assert rollout(gateway)["phase"] == 2

    def somebody_else():
        assert command(gateway, "promote", expect={"phase": 2}).status == 200

    proxy = AdminProxy(gateway, before_change=somebody_else)
    late = cli(gateway, "promote", MODEL, "--phase", "2", "--reason", "good", admin=proxy.url)
    proxy.close()
    assert late.returncode == 1
    assert "decided on phase 2" in late.stderr and "run the command again" in late.stderr
    assert rollout(gateway)["phase"] == 3


def test_the_command_line_survives_a_broken_connection_and_acts_once(planned):
    gateway = planned()
    proxy = AdminProxy(gateway, break_first=True)
    result = cli(gateway, "promote", MODEL, "--phase", "1", "--reason", "good", admin=proxy.url)
    proxy.close()
    assert result.returncode == 0, result
    assert len(proxy.keys) == 2 and proxy.keys[0] == proxy.keys[1]
    assert rollout(gateway)["phase"] == 2


def test_a_receiver_hears_decisions_in_their_order(planned, receiver):
    gateway = planned(notify=[{"kind": "webhook", "url": receiver.url + "/hook",
                               "on": ["command", "rollback"]}])
    for _ in range(5):
        gateway.set_flag(V2, 8)
        command(gateway, "rollback")
        gateway.admin_ask("DELETE", f"/internal/flags/{V2}", {})
        assert command(gateway, "resume").status == 200
    expected = ["flag", "rollback", "flag", "resume"] * 5
    wait_until(lambda: len(receiver.messages) >= len(expected) + 1, 20, "everything is told")
    told = [message.body["data"]["decision"] for message in receiver.messages]
    assert [decision for decision in told if decision != "file"] == expected


def test_entries_that_change_nothing_delay_no_decision(planned):
    gateway = planned()
    before = gateway.rss_bytes()
    over = threading.Event()
    counts = {200: 0, 429: 0}

    def complain():
        while not over.is_set():
            answer = gateway.admin_ask("POST", f"/internal/rollouts/{MODEL}/complaint",
                                       {"severity": "minor", "by": "x", "reason": "r" * 1000})
            counts[answer.status] += 1
            assert answer.status == 200 or answer.get("Retry-After") == "1"

    threads = [threading.Thread(target=complain) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: counts[429] > 500, 60, "most are refused")
    assert command(gateway, "promote", expect={"phase": 1}).status == 200
    assert command(gateway, "rollback").status == 200
    wait_until(lambda: gateway.model()["durable"], 5, "the decision is durable")
    over.set()
    for thread in threads:
        thread.join()
    assert counts[200] < 120
    kinds = [row["kind"] for row in history(gateway)]
    assert kinds.count("complaint") == counts[200]
    assert kinds.count("promote") == kinds.count("rollback") == 1
    if not SANITIZED:  # a sanitizer keeps what was freed
        assert gateway.rss_bytes() - before < 8 << 20


def test_nobody_else_is_called_gateway_in_the_history(planned):
    gateway = planned()
    for name in ("gateway", " GateWay ", "gаteway"):  # the last one with a Cyrillic letter
        gateway.set_flag(V2, 9, by=name)
        gateway.set_flag(V2, 10, by=name)
    assert cli(gateway, "pause", MODEL, "--reason", "r", "--by", "gateway").returncode == 0
    by_people = [row["actor"] for row in history(gateway) if row["kind"] in ("flag", "pause")]
    assert len(by_people) == 7
    assert all(actor.startswith("operator:") for actor in by_people), by_people
    for name in ("", "   ", "​", "a‮b"):
        assert gateway.set_flag(V2, 5, by=name).status == 400


# -- texts that say what to run

ADVISED = re.compile(r"canary-gateway ((?:resume|promote|rollback|pause|set) [^`.;]*)")


def advised(text):
    """The commands that a text says, ready to be run."""
    commands = [shlex.split(found.replace("...", "as advised").replace('"', "'"))
                for found in ADVISED.findall(text.replace('"..."', "..."))]
    assert commands, text
    return [[word for word in each if word not in ("or", "to")] for each in commands]


def run_advised(gateway, text, which=0):
    words = advised(text)[which]
    # `--reason ...` is a placeholder: whatever follows it is not the command any more.
    if "--reason" in words:
        words = words[:words.index("--reason")] + ["--reason", "as advised"]
    result = cli(gateway, *words)
    assert result.returncode == 0, (text, words, result)


def test_what_a_gate_and_a_held_phase_advise_works(planned, loads):
    short = [{"percentage": 10, "hold": "500ms"}, {"percentage": 50, "hold": "7d"}]
    gateway = planned({"plan": {"phases": short, "advance": "manual"}})
    loads(gateway)
    wait_until(lambda: rollout(gateway)["status"] == "gate", 30, "the gate")
    run_advised(gateway, rollout(gateway)["reason"])
    assert rollout(gateway)["phase"] == 2


def test_what_notices_advise_works_when_they_come(planned, receiver):
    short = [{"percentage": 10, "hold": "500ms"}, {"percentage": 50, "hold": "7d"}]
    gateway = planned({"plan": {"phases": short}, "rollback": {"watch": "100ms", "drain": "100ms"}},
                      notify=[{"kind": "webhook", "url": receiver.url + "/hook"}])

    def text_of(decision):
        def newest():
            found = [message.body["data"] for message in receiver.messages]
            return next((each for each in found[::-1] if each["decision"] == decision), None)
        return wait_until(newest, 20, f"{decision} is told")["text"]

    run_advised(gateway, text_of("held"))  # no traffic: to go on now
    assert rollout(gateway)["phase"] == 2
    command(gateway, "pause")
    run_advised(gateway, text_of("pause"))
    assert rollout(gateway)["status"] == "running"
    command(gateway, "complaint", severity="minor")
    run_advised(gateway, text_of("complaint"))
    assert rollout(gateway)["latched"]
    run_advised(gateway, text_of("watched"))
    assert not rollout(gateway)["latched"]


def test_what_refusals_advise_works(planned):
    gateway = planned()
    unmeasured = command(gateway, "promote").json()["error"]["message"]
    run_advised(gateway, unmeasured)
    assert rollout(gateway)["phase"] == 2
    gateway.set_flag(V2, 0)
    idle = command(gateway, "promote").json()["error"]["message"]
    assert f"canary-gateway set {V2} PERCENT" in idle
    assert cli(gateway, "set", V2, "100").returncode == 0
    command(gateway, "pause")
    command(gateway, "rollback")
    refused = gateway.set_flag(V2, 50).json()["error"]["message"]
    assert "twice" in refused
    run_advised(gateway, refused)
    assert rollout(gateway)["latched"]
    assert "twice" not in gateway.set_flag(V2, 60).json()["error"]["message"]
    run_advised(gateway, refused)
    assert not rollout(gateway)["latched"]


def test_what_a_gradual_rollback_advises_works(planned, receiver):
    gateway = planned({"rollback": {"rung_hold": "300ms", "ladder": [5, 2, 0]}},
                      notify=[{"kind": "webhook", "url": receiver.url + "/hook", "on": ["step"]}])
    assert command(gateway, "rollback", mode="gradual").status == 200
    refused = command(gateway, "rollback", mode="gradual").json()["error"]["message"]
    assert "without --gradual" in refused
    wait_until(lambda: rollout(gateway)["latched"], 20, "its end")

    def last_rung():
        told = [message.body["data"] for message in receiver.messages]
        return next((each for each in told if each["decision"] == "rung" and each["after"] == 0),
                    None)

    last = wait_until(last_rung, 20, "the last rung is told")
    run_advised(gateway, last["text"])
    assert not rollout(gateway)["latched"]


# -- a latency's number

def test_a_rollback_by_latency_names_the_value_that_was_judged(gateways, upstreams, receiver):
    """The slow requests are still waiting when they are judged: no response has a latency yet."""
    release = threading.Event()

    def slow(exchange):
        release.wait(20)
        exchange.send(response(b"late"))

    stable, canary = upstreams(), upstreams(handler=slow)
    gateway = gateways(one_model(
        stable.url, canary.url, 100,
        {"judge": JUDGE, "slo": {"latency_p95": "200ms"}},
        notify=[{"kind": "webhook", "url": receiver.url + "/hook", "on": ["rollback"]}]))
    threads = [threading.Thread(target=lambda: gateway.ask()) for _ in range(30)]
    for thread in threads:
        thread.start()
    wait_until(lambda: rollout(gateway)["latched"], 20, "it is rolled back")
    release.set()
    for thread in threads:
        thread.join()
    row = next(each for each in history(gateway) if each["kind"] == "rollback")
    reading = row["reading"]
    assert reading["name"] == "latency_p95"
    assert reading["value"] > reading["limit"] == pytest.approx(0.3)
    [message] = receiver.wait_for()
    data = message.body["data"]
    assert data["measured"]["value"] == reading["value"]
    assert "just over 300 ms, limit 300 ms" in data["text"], data["text"]
    shown = next(each for each in gateway.model()["criteria"] if each["name"] == "latency_p95")
    assert (shown["value"], shown["reason"]) == (reading["value"], reading["reason"])
    assert command(gateway, "resume").status == 200
    after = next(each for each in gateway.model()["criteria"] if each["name"] == "latency_p95")
    assert after["verdict"] != "failure" and after["samples"] == 0
