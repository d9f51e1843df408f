"""Every timeout and limit names itself in its error, is charged to whom it concerns, once, and
bounds what it says it bounds."""

import socket
import threading
import time

import pytest

from bench import SOON, Bench, drain
from gateway import SANITIZED, one_model
from upstream import FullBacklog, response
from waiting import wait_until

GET = b"GET /case HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /case HTTP/1.1\r\nHost: a\r\n"
V2 = "comp-critic_v2"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("limits"), {
        "timeouts": {"header": SOON, "body_idle": SOON, "keepalive_idle": SOON},
        "limits": {"header_bytes": "8KiB", "header_count": 10, "request_body": "1KiB"}})
    yield bench
    bench.serves_on()
    bench.close()


def errors(answer):
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["request_id"] == answer.get("X-Request-Id")
    return error["code"], error["message"]


def silent(exchange):
    exchange.read_body()
    exchange.client_gone(20)


def never_reads(exchange):
    exchange.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(20)


# what the client sends, the status, the code, the key it names
LIMITS = {
    "target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long",
               "limits.header_bytes"),
    "target_unfinished": (b"GET /" + b"a" * 9000, 414, "uri_too_long", "limits.header_bytes"),
    "head": (GET[:-2] + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431, "header_too_large",
             "limits.header_bytes"),
    "head_unfinished": (GET[:-2] + b"X: " + b"a" * 9000, 431, "header_too_large",
                        "limits.header_bytes"),
    "fields": (GET[:-2] + b"X: 1\r\n" * 10 + b"\r\n", 431, "header_too_large",
               "limits.header_count"),
    "fields_unfinished": (GET[:-2] + b"X: 1\r\n" * 20, 431, "header_too_large",
                          "limits.header_count"),
    "length": (POST + b"Content-Length: 1025\r\n\r\n", 413, "request_too_large",
               "limits.request_body"),
    "length_sent": (POST + b"Content-Length: 1025\r\n\r\n" + bytes(1025), 413, "request_too_large",
                    "limits.request_body"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_names_itself(bench, name):
    request, status, code, key = LIMITS[name]
    seen = bench.upstream.bytes
    with bench.client() as client:
        client.send(request)
        answer = client.read_response()
        assert answer.status == status and drain(client) == (b"", "end")
    assert errors(answer)[0] == code and key in errors(answer)[1]
    assert bench.upstream.bytes == seen
    bench.refuse(status)


@pytest.mark.parametrize("request_bytes", [
    b"GET /" + b"a" * 7985 + b" HTTP/1.1\r\nHost: a\r\n\r\n", GET[:-2] + b"X: 1\r\n" * 9 + b"\r\n",
    POST + b"Content-Length: 1024\r\n\r\n" + bytes(1024),
    POST + b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + bytes(1024) + b"\r\n0\r\n\r\n"],
    ids=["8000_octets", "fields", "length", "chunked"])
def test_what_just_fits_passes(bench, request_bytes):
    bench.answers.clear()
    with bench.client() as client:
        client.send(request_bytes)
        assert client.read_response().body == b"ok"
    bench.charge(ok=1)


def test_a_chunked_body_that_grows_beyond_the_limit_is_the_clients_fault(bench):
    bench.answers["/case"] = silent
    with bench.client() as client:
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + bytes(1025) +
                    b"\r\n0\r\n\r\n")
        answer = client.read_response()
        assert answer.status == 413 and drain(client) == (b"", "end")
    assert "limits.request_body" in errors(answer)[1]
    bench.charge(client_abort=1)


@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\n", GET[:-2]])
def test_a_head_has_its_time_in_total_however_it_drips(bench, first):
    with bench.client() as client:
        client.send(first)
        client.socket.settimeout(0.05)
        got = b""
        for _ in range(400):  # a byte each time: progress is no excuse
            try:
                got += client.socket.recv(4096)
                break
            except socket.timeout:
                client.send(b"x" if first == b"G" else b"X")
        client.buffer = got
        client.socket.settimeout(5)
        answer = client.read_response()
        assert answer.status == 408 and answer.get("Connection") == "close"
    assert errors(answer)[0] == "header_timeout" and "timeouts.header" in errors(answer)[1]
    bench.refuse(408)


def test_who_says_nothing_is_closed_without_a_word(bench):
    for sent in (b"", b"\r\n\r\n"):
        with bench.client() as client:
            client.send(sent)
            assert drain(client) == (b"", "end")
    bench.settle()


def test_an_idle_connection_is_closed_without_a_word(bench):
    bench.answers.clear()
    with bench.client() as client:
        assert client.ask("GET", "/").status == 200
        assert drain(client) == (b"", "end")
    bench.charge(ok=1)


@pytest.mark.parametrize("body", [b"Content-Length: 9\r\n\r\nhello",
                                  b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
                                  b"Transfer-Encoding: chunked\r\n\r\n",
                                  b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y"])
def test_a_body_that_stalls_is_the_clients_fault(bench, body):
    bench.answers["/case"] = silent
    with bench.client() as client:
        client.send(POST + body)
        answer = client.read_response()
        assert answer.status == 408 and drain(client) == (b"", "end")
    assert errors(answer)[0] == "body_idle_timeout" and "timeouts.body_idle" in errors(answer)[1]
    bench.charge(client_abort=1)


def test_a_body_that_comes_slowly_but_comes_is_read(bench):
    bench.answers["/case"] = lambda exchange: (exchange.read_body(),
                                               exchange.send(response(exchange.body)))
    with bench.client() as client:
        client.send(POST + b"Content-Length: 10\r\n\r\n")
        for _ in range(10):  # longer in sum than timeouts.body_idle
            time.sleep(0.1 if SANITIZED else 0.05)
            client.send(b"x")
        assert client.read_response().body == b"x" * 10
    bench.charge(ok=1)


def test_first_byte_names_itself_and_is_the_upstreams(bench):
    bench.answers["/case"] = silent
    for data in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"):
        bench.answers["/case"] = lambda exchange, data=data: (exchange.send(data),
                                                              exchange.client_gone(20))
        answer = bench.gateway.ask("GET", "/case")
        assert (answer.status, errors(answer)[0]) == (504, "upstream_first_byte_timeout")
        assert "timeouts.first_byte" in errors(answer)[1]
    bench.charge(timeout_first_byte=3)


@pytest.mark.parametrize("data", [b"Content-Length: 9\r\n\r\nok",
                                  b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"\r\nok"])
def test_an_answer_that_stalls_is_cut_and_is_the_upstreams(bench, data):
    bench.answers["/case"] = lambda exchange: (exchange.send(b"HTTP/1.1 200 OK\r\n" + data),
                                               exchange.client_gone(20))
    with bench.client() as client:
        client.send(GET)
        got, _ = drain(client)
        assert b"ok" in got and b"0\r\n\r\n" not in got
    bench.charge(timeout_idle=1)


def test_there_is_one_first_byte_timeout_for_both_tries(bench):
    """The first try, on a reused connection, takes most of it; the second has what is left."""
    first_byte = 1 if SANITIZED else 0.3
    times = []

    def holds_and_dies(exchange):
        exchange.connection.served = getattr(exchange.connection, "served", 0) + 1
        times.append(time.monotonic())
        if exchange.connection.served > 1:
            time.sleep(first_byte * 0.8)
            exchange.close()
        elif len(times) == 1:
            exchange.send(response(b"ok"))
        else:
            exchange.client_gone(20)
            times.append(time.monotonic())

    bench.answers["/case"] = holds_and_dies
    with bench.client() as client:
        assert client.ask("GET", "/case").status == 200
        answer = client.ask("GET", "/case")
        assert (answer.status, errors(answer)[0]) == (504, "upstream_first_byte_timeout")
    wait_until(lambda: len(times) == 4)
    assert times[3] - times[2] < first_byte, "the second try has not the whole time again"
    bench.charge(ok=1, timeout_first_byte=1)


def test_the_other_timeouts_name_themselves(gateways, upstreams):
    full = FullBacklog()
    gateway = gateways(one_model(full.url, model={"timeouts": {"connect": SOON}}))
    answer = gateway.ask("GET", "/")
    assert (answer.status, errors(answer)[0]) == (504, "upstream_connect_timeout")
    assert "timeouts.connect" in errors(answer)[1]
    gateway.wait_outcomes({"timeout_connect": 1})
    full.close()

    gateway = gateways(one_model(upstreams(handler=silent).url,
                                 model={"timeouts": {"total": SOON}}))
    answer = gateway.ask("GET", "/")
    assert (answer.status, errors(answer)[0]) == (504, "upstream_total_timeout")
    assert "timeouts.total" in errors(answer)[1]
    gateway.wait_outcomes({"timeout_total": 1})

    gateway = gateways(one_model(upstreams(handler=never_reads).url,
                                 model={"timeouts": {"idle": SOON}}))
    with gateway.client() as client:
        client.socket.settimeout(10)
        client.send(POST + b"Content-Length: 100000000\r\n\r\n")
        try:
            while True:
                client.send(bytes(1 << 16))
        except OSError:
            pass
        answer = client.read_response()
    assert (answer.status, errors(answer)[0]) == (504, "upstream_idle_timeout")
    assert "timeouts.idle" in errors(answer)[1]
    gateway.wait_outcomes({"timeout_idle": 1})


def slow_reader(gateway):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(gateway.data)
    sock.sendall(GET)
    return sock


def test_slow_readers_are_bounded_in_memory(gateways, upstreams):
    """200 clients that read 1 KiB at a time of 10 MiB: what is kept is some buffers of each."""
    count, size = (20 if SANITIZED else 200), 10 << 20
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    upstream = upstreams(answer=answer)
    gateway = gateways(one_model(upstream.url))
    gateway.ask("GET", "/internal/model-version")
    before = gateway.rss_bytes()
    readers = [slow_reader(gateway) for _ in range(count)]
    wait_until(lambda: len(upstream.requests) == count, 20)
    peak = 0
    for _ in range(10):
        for reader in readers:
            assert reader.recv(1024)
        peak = max(peak, gateway.rss_bytes())
    assert gateway.ask("GET", "/internal/model-version").status == 200
    for reader in readers:
        reader.close()
    gateway.wait_outcomes({"client_abort": count})
    if not SANITIZED:
        assert peak - before < count * (256 << 10), \
            f"{(peak - before) >> 10} KiB for {count} readers"


def test_slow_readers_are_bounded_in_time_and_not_held_against_the_version(gateways, upstreams):
    upstream = upstreams(answer=response(bytes(10 << 20)))
    gateway = gateways(one_model(upstream.url, data={"timeouts": {"body_idle": SOON}}))
    reader = slow_reader(gateway)  # reads nothing at all
    gateway.wait_outcomes({"client_abort": 1})
    reader.close()


def test_a_bad_canary_cannot_hide_behind_what_clients_do(gateways, upstreams):
    """Most of what reaches it is broken off or refused; what it fails itself still counts."""
    canary = upstreams(handler=lambda exchange: (exchange.read_body(), exchange.send(
        response(b"no", "500 Internal Server Error"))))
    gateway = gateways(one_model(upstreams().url, canary.url, 50, {
        "judge": {"method": "threshold", "window": "10s", "min_samples": 50}}))
    stop = threading.Event()

    def misbehave():
        while not stop.is_set():
            for broken in (b"Content-Length: 5\r\n\r\nhel",
                           b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                           b"Content-Length: x\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n"):
                with gateway.client() as client:
                    client.send(POST + broken)
                    client.socket.settimeout(0.02)
                    try:
                        client.socket.recv(100)
                    except OSError:
                        pass

    noise = [threading.Thread(target=misbehave, daemon=True) for _ in range(3)]
    for thread in noise:
        thread.start()
    def rolled_back():
        client.ask("GET", "/")
        return gateway.model()["rollout"]["status"] == "rolled_back"

    with gateway.client() as client:
        wait_until(rolled_back, 30, "the canary is rolled back", every=0.001)
    stop.set()
    for thread in noise:
        thread.join(10)
    assert "error rate" in gateway.model()["rollout"]["reason"]
