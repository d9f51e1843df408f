"""Streams pass as they come, and end when either side ends."""

import json
import threading
import time

import pytest

from gateway import one_model
from model_server import JSON_BODY
from waiting import wait_until

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_the_first_event_arrives_before_the_second_is_sent(gateways, upstreams):
    go_on = threading.Event()

    def stream(exchange):
        exchange.read_body()
        exchange.send(EVENTS)
        for number in range(5):
            exchange.send(chunk(b"data: %d\n\n" % number))
            assert go_on.wait(20)
            go_on.clear()
        exchange.send(b"0\r\n\r\n")

    gateway = gateways(one_model(upstreams(handler=stream).url))
    with gateway.client() as client:
        client.request("POST", "/stream", body=b"{}")
        assert client.read_head().get("Content-Type") == "text/event-stream"
        for number in range(5):
            assert client.read_chunk() == b"data: %d\n\n" % number
            go_on.set()
        assert client.read_chunk() == b""


def test_the_head_of_an_answer_passes_before_its_body(gateways, upstreams):
    go_on = threading.Event()

    def head_first(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        assert go_on.wait(20)
        exchange.send(b"body")

    with gateways(one_model(upstreams(handler=head_first).url)).client() as client:
        client.request("GET", "/")
        head = client.read_head()
        go_on.set()
        client.read_body(head)
        assert head.body == b"body"


def test_a_request_body_passes_as_it_comes(gateways, upstreams):
    seen = []

    def watch(exchange):
        for _ in range(3):
            seen.append(exchange.connection.exactly(4))
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with gateways(one_model(upstreams(handler=watch).url)).client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
        for part in (b"1111", b"2222", b"3333"):
            client.send(part)
            wait_until(lambda: seen and seen[-1] == part, what=f"{part!r} reaches the upstream")
        assert client.read_response().status == 200


def test_uvicorns_events_arrive_one_by_one(gateways, models):
    v1, v2 = models
    v1.fault(stream_interval_ms=100)
    gateway = gateways(one_model(v1.url, v2.url))
    body = b'{"instances": [' + b",".join([b"[8,307,130,3504,12,1970]"] * 5) + b"]}"
    with gateway.client() as client:
        client.request("POST", "/v1/models/comp-critic:stream", JSON_BODY, body)
        client.read_head()
        times = []
        while data := client.read_chunk():
            times += [time.monotonic()] * data.count(b"data:")
    v1.fault()
    assert len(times) == 6
    assert times[-1] - times[0] > 0.3, "the events were collected instead of passed on"


def test_an_event_stream_may_think_in_silence_and_its_headers_stay(gateways, upstreams):
    go_on = threading.Event()

    def think(exchange):
        exchange.read_body()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      b"Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n\r\n: wait\n\n")
        assert go_on.wait(20)
        exchange.send(b"data: at last\n\n")
        if exchange.target == "/stall":
            exchange.client_gone(20)
        exchange.close()

    # The silence is four times the idle timeout, and within first_byte's.
    gateway = gateways(one_model(upstreams(handler=think).url,
                                 model={"timeouts": {"first_byte": "20s", "idle": "300ms"}}))
    for target, ended_well in (("/", True), ("/stall", False)):
        go_on.clear()
        with gateway.client() as client:
            client.request("POST", target, body=b"{}")
            head = client.read_head()
            assert head.get("Cache-Control") == "no-cache"
            assert head.get("X-Accel-Buffering") == "no"
            assert client.read_chunk() == b": wait\n\n"
            time.sleep(1.2)
            go_on.set()
            client.read_body(head)
            assert (head.body, head.ended_well) == (b"data: at last\n\n", ended_well)
    gateway.wait_outcomes({"ok": 1, "timeout_idle": 1})


def test_comments_are_not_an_event_streams_first_byte(gateways, upstreams, tmp_path):
    thinks, log = 0.3, tmp_path / "access.log"

    def think(exchange):
        exchange.read_body()
        exchange.send(EVENTS + chunk(b": keep-alive\n\n"))
        time.sleep(thinks)
        exchange.send(chunk(b"data: x\n\n") + b"0\r\n\r\n")

    gateway = gateways(one_model(upstreams(handler=think).url, access_log={"path": str(log)}))
    assert gateway.ask("POST", "/", body=b"{}").body == b": keep-alive\n\ndata: x\n\n"
    name = "canary_gateway_time_to_first_byte_seconds_sum"
    wait_until(lambda: gateway.metrics().sum(name) >= thinks, what="the metric knows")
    line = wait_until(lambda: log.read_text())
    assert json.loads(line)["first_byte_ms"] >= thinks * 1000


def when_the_client_leaves(gateways, upstreams, answer_so_far):
    gone = []

    def wait(exchange):
        exchange.read_body()
        exchange.send(answer_so_far)
        began = time.monotonic()
        gone.append((exchange.client_gone(15), time.monotonic() - began))

    upstream = upstreams(handler=wait)
    gateway = gateways(one_model(upstream.url))
    return gateway, upstream, gone


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("answered", [b"", EVENTS + b"3\r\nabc\r\n"], ids=["waiting", "streaming"])
def test_the_upstream_is_closed_when_the_client_leaves(gateways, upstreams, leave, answered):
    gateway, upstream, gone = when_the_client_leaves(gateways, upstreams, answered)
    client = gateway.client()
    client.request("POST", "/", body=b"question")
    wait_until(lambda: upstream.requests and upstream.requests[0].body)
    if answered:
        client.read_head()
    left_at = time.monotonic()
    getattr(client, leave)()
    wait_until(lambda: gone, 5, "the upstream sees its connection close")
    assert time.monotonic() - left_at < 1
    assert gone[0][0]
    gateway.wait_outcomes({"client_abort": 1})


def test_a_slow_reader_stops_the_upstream_instead_of_filling_memory(gateways, upstreams):
    total, piece, sent = 64 << 20, 1 << 16, [0]

    def flood(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent[0] < total:
            exchange.send(bytes(piece))
            sent[0] += piece

    gateway = gateways(one_model(upstreams(handler=flood).url))
    with gateway.client(timeout=60) as client:
        client.request("GET", "/")
        client.read_head()
        last = -1
        while last != sent[0]:  # until the upstream is stopped by backpressure
            last = sent[0]
            time.sleep(0.5)
        assert sent[0] < total // 2
        assert len(client.read_bytes(total)) == total


def test_an_early_answer_is_passed_on_while_the_body_is_still_coming(gateways, upstreams):
    def too_large(exchange):
        exchange.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        exchange.close()

    gateway = gateways(one_model(upstreams(handler=too_large).url))
    with gateway.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        answer = client.read_response()
        assert (answer.status, answer.body) == (413, b"no")
