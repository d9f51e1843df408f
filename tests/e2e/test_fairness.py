"""Nobody starves: not the quiet beside the loud, not the small beside the large."""

import threading
import time

from gateway import SANITIZED, one_model
from load import Load, failures
from upstream import response
from waiting import wait_until


def test_one_fast_client_does_not_starve_others(gateways, upstreams):
    """One client pipelines without end on the only worker; others are still answered soon."""
    gateway = gateways(one_model(upstreams().url, data={"workers": 1}))
    stop = threading.Event()
    burst = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n" * 200

    def flood():
        with gateway.client(timeout=60) as client:
            reader = threading.Thread(target=read_all, args=(client,))
            reader.start()
            while not stop.is_set():
                client.send(burst)
            client.socket.shutdown(1)
            reader.join()

    def read_all(client):
        try:
            while client.read_bytes(1 << 16):
                pass
        except OSError:
            pass

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        wait_until(lambda: gateway.metrics().sum("canary_gateway_requests_total") > 1000, 30)
        slowest = 0.0
        with gateway.client() as client:
            for _ in range(50):
                began = time.monotonic()
                assert client.ask("GET", "/slow").status == 200
                slowest = max(slowest, time.monotonic() - began)
        assert slowest < (3 if SANITIZED else 1), f"{slowest:.2f} s"
    finally:
        stop.set()
        flooding.join()


def test_large_downloads_do_not_hold_up_small_answers(gateways, upstreams):
    large = response(bytes(32 << 20))

    def answer(exchange):
        exchange.send(large if exchange.target == "/large" else response(b"small"))

    gateway = gateways(one_model(upstreams(handler=answer).url, data={"workers": 1}))
    downloads = Load(gateway.data, "GET", "/large", connections=2).start()
    wait_until(lambda: downloads.count() > 1, 60)
    results = Load(gateway.data, "GET", "/small", connections=1, requests=40).run()
    downloads.stop()
    assert not failures(results)
    slowest = max(result.done_at - result.sent_at for result in results)
    assert slowest < (5 if SANITIZED else 1.5), f"{slowest:.2f} s"


def test_many_idle_connections_cost_nobody_anything(gateways, upstreams):
    gateway = gateways(one_model(upstreams().url))
    idle = [gateway.client() for _ in range(400)]
    for client in idle[::8]:
        assert client.ask("GET", "/").status == 200
    results = Load(gateway.data, "GET", requests=500).run()
    assert not failures(results)
    assert gateway.descriptors() < 400 + 200
    for client in idle:
        client.close()
    wait_until(lambda: gateway.descriptors() < 150, what="closed connections are let go")


def test_too_many_connections_wait_or_are_refused_and_the_rest_is_served(gateways, upstreams):
    gateway = gateways(one_model(upstreams().url, data={"workers": 1,
                                                        "limits": {"connections": 64}}))
    first = gateway.client()
    assert first.ask("GET", "/").status == 200
    crowd = [gateway.client() for _ in range(120)]
    for _ in range(20):
        assert first.ask("GET", "/").status == 200
    for client in crowd:
        client.close()
    wait_until(lambda: gateway.ask().status == 200, 10)


def test_connections_come_and_go_without_a_leak(gateways, upstreams):
    gateway = gateways(one_model(upstreams().url))
    for _ in range(50):
        gateway.ask()
    before = gateway.descriptors()
    for _ in range(1000):
        assert gateway.ask("GET", "/", [("Connection", "close")]).status == 200
    wait_until(lambda: gateway.descriptors() <= before + 4, what="descriptors are given back")
