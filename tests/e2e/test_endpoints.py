"""Several endpoints of a version: how they share the load, go out and come back."""

import os
import pathlib
import threading
import time

import pytest

from gateway import one_model
from load import Load, failures
from upstream import FullBacklog, Upstream, refused_url, response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"
PROBES = {"path": "/ready", "interval": "250ms", "timeout": "250ms"}
STATES = "canary_gateway_endpoints"


class Server:
    """A model server whose readiness, speed and life are the test's."""

    def __init__(self, name, port=0):
        self.name, self.ready, self.delay = name, True, 0.0
        self.probes = self.served = 0
        self.lock = threading.Lock()
        self.upstream = Upstream(handler=self._answer, port=port)
        self.url, self.port = self.upstream.url, self.upstream.address[1]

    def _answer(self, exchange):
        exchange.read_body()
        with self.lock:
            if exchange.target == "/ready":
                self.probes += 1
            else:
                self.served += 1
        if exchange.target == "/ready":
            exchange.send(response(b"", "200 OK" if self.ready else "503 Service Unavailable"))
            return
        time.sleep(self.delay)
        exchange.send(response(self.name.encode()))

    def die(self):
        self.upstream.close()

    def live(self):
        self.upstream = Upstream(handler=self._answer, port=self.port)


@pytest.fixture
def servers():
    started = []

    def start(*names):
        new = [Server(name) for name in names]
        started.extend(new)
        return new

    yield start
    for server in started:
        server.die()


def stable_of(servers, health=None, workers=1, **model):
    stable = {"endpoints": [server.url for server in servers]}
    return one_model("http://127.0.0.1:1", data={"workers": workers},
                     model={"stable": stable, "health": health or {}, **model})


def endpoints(gateway, role="stable"):
    """{url: (state, reason)} as the status has it."""
    return {each["url"]: (each["state"], each["reason"])
            for each in gateway.model()[role]["endpoints"]}


def state_of(gateway, server, role="stable"):
    return endpoints(gateway, role)[server.url][0]


def drive(gateway, requests=200, connections=4):
    results = Load(gateway.data, "GET", connections=connections, requests=requests).run()
    assert not failures(results), failures(results)[:3]


def counts_of(servers):
    return [server.served for server in servers]


# -- the load

def test_endpoints_that_are_equal_share_the_load(gateways, servers):
    alike = servers("a", "b", "c")
    gateway = gateways(stable_of(alike))
    drive(gateway, 600)
    assert sum(counts_of(alike)) == 600
    assert min(counts_of(alike)) > 100, counts_of(alike)


def test_a_slow_endpoint_gets_less(gateways, servers):
    slow, *fast = servers("slow", "b", "c")
    slow.delay = 0.1
    gateway = gateways(stable_of([slow, *fast]))
    drive(gateway, 400, connections=8)
    # With eight in flight it always has some of them, and is chosen only beside a fuller one.
    assert slow.served * 2 < min(counts_of(fast)), counts_of([slow, *fast])


# -- passive ejection

def test_a_dead_endpoint_is_ejected_without_a_failed_request_and_comes_back(gateways, servers):
    dead, alive = servers("dead", "alive")
    gateway = gateways(stable_of([dead, alive], workers=2))
    drive(gateway)
    dead.die()
    load = Load(gateway.data, "GET").start()
    told = gateway.wait_event("endpoint_ejected", 20)
    assert (told["model"], told["version"], told["endpoint"]) == ("comp-critic", V1, dead.url)
    assert "refused" in told["reason"]
    state, reason = endpoints(gateway)[dead.url]
    assert state == "ejected" and "refused" in reason
    assert state_of(gateway, alive) == "healthy"
    page = gateway.metrics()
    labels = {"model": "comp-critic", "version": V1, "endpoint": dead.url}
    assert page.sum(STATES, state="ejected", **labels) == 1
    assert page.sum(STATES, state="healthy", **labels) == 0
    assert 1 <= page.sum("canary_gateway_endpoint_ejections_total", **labels) <= 2
    dead.live()
    before = dead.served
    wait_until(lambda: state_of(gateway, dead) == "healthy", 40, "it is tried again")
    wait_until(lambda: dead.served > before + 20, 10, "it gets requests again")
    assert not failures(load.stop())
    gateway.wait_event("endpoint_returned", 20, endpoint=dead.url)


def connecting(gateway, port):
    """How many of its connections to this port wait for an answer at this moment (SYN_SENT)."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[2].endswith(":%04X" % port) and row[3] == "02"}
    held = set()
    for descriptor in pathlib.Path(f"/proc/{gateway.pid}/fd").iterdir():
        try:
            held.add(os.readlink(descriptor).removeprefix("socket:[").rstrip("]"))
        except OSError:
            pass  # it was closed meanwhile
    return len(inodes & held)


def test_behind_the_back_off_one_request_at_a_time_finds_out(gateways, servers):
    alive, = servers("alive")
    full = FullBacklog()
    config = stable_of([alive], timeouts={"connect": "300ms"})
    config["models"]["comp-critic"]["stable"]["endpoints"].append(full.url)
    gateway = gateways(config)
    port = full.listener.getsockname()[1]
    load = Load(gateway.data, "GET", connections=8).start()
    gateway.wait_event("endpoint_ejected", 30, endpoint=full.url)
    wait_until(lambda: connecting(gateway, port) == 0, 5, "what began before has ended")
    seen = []

    def over():
        seen.append(connecting(gateway, port))
        return seen[-1] == 0

    wait_until(lambda: not over(), 20, "a request finds out")
    wait_until(over, 20, "it is told, and the back-off begins anew")
    assert max(seen) == 1, "one request of eight"
    assert not failures(load.stop())
    full.close()


def test_a_dead_canary_is_passed_over_at_once_and_its_weight_stays(gateways, servers):
    stable, = servers("stable")
    full = FullBacklog()
    gateway = gateways(one_model(stable.url, full.url, 50, {
        "timeouts": {"connect": "200ms"}, "health": {"eject_after_failures": 2},
        "judge": {"min_samples": 100000}}, data={"workers": 1}))
    load = Load(gateway.data, "GET").start()
    gateway.wait_event("endpoint_ejected", 20, version=V2)
    ejected_at = load.count()
    wait_until(lambda: load.count() > ejected_at + 400, 30)
    results = load.stop()
    assert not failures(results)
    slow = [r for r in results if r.sent_at > results[ejected_at].done_at
            and r.done_at - r.sent_at > 0.15]
    assert len(slow) < 10, "but for the one that finds out, nobody waits for a connect"
    outcomes = gateway.outcomes(version=V2)
    assert outcomes["connect_error"] > 50, "each is charged to the canary all the same"
    assert gateway.metrics().sum("canary_gateway_failovers_total") == sum(outcomes.values())
    assert gateway.model()["weight"]["effective"] == 50
    full.close()


def test_when_all_are_dead_the_answer_is_a_quick_503_and_the_first_to_live_is_found(
        gateways, servers):
    first, second = servers("first", "second")
    gateway = gateways(stable_of([first, second]))
    for server in (first, second):
        server.die()
    wait_until(lambda: gateway.ask().status == 503, 20, "both are ejected")
    wait_until(lambda: [state for state, _ in endpoints(gateway).values()] == ["ejected"] * 2, 20)
    began = time.monotonic()
    answer = gateway.ask()
    assert time.monotonic() - began < 1
    assert answer.json()["error"]["code"] == "no_healthy_endpoint"
    assert (answer.status, answer.get("Retry-After")) == (503, "1")
    assert set(gateway.outcomes()) == {"connect_error"}
    second.live()
    assert gateway.ask().body == b"second", "a last resort waits for no back-off"


def test_an_only_endpoint_that_restarts_is_found_by_the_next_request(gateways, servers):
    only, = servers("only")
    gateway = gateways(stable_of([only]))
    drive(gateway, 20)
    for _ in range(3):
        only.die()
        wait_until(lambda: gateway.ask().status == 503, 20)
        only.live()
        assert gateway.ask().body == b"only"


def test_while_a_last_resort_waits_the_others_are_told_at_once(gateways):
    full = FullBacklog()
    gateway = gateways(one_model(full.url, model={
        "timeouts": {"connect": "2s"}, "health": {"eject_after_failures": 1}},
        data={"workers": 1}))
    assert gateway.ask().status == 504
    wait_until(lambda: endpoints(gateway)[full.url][0] == "ejected", 5)
    waits = threading.Thread(target=gateway.ask)
    waits.start()
    wait_until(lambda: gateway.model()["stable"]["in_flight"] == 1, 5)
    for _ in range(20):
        assert gateway.ask().status == 503
    assert gateway.model()["stable"]["in_flight"] == 1, "it waits still"
    waits.join()
    full.close()


def test_without_ejection_every_request_tries(gateways):
    url, holder = refused_url()
    gateway = gateways(one_model(url, model={"health": {"eject_after_failures": 0}}))
    for _ in range(30):
        answer = gateway.ask()
        assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_connect_failed")
    assert endpoints(gateway)[url] == ("healthy", None)
    holder.close()


# -- probes

def test_an_endpoint_whose_probes_fail_goes_out_and_comes_back(gateways, servers):
    sick, well = servers("sick", "well")
    gateway = gateways(stable_of([sick, well], PROBES, workers=2))
    drive(gateway)
    sick.ready = False
    told = gateway.wait_event("endpoint_unhealthy", 20, endpoint=sick.url)
    assert told["version"] == V1
    before = counts_of([sick, well])
    drive(gateway)
    assert counts_of([sick, well]) == [before[0], before[1] + 200]
    state, reason = endpoints(gateway)[sick.url]
    assert state == "unhealthy" and "probes of /ready fail" in reason
    page = gateway.metrics()
    assert page.sum(STATES, endpoint=sick.url, state="unhealthy") == 1
    probes = "canary_gateway_endpoint_probes_total"
    assert page.sum(probes, endpoint=sick.url, result="failure") >= 3
    assert page.sum(probes, endpoint=well.url, result="failure") == 0
    sick.ready = True
    wait_until(lambda: state_of(gateway, sick) == "healthy", 20)
    drive(gateway)
    assert sick.served > before[0] + 20
    gateway.wait_event("endpoint_healthy", 20, endpoint=sick.url)


def test_one_probe_that_fails_takes_nobody_out(gateways, servers):
    server, other = servers("server", "other")
    gateway = gateways(stable_of([server, other], {**PROBES, "unhealthy_after": 3}))
    failed = "canary_gateway_endpoint_probes_total"
    for _ in range(3):
        server.ready = False
        have = gateway.metrics().sum(failed, endpoint=server.url, result="failure")
        wait_until(lambda: gateway.metrics().sum(failed, endpoint=server.url,
                                                 result="failure") > have, 10)
        server.ready = True
        good = gateway.metrics().sum(failed, endpoint=server.url, result="success")
        wait_until(lambda: gateway.metrics().sum(failed, endpoint=server.url,
                                                 result="success") > good, 10)
        assert state_of(gateway, server) == "healthy"


def test_a_canary_at_zero_is_probed_so_that_it_is_known_before_the_raise(gateways, servers):
    stable, canary = servers("stable", "canary")
    canary.ready = False
    gateway = gateways(one_model(stable.url, canary.url, 0, {"health": PROBES}))
    wait_until(lambda: state_of(gateway, canary, "canary") == "unhealthy", 20)
    assert canary.served == 0 and stable.probes > 0
    canary.ready = True
    wait_until(lambda: state_of(gateway, canary, "canary") == "healthy", 20)


def test_a_canary_whose_probes_fail_is_replaced_by_stable_and_charged(gateways, servers):
    stable, canary = servers("stable", "canary")
    canary.ready = False
    gateway = gateways(one_model(stable.url, canary.url, 100, {
        "health": PROBES, "judge": {"min_samples": 100000}}))
    wait_until(lambda: state_of(gateway, canary, "canary") == "unhealthy", 20)
    before = canary.served
    for _ in range(10):
        assert gateway.ask().body == b"stable"
    assert canary.served == before
    wait_until(lambda: gateway.outcomes(version=V2).get("connect_error") == 10, 5)
    assert gateway.outcomes(version=V1) == {}
    assert gateway.model()["weight"]["effective"] == 100


def test_probes_that_fail_everywhere_do_not_take_stable_away(gateways, servers):
    both = servers("a", "b")
    gateway = gateways(stable_of(both, PROBES))
    for server in both:
        server.ready = False
    wait_until(lambda: [state for state, _ in endpoints(gateway).values()] == ["unhealthy"] * 2, 20)
    drive(gateway)
    assert min(counts_of(both)) > 20


@pytest.mark.parametrize("noticed_by", [any, all])
def test_probes_that_fail_at_both_versions_are_believed_of_neither(gateways, servers, noticed_by):
    """Or the canary would be charged with an outage that both had, whose probes notice in turn."""
    stable, canary = both = servers("stable", "canary")
    gateway = gateways(one_model(stable.url, canary.url, 50, {"health": PROBES}))
    load = Load(gateway.data, "GET", connections=4).start()

    def states():
        return {state_of(gateway, stable), state_of(gateway, canary, "canary")}

    for _ in range(3 if noticed_by is any else 1):
        for server in both:
            server.ready = False
        wait_until(lambda: noticed_by(s == "unhealthy" for s in states()), 20, "it is noticed")
        for server in both:
            server.ready = True
        wait_until(lambda: states() == {"healthy"}, 20, "both are back")
        good = [server.probes + 2 for server in both]  # no longer on the word of the other
        wait_until(lambda: all(s.probes >= n for s, n in zip(both, good)), 20, "both answer")
    assert not failures(load.stop())
    assert min(counts_of(both)) > 100
    assert gateway.metrics().sum("canary_gateway_failovers_total") == 0


def test_a_probe_that_succeeds_brings_an_ejected_canary_back_before_its_back_off_ends(
        gateways, servers):
    stable, canary = servers("stable", "canary")
    gateway = gateways(one_model(stable.url, canary.url, 100, {
        "health": {**PROBES, "unhealthy_after": 1, "healthy_after": 1},
        "judge": {"min_samples": 100000}}, data={"workers": 1}))
    canary.die()
    load = Load(gateway.data, "GET", connections=2).start()
    # Long enough out for a back-off of many seconds.
    gateway.wait_event("endpoint_ejected", 20, version=V2)
    wait_until(lambda: gateway.metrics().sum(
        "canary_gateway_endpoint_probes_total", endpoint=canary.url, result="failure") > 5, 20)
    before = canary.served
    canary.live()
    wait_until(lambda: canary.served > before + 50, 5, "the canary serves again")
    assert not failures(load.stop())


def test_a_reload_keeps_what_is_known_and_a_removed_endpoint_is_asked_no_more(gateways, servers):
    sick, well, removed = servers("sick", "well", "removed")
    config = stable_of([sick, well, removed], PROBES)
    gateway = gateways(config)
    sick.ready = False
    wait_until(lambda: state_of(gateway, sick) == "unhealthy", 20)
    drive(gateway)
    before = sick.served
    config["models"]["comp-critic"]["stable"]["endpoints"] = [well.url, sick.url]
    gateway.reload(config)
    assert state_of(gateway, sick) == "unhealthy"
    drive(gateway)
    assert sick.served == before
    assert removed.url not in endpoints(gateway)
    asked = removed.probes
    known = well.probes
    wait_until(lambda: well.probes > known + 4, 20)
    assert removed.probes <= asked + 1, "one may have been under way"
    assert not removed.upstream.open_connections(), "idle connections are closed"
    assert gateway.metrics().sum("canary_gateway_endpoint_probes_total", endpoint=removed.url) == 0


def test_an_endpoint_that_flaps_does_not_fill_the_log(gateways, servers):
    flapping, other = servers("flapping", "other")
    gateway = gateways(stable_of([flapping, other],
                                 {**PROBES, "unhealthy_after": 1, "healthy_after": 1}))
    for round_ in range(4):
        flapping.ready = False
        wait_until(lambda: state_of(gateway, flapping) == "unhealthy", 20)
        flapping.ready = True
        wait_until(lambda: state_of(gateway, flapping) == "healthy", 20)
    told = [e for e in gateway.events if e["event"].startswith("endpoint_")]
    assert len(told) <= 2, told
