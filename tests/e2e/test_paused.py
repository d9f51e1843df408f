"""The gateway's process is stopped for a while, as by a debugger, a container's pause or a virtual
machine that is moved: what came meanwhile is not late, and nobody is charged with it."""

import signal
import threading
import time

import pytest

from gateway import SANITIZED, one_model
from trial import V2, judged
from upstream import response
from waiting import wait_until

PAUSE = 5  # seconds: more than the timeouts, twice the SLO
LIMITS = {"timeouts": {"first_byte": "4s", "idle": "4s", "total": "4500ms"},
          "slo": {"latency_p95": "2500ms"}}
DATA = {"data": {"timeouts": {"header": "4s", "body_idle": "4s", "keepalive_idle": "75s"}}}

pytestmark = pytest.mark.skipif(SANITIZED, reason="the limits are too short for it")


def stopped(gateway, seconds=PAUSE):
    """The process does not run for so long: that the clock goes on is what is tested."""
    gateway.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    gateway.process.send_signal(signal.SIGCONT)


class Held:
    """A server whose answers wait until they are let go."""

    def __init__(self, upstreams):
        self.go, self.arrived = threading.Event(), threading.Semaphore(0)
        self.upstream = upstreams(handler=self.answer)

    def answer(self, exchange):
        exchange.read_body()
        self.arrived.release()
        self.go.wait(20)
        exchange.send(response(b"ok"))


def ask_many(gateway, count, results):
    def ask(number):
        with gateway.client() as client:
            body = b"body" if number % 2 else None
            results.append(client.ask("POST" if body else "GET", "/", body=body).status)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("percentage", [50, 100])
def test_a_pause_is_neither_a_timeout_nor_latency(gateways, upstreams, percentage):
    """Two of them, each with requests in flight whose answers come in the middle of it."""
    servers = [Held(upstreams), Held(upstreams)]
    gateway = gateways(one_model(servers[0].upstream.url, servers[1].upstream.url, percentage,
                                 judged(window="30s") | LIMITS, **DATA))
    for _ in range(2):
        results = []
        for server in servers:
            server.go.clear()
        threads = ask_many(gateway, 40, results)
        wait_until(lambda: gateway.metrics().sum("canary_gateway_in_flight_requests") == 40, 10,
                   "all are in flight")
        threading.Timer(PAUSE / 2, lambda: [server.go.set() for server in servers]).start()
        stopped(gateway)
        for thread in threads:
            thread.join(20)
        assert results == [200] * 40
    assert set(gateway.outcomes()) == {"ok"}
    assert gateway.wait_event("process_paused")["seconds"] > PAUSE / 2
    wait_until(lambda: all(c["samples"] for c in gateway.model()["criteria"]), 10, "judged")
    assert gateway.model()["rollout"]["status"] == "running", gateway.model()["criteria"]
    assert gateway.model()["weight"]["effective"] == percentage
    readings = {c["name"]: c for c in gateway.model()["criteria"]}
    assert readings["latency_p95"]["value"] < 2.5, readings


def test_a_server_that_loses_patience_with_a_paused_gateway_is_not_charged(gateways, upstreams):
    def server(exchange):
        exchange.connection.socket.settimeout(0.3)
        try:
            if exchange.target == "/":
                return exchange.send(response(b"ok"))
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
            for _ in range(100):
                exchange.send(b"z" * 4000000)
        except OSError:
            exchange.close()

    gateway = gateways(one_model(upstreams(handler=server).url, upstreams(handler=server).url, 100,
                                 judged()))
    clients = [gateway.client() for _ in range(10)]
    for client in clients:
        client.request("GET", "/big")
        assert client.read_head().status == 200
    readers = [threading.Thread(target=client.read_bytes, args=(400000000,)) for client in clients]
    for reader in readers:
        reader.start()
    stopped(gateway)
    for reader in readers:
        reader.join(20)
    wait_until(lambda: sum(gateway.outcomes(version=V2).values()) == 10, 10, "all have ended")
    assert set(gateway.outcomes(version=V2)) <= {"gateway_error", "client_abort", "ok"}
    assert gateway.model()["rollout"]["status"] == "running"
    for client in clients:
        client.close()


def test_a_pause_makes_no_probe_fail_and_no_endpoint_unhealthy(gateways, upstreams):
    """Every answer to a probe takes most of the time that it may take: some are always awaited."""
    def server(exchange):
        if exchange.target == "/ready":
            time.sleep(0.6)
        exchange.send(response(b"ok"))

    health = {"health": {"path": "/ready", "interval": "1s", "timeout": "1s",
                         "unhealthy_after": 1}}
    gateway = gateways(one_model(upstreams(handler=server).url, upstreams(handler=server).url, 50,
                                 judged() | health))
    probes = "canary_gateway_endpoint_probes_total"
    for _ in range(2):
        before = gateway.metrics().sum(probes)
        wait_until(lambda: gateway.metrics().sum(probes) > before, 10, "a probe was answered")
        stopped(gateway)
    before = gateway.metrics().sum(probes)
    wait_until(lambda: gateway.metrics().sum(probes) > before + 1, 10, "they go on")
    assert gateway.metrics().sum(probes, result="failure") == 0
    assert all(endpoint["state"] == "healthy" for version in ("stable", "canary")
               for endpoint in gateway.model()[version]["endpoints"])


def test_a_pause_is_no_time_of_a_phase(gateways, echoes):
    """The hold clock counts what was judged: a pause of four times the hold ends no phase."""
    plan = {"canary": {"rollout_percentage": 100},
            "plan": {"phases": [{"percentage": 20, "hold": "1h"}, {"percentage": 50, "hold": "1h"}]}}
    gateway = gateways(one_model(echoes[0].url, echoes[1].url, 20, judged(min_samples=1) | plan))

    def held():
        return gateway.model()["rollout"]["spent_seconds"]

    before, began = wait_until(held, 10, "the clock goes"), time.monotonic()
    stopped(gateway, 2 * PAUSE)
    after = wait_until(lambda: (now := held()) > before and now, 10, "it goes on")
    assert after - before <= time.monotonic() - began - 2 * PAUSE + 0.5
