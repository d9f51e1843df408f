"""A model server gives up on its clients: those who are slow cannot roll it back, and those who are
not see that it is at fault."""

import socket
import threading

import pytest

from gateway import one_model
from load import Load
from trial import V2, judged
from upstream import response
from waiting import wait_until

GIVES_UP = 0.5  # seconds, as others have 30
STICKY = {"sticky": [{"header": "X-User-Id"}]}
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
SWITCHES = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def impatient(exchange):
    """A sound server that waits for its client, either way, for half a second."""
    exchange.connection.socket.settimeout(GIVES_UP)
    try:
        if exchange.target == "/socket":
            exchange.send(SWITCHES)
            while not exchange.connection.socket.recv(2).startswith(b"\x88"):
                pass
            exchange.connection.open = False
            return exchange.connection.socket.close()  # with unread bytes: a reset
        exchange.read_body()
        if exchange.target == "/big":
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n")
            left = memoryview(bytes(30000000))
            while left:  # each time it waits anew
                left = left[exchange.connection.socket.send(left):]
        else:
            exchange.send(response(b"ok"))
    except OSError:
        exchange.close()


def fails_at_once(exchange):
    """Dies in the middle of a prompt client's upload, or of its own answer."""
    if exchange.target == "/big":
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + b"z" * 1000)
    exchange.close()


def canarys_own(gateway):
    """A sticky key in the canary's range."""
    def version(user):
        with gateway.client() as client:
            return client.ask("GET", "/", [("X-User-Id", user)]).get("X-Model-Version")

    return next(user for user in map(str, range(1000)) if version(user) == V2)


def attack(gateway, kind, user, ended):
    """One client; its connection, once it has done what it does."""
    connection = socket.socket()
    connection.settimeout(5)
    if kind == "read":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.connect(gateway.data)
    target = {"read": "/big", "websocket": "/socket"}.get(kind, "/")
    head = f"{'POST' if target == '/' else 'GET'} {target} HTTP/1.1\r\nHost: a\r\nX-User-Id: {user}\r\n"
    if kind == "websocket":
        head += "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if target == "/":
        head += "Content-Length: 1000\r\n"
    connection.sendall(head.encode() + b"\r\n" + (b"" if target != "/" else b"abc"))
    if kind == "websocket":
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        connection.sendall(CLOSE + b"junk behind it")
    while kind == "drip" and not ended.wait(0.15):
        try:
            connection.sendall(b"x")
        except OSError:
            break
    if kind == "read":
        ended.wait(1.5)  # as long as it likes
    try:
        while connection.recv(1 << 20):
            pass
    except OSError:
        pass
    connection.close()


@pytest.mark.parametrize("kind", ["stall", "drip", "read", "websocket"])
def test_slow_clients_of_one_sticky_key_do_not_roll_back_a_sound_canary(gateways, upstreams, kind):
    """The drip is within the server's limit for a pause: its limit for a whole body ends it."""
    def server(exchange):
        if kind == "drip" and exchange.get("Content-Length"):
            threading.Timer(1, exchange.close).start()
        impatient(exchange)

    gateway = gateways(one_model(upstreams(handler=server).url, upstreams(handler=server).url, 20,
                                 judged() | STICKY))
    user, ended = canarys_own(gateway), threading.Event()
    load = Load(gateway.data, "GET", "/", connections=1).start()
    before = gateway.outcomes(version=V2).get("client_abort", 0)
    clients = [threading.Thread(target=attack, args=(gateway, kind, user, ended))
               for _ in range(12)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(20)
    ended.set()
    load.stop()
    wait_until(lambda: gateway.metrics().sum("canary_gateway_in_flight_requests") == 0, 10,
               "all have ended")
    # On a busy machine the server may be late itself, and serve one or another.
    assert gateway.outcomes(version=V2).get("client_abort", 0) - before > 8
    assert set(gateway.outcomes(version=V2)) <= {"ok", "client_abort"}
    assert gateway.model()["weight"]["effective"] == 20
    assert gateway.model()["rollout"]["status"] == "running"


@pytest.mark.parametrize("target, outcome", [("/", "reset"), ("/big", "truncated")])
def test_a_canary_that_breaks_off_what_prompt_clients_do_is_rolled_back(
        gateways, upstreams, target, outcome):
    gateway = gateways(one_model(upstreams(handler=impatient).url,
                                 upstreams(handler=fails_at_once).url, 50, judged()))
    while gateway.model()["rollout"]["status"] == "running":
        with gateway.client() as client:
            client.request("POST", target, [("Content-Length", "1000")])
            client.send(b"half" * 125)
            try:
                client.read_head()
                if target == "/big":
                    client.read_bytes(30000000)
            except (OSError, EOFError, AssertionError):
                pass
    assert gateway.wait_event("rollback")["trigger"] == "error_rate"
    assert gateway.outcomes(version=V2).get(outcome, 0) > 0
