"""WebSocket and other upgrades: raw bytes both ways after 101, and one charge at the end."""

import asyncio
import json
import signal
import socket
import threading
import time

import pytest
import websockets

from gateway import SANITIZED, one_model
from upstream import response
from waiting import wait_until

ASKS = [("Connection", "Upgrade"), ("Upgrade", "raw/1")]
SWITCHES = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw/1\r\n"
            b"X-Upstream: yes\r\n\r\n")
IN_FLIGHT = "canary_gateway_in_flight_requests"


def raw(exchange):
    """The bytes of the tunnel, as they come, up to the client's end."""
    held, exchange.connection.buffer = exchange.connection.buffer, b""
    if held:
        yield held
    while data := exchange.connection.socket.recv(1 << 16):
        yield data


def echo(exchange):
    exchange.send(SWITCHES)
    for data in raw(exchange):
        exchange.send(data)
    exchange.close()


def open_tunnel(gateway, early=b"", **options):
    client = gateway.client(**options)
    client.request("GET", "/socket", ASKS)
    if early:
        client.send(early)
    head = client.read_head()
    assert head.status == 101, head
    return client, head


def end(client):
    """Ends our side; what comes up to the other side's end."""
    client.socket.shutdown(socket.SHUT_WR)
    return client.read_bytes(1 << 40)


def access_lines(path, count):
    return wait_until(lambda: (lines := path.read_text().splitlines()) and len(lines) >= count
                      and [json.loads(line) for line in lines], 10, f"{count} lines in {path}")


class WebSocketServer:
    """Debian's websockets library on a thread of its own, echoing; `url` for the gateway."""

    def __init__(self):
        self.loop, self.ready = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    async def _echo(self, connection, path):
        self.path, self.headers = path, connection.request_headers
        async for message in connection:
            await connection.send(message)

    async def _serve(self):
        self.stop = self.loop.create_future()
        async with websockets.serve(self._echo, "127.0.0.1", 0, subprotocols=["chat"],
                                    max_size=1 << 24) as server:
            self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.stop

    def _run(self):
        self.loop.run_until_complete(self._serve())

    def close(self):
        self.loop.call_soon_threadsafe(self.stop.set_result, None)
        self.thread.join(10)


@pytest.fixture
def websocket_server():
    server = WebSocketServer()
    yield server
    server.close()


def test_a_real_websocket_speaks_through_the_gateway(gateways, websocket_server, tmp_path):
    log = tmp_path / "access.log"
    gateway = gateways(one_model(websocket_server.url, access_log={"path": str(log)}))
    large = bytes(range(256)) * 16000

    async def talk():
        async with websockets.connect("ws://%s:%d/chat?room=1" % gateway.data,
                                      subprotocols=["chat"], max_size=1 << 24) as connection:
            assert connection.subprotocol == "chat"
            assert connection.response_headers["X-Model-Version"] == "comp-critic_v1"
            for message in ("hello", "\u00e4\u20ac", b"\x00\xff", "x" * 70000, large):
                await connection.send(message)
                assert await connection.recv() == message
            await connection.send(iter(["in ", "three ", "frames"]))
            assert await connection.recv() == "in three frames"
            await asyncio.wait_for(await connection.ping(), 10)
        return connection.close_code

    assert asyncio.run(talk()) == 1000
    assert websocket_server.path == "/chat?room=1"
    assert websocket_server.headers["X-Forwarded-For"] == "127.0.0.1"
    gateway.wait_outcomes({"ok": 1})
    assert gateway.metrics().sum(IN_FLIGHT) == 0
    line = access_lines(log, 1)[0]
    assert (line["status"], line["upstream_status"], line["outcome"]) == (101, 101, "ok")
    assert line["first_byte_ms"] <= line["duration_ms"]


def test_a_refused_websocket_is_an_ordinary_answer(gateways, websocket_server, upstreams):
    gateway = gateways(one_model(upstreams(answer=response(b"no", "403 Forbidden")).url))

    async def knock():
        async with websockets.connect("ws://%s:%d/" % gateway.data):
            pass

    with pytest.raises(websockets.InvalidStatusCode) as refused:
        asyncio.run(knock())
    assert refused.value.status_code == 403
    gateway.wait_outcomes({"client_error": 1})


def test_early_bytes_are_held_until_the_101_and_then_come_first(gateways, upstreams):
    seen, go_on = [], threading.Event()

    def careful(exchange):
        assert go_on.wait(20)
        seen.append(exchange.connection.buffer)
        exchange.send(SWITCHES + b"early too")
        data = b"".join(raw(exchange))
        seen.append(data)
        exchange.close()

    upstream = upstreams(handler=careful)
    gateway = gateways(one_model(upstream.url))
    with gateway.client() as client:
        client.request("GET", "/", ASKS)
        client.send(b"GET / HTTP/1.1\r\n\0early")
        wait_until(lambda: upstream.requests)
        go_on.set()
        assert client.read_head().status == 101
        assert end(client) == b"early too"
    assert seen == [b"", b"GET / HTTP/1.1\r\n\0early"]
    request = upstream.requests[0]
    assert request.all("Connection") == ["upgrade"] and request.all("Upgrade") == ["raw/1"]
    gateway.wait_outcomes({"ok": 1})


def test_only_what_was_offered_passes_and_h2c_never(gateways, upstreams):
    upstream = upstreams()
    gateway = gateways(one_model(upstream.url))
    h2c = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAA")]
    with gateway.client() as client:
        assert client.ask("GET", "/", h2c).status == 200
        assert client.ask("GET", "/", [("Connection", "upgrade"), ("Upgrade", "h2c, a/1 ,b")]
                          ).status == 200
        assert client.ask("POST", "/", ASKS, b"body").status == 200
    offers = [(r.all("Connection"), r.all("Upgrade"), r.all("HTTP2-Settings"))
              for r in upstream.requests]
    assert offers == [([], [], []), (["upgrade"], ["a/1, b"], []), ([], [], [])]
    assert upstream.requests[2].body == b"body"


@pytest.mark.parametrize("asked, switched", [
    ([], SWITCHES), (ASKS, SWITCHES.replace(b"raw/1", b"other")),
    (ASKS, SWITCHES.replace(b"Connection: Upgrade\r\n", b""))], ids=["unasked", "other", "half"])
def test_a_wrong_101_is_502_and_ends_the_upstream(gateways, upstreams, asked, switched):
    gone = []

    def switch(exchange):
        if exchange.target == "/":
            exchange.send(response(b"fine"))
            return
        exchange.send(switched + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        gone.append(exchange.client_gone())

    gateway = gateways(one_model(upstreams(handler=switch).url))
    with gateway.client() as client:
        client.request("GET", "/switch", asked)
        answer = client.read_response()
        assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_bad_response")
        wait_until(lambda: gone)
        assert gone == [True]
        assert client.ask("GET", "/").body == b"fine"
    gateway.wait_outcomes({"bad_output": 1, "ok": 1})


@pytest.mark.parametrize("first", ["client", "upstream"])
def test_a_half_close_passes_and_the_other_half_goes_on(gateways, upstreams, first):
    seen, ended = [], threading.Event()

    def half(exchange):
        exchange.send(SWITCHES)
        if first == "upstream":
            exchange.send(b"last words")
            exchange.connection.socket.shutdown(socket.SHUT_WR)
        seen.append(b"".join(raw(exchange)))
        if first == "client":
            for _ in range(3):
                exchange.send(b"answer")
        ended.set()
        exchange.close()

    gateway = gateways(one_model(upstreams(handler=half).url))
    client, _ = open_tunnel(gateway)
    with client:
        if first == "upstream":
            assert client.read_bytes(1 << 40) == b"last words"
        client.send(b"question")
        assert end(client) == (b"answer" * 3 if first == "client" else b"")
    assert ended.wait(10)
    assert seen == [b"question"]
    gateway.wait_outcomes({"ok": 1})


def test_a_reset_passes_as_a_reset_and_is_charged_to_whom_it_came_from(gateways, upstreams):
    was_reset = threading.Event()

    def break_or_wait(exchange):
        exchange.send(SWITCHES)
        try:
            for data in raw(exchange):
                if data == b"break":
                    exchange.reset()
                    return
        except ConnectionResetError:
            was_reset.set()

    gateway = gateways(one_model(upstreams(handler=break_or_wait).url))
    client, _ = open_tunnel(gateway)
    client.send(b"hello")
    client.reset()
    assert was_reset.wait(10)
    gateway.wait_outcomes({"client_abort": 1})
    client, _ = open_tunnel(gateway)
    client.send(b"break")
    with pytest.raises(ConnectionResetError):
        client.socket.recv(1)
    client.close()
    gateway.wait_outcomes({"client_abort": 1, "truncated": 1})


@pytest.mark.parametrize("limit, outcome", [("idle", "timeout_idle"), ("total", "timeout_total")])
def test_a_limit_ends_a_tunnel_and_is_named(gateways, upstreams, tmp_path, limit, outcome):
    log = tmp_path / "access.log"
    gateway = gateways(one_model(upstreams(handler=echo).url, access_log={"path": str(log)},
                                 model={"timeouts": {limit: "500ms"}}))
    client, _ = open_tunnel(gateway)
    with pytest.raises(ConnectionResetError):
        while True:
            if limit == "total":
                client.send(b"x")
            if not client.socket.recv(1):
                raise AssertionError("an orderly end would look like the other side's")
    client.close()
    gateway.wait_outcomes({outcome: 1})
    assert access_lines(log, 1)[0]["outcome"] == outcome


def test_a_slow_reader_stops_the_upstream_and_memory_stays_bounded(gateways, upstreams):
    total, piece, sent = 64 << 20, bytes(1 << 16), [0]

    def flood(exchange):
        exchange.send(SWITCHES)
        while sent[0] < total:
            exchange.send(piece)
            sent[0] += len(piece)
        exchange.close()

    gateway = gateways(one_model(upstreams(handler=flood).url))
    before = gateway.rss_bytes()
    client, _ = open_tunnel(gateway, timeout=60)
    with client:
        last = -1
        while last != sent[0]:  # until the upstream is stopped by backpressure
            last = sent[0]
            time.sleep(0.5)
        assert sent[0] < total // 2
        if not SANITIZED:
            assert gateway.rss_bytes() - before < 8 << 20
        assert gateway.ask("GET", "/internal/model-version").status == 200
        assert len(client.read_bytes(total)) == total
        end(client)
    gateway.wait_outcomes({"ok": 1})


def test_a_tunnel_stays_with_its_version_when_the_weight_is_taken_away(gateways, upstreams):
    stable = upstreams(answer=response(b"v1"))
    gateway = gateways(one_model(stable.url, upstreams(handler=echo).url, 100))
    client, head = open_tunnel(gateway)
    with client:
        assert head.get("X-Model-Version") == "comp-critic_v2"
        assert gateway.set_flag("comp-critic_v2", 0).status == 200
        gateway.wait_applied_wholly("comp-critic_v1")
        assert gateway.ask("GET", "/").body == b"v1"
        assert gateway.metrics().sum(IN_FLIGHT, role="canary") == 1
        client.send(b"still there")
        assert client.read_bytes(11) == b"still there"
        assert end(client) == b""
    gateway.wait_outcomes({"ok": 1}, role="canary")
    assert gateway.metrics().sum(IN_FLIGHT) == 0


def test_a_rollback_ends_tunnels_when_its_drain_is_over(gateways, upstreams):
    stable = upstreams(answer=response(b"v1"))
    gateway = gateways(one_model(stable.url, upstreams(handler=echo).url, 100,
                                 {"rollback": {"drain": "1s"}}))
    client, _ = open_tunnel(gateway)
    with client:
        answer = gateway.admin_ask("POST", "/internal/rollouts/comp-critic/rollback",
                                   {"by": "test", "reason": "to see tunnels end"})
        assert answer.status == 200, answer
        client.send(b"on")
        assert client.read_bytes(2) == b"on"
        with pytest.raises(ConnectionResetError):
            client.socket.recv(1)
    gateway.wait_outcomes({"gateway_error": 1}, role="canary")
    assert gateway.ask("GET", "/").body == b"v1"


def test_many_tunnels_and_requests_share_the_workers(gateways, upstreams):
    def both(exchange):
        if exchange.get("Upgrade"):
            echo(exchange)
        else:
            exchange.send(response(b"plain"))

    gateway = gateways(one_model(upstreams(handler=both).url))
    before = gateway.descriptors()
    tunnels = [open_tunnel(gateway)[0] for _ in range(60)]
    for turn in range(5):
        for number, client in enumerate(tunnels):
            client.send(b"%d of %d;" % (turn, number))
        assert gateway.ask("GET", "/").body == b"plain"
        for number, client in enumerate(tunnels):
            expected = b"%d of %d;" % (turn, number)
            assert client.read_bytes(len(expected)) == expected
    assert gateway.metrics().sum(IN_FLIGHT) == 60
    for client in tunnels:
        assert end(client) == b""
        client.close()
    gateway.wait_outcomes({"ok": 65})
    wait_until(lambda: gateway.descriptors() <= before + 8, what="the descriptors are given back")


def test_a_drain_lets_tunnels_end_by_themselves(gateways, upstreams):
    gateway = gateways(one_model(upstreams(handler=echo).url))
    client, _ = open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("draining")
    client.send(b"bye")
    assert client.read_bytes(3) == b"bye"
    assert end(client) == b""
    assert gateway.wait() == 0
    assert "drain_expired" not in gateway.log()


def test_the_drains_end_ends_tunnels(gateways, upstreams):
    gateway = gateways(one_model(upstreams(handler=echo).url), arguments=["--drain-timeout", "1s"])
    client, _ = open_tunnel(gateway)
    gateway.signal(signal.SIGTERM)
    with pytest.raises(ConnectionResetError):
        client.socket.recv(1)
    assert gateway.wait() == 0
    assert "drain_expired" in gateway.log()
    client.close()
