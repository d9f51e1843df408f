"""The gateway ends without anyone noticing, and two of them never share what is one's own."""

import signal
import threading
import time

import pytest

from client import Client
from gateway import one_model
from load import Load, failures
from model_server import CAR, JSON_BODY, PREDICT
from ports import lasting_port
from upstream import response
from waiting import wait_until


def refuses(address):
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("fields", [[], [("Connection", "close")]])
def test_sigterm_under_load_fails_nothing(gateways, models, fields):
    """Two gateways behind one list of addresses: clients move on when one says close."""
    gateway = gateways(one_model(models[0].url, models[1].url, 50))
    load = Load(gateway.data, "POST", PREDICT, [*JSON_BODY, *fields], CAR, connections=16).start()
    wait_until(lambda: load.count() > 200)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    load.stopping.set()
    results = load.join()
    # Once the listener is closed, new connections are refused: that is how a client learns it.
    failed = [result for result in failures(results) if "refused" not in result.error.lower()]
    assert not failed, failed[:3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished(gateways, upstreams, number):
    go_on = threading.Event()

    def slow(exchange):
        exchange.read_body()
        assert go_on.wait(20)
        exchange.send(response(b"late"))

    upstream = upstreams(handler=slow)
    gateway = gateways(one_model(upstream.url))
    with gateway.client() as client:
        client.request("POST", "/", body=b"x")
        wait_until(lambda: upstream.requests)
        gateway.signal(number)
        wait_until(lambda: refuses(gateway.data), what="the listeners are closed")
        go_on.set()
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"late")
        assert answer.get("Connection", "").lower() == "close"
        assert client.is_closed()
    assert gateway.wait() == 0


def test_a_draining_gateway_accepts_nothing_new_and_ends_soon(gateways, upstreams):
    gateway = gateways(one_model(upstreams().url))
    idle = [gateway.client() for _ in range(20)]
    for client in idle:
        assert client.ask("GET", "/").status == 200
    began = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert time.monotonic() - began < 8
    with pytest.raises(OSError):
        Client(gateway.data)
    for client in idle:
        assert client.is_closed()


def test_a_streaming_answer_is_finished(gateways, upstreams):
    go_on = threading.Event()

    def stream(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        assert go_on.wait(20)
        exchange.send(b"2\r\ncd\r\n0\r\n\r\n")

    gateway = gateways(one_model(upstreams(handler=stream).url))
    with gateway.client() as client:
        client.request("GET", "/")
        head = client.read_head()
        assert client.read_chunk() == b"ab"
        gateway.signal(signal.SIGTERM)
        gateway.wait_event("draining")
        go_on.set()
        client.read_body(head)
        assert (head.body, head.ended_well) == (b"cd", True)
    assert gateway.wait() == 0


def test_readiness_ends_with_the_drain(gateways, upstreams):
    go_on = threading.Event()

    def slow(exchange):
        assert go_on.wait(20)
        exchange.send(response(b"late"))

    upstream = upstreams(handler=slow)
    gateway = gateways(one_model(upstream.url))
    assert gateway.admin_ask("GET", "/internal/readyz").status == 200
    with gateway.client() as client:
        client.request("GET", "/")
        wait_until(lambda: upstream.requests)
        gateway.signal(signal.SIGTERM)
        gateway.wait_event("draining")
        assert gateway.admin_ask("GET", "/internal/readyz").status == 503
        assert gateway.admin_ask("GET", "/internal/healthz").status == 200
        go_on.set()
        assert client.read_response().body == b"late"
    assert gateway.wait() == 0


def test_a_second_gateway_on_the_same_port_is_refused(gateways, upstreams):
    upstream = upstreams()
    first = gateways(one_model(upstream.url))
    config = one_model(upstream.url, data={"listen": "%s:%d" % first.data})
    second = gateways(config, wait=False)
    assert second.wait() not in (0, -6, -11)
    assert str(first.data[1]) in second.log()
    for _ in range(20):
        assert first.ask().status == 200


def test_a_second_gateway_on_the_same_state_is_refused(gateways, upstreams):
    upstream = upstreams()
    first = gateways(one_model(upstream.url))
    config = one_model(upstream.url, state_dir=str(first.directory / "state"))
    second = gateways(config, wait=False)
    assert second.wait() not in (0, -6, -11)
    assert "state" in second.log()
    assert str(first.pid) in second.log(), "the holder is named"
    first.kill()
    third = gateways(config)  # a killed owner leaves no lock behind
    assert third.ask().status == 200


def test_the_ports_are_free_again_at_once(gateways, upstreams):
    data, admin = ({"listen": f"127.0.0.1:{lasting_port()}"} for _ in range(2))
    gateway = gateways(one_model(upstreams().url, data=data, admin=admin))
    load = Load(gateway.data, "GET", "/", connections=4).start()
    wait_until(lambda: load.count() > 50)
    load.stop()
    gateway.stop()
    for _ in range(3):
        gateway.restart()
        assert gateway.ask().status == 200
        gateway.kill()
    gateway.restart()
    assert gateway.ask().status == 200
