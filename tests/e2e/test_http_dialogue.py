"""Requests and answers that meet: broken uploads, expectations, early answers, pipelining, who
keeps which connection, and what is tried again."""

import threading
import time

import pytest

from bench import SOON, Bench, drain, forwarded
from gateway import SANITIZED
from upstream import response
from waiting import wait_until

HEAD = b"POST /case HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
FINE = response(b"ok")

BROKEN = {  # a chunked body's bytes
    "size": b"5g\r\nhello\r\n", "no_size": b"\r\n", "negative": b"-5\r\nhello\r\n",
    "plus": b"+5\r\nhello\r\n",
    "hex": b"0x5\r\nhello\r\n", "space_before": b" 5\r\nhello\r\n",
    "space_after": b"5 \r\nhello\r\n",
    "tab_after": b"5\t\r\nhello\r\n", "comma": b"5,5\r\nhello\r\n", "quoted": b'"5"\r\nhello\r\n',
    "17_zeros": b"0" * 16 + b"5\r\nhello\r\n", "many_zeros": b"0" * 300 + b"5\r\nhello\r\n",
    "2_63": b"8000000000000000\r\n", "2_64": b"10000000000000005\r\nhello\r\n",
    "all_f": b"f" * 16 + b"\r\n",
    "more_f": b"f" * 100 + b"\r\n", "bare_lf": b"5\nhello\r\n", "bare_lf_after": b"5\r\nhello\n",
    "bare_cr": b"5\rhello\r\n",
    "cr_cr": b"5\r\r\nhello\r\n", "missing_crlf": b"5\r\nhello5\r\nhello\r\n",
    "too_long": b"5\r\nhelloX\r\n",
    "too_short": b"6\r\nhello\r\n0\r\n\r\n", "empty_extension": b"5;\r\nhello\r\n",
    "extension_without_name": b"5;=a\r\nhello\r\n",
    "lf_in_extension": b'5;a="b\nc"\r\nhello\r\n',
    "crlf_in_extension": b'5;a="b\r\nc"\r\nhello\r\n',
    "lf_ends_extension": b"5;a\nhello\r\n", "cr_in_extension": b"5;a\rb\r\nhello\r\n",
    "nul_in_extension": b"5;a\x00\r\nhello\r\n",
    "open_quote": b'5;a="b\r\nhello\r\n', "after_quote": b'5;a="b"c\r\nhello\r\n',
    "large_extension": b"5;a=" + b"y" * 20000 + b"\r\n",
    "many_extensions": b"".join(b"1;" + b"a" * 1000 + b"\r\nx\r\n" for _ in range(20)),
    "last_lf": b"0\n\n", "last_lf_2": b"0\r\n\n", "last_x": b"0\r\nX\r\n\r\n",
    "trailer_lf": b"0\r\nX: y\n\r\n",
    "trailer_folded": b"0\r\nX: y\r\n z\r\n\r\n", "trailer_space": b"0\r\nX : y\r\n\r\n",
    "trailer_nul": b"0\r\nX: \x00\r\n\r\n",
    "trailer_no_name": b"0\r\n: y\r\n\r\n", "trailer_cr": b"0\r\nX: y\rz\r\n\r\n",
    "large_trailer": b"0\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    "many_trailers": b"0\r\n" + b"X: y\r\n" * 4000 + b"\r\n",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("dialogue"),
                  {"timeouts": {"body_idle": SOON}, "limits": {"request_body": "32MiB"}},
                  {"timeouts": {"connect": "5s", "first_byte": "10s", "idle": "10s"}})
    yield bench
    bench.serves_on()
    bench.close()


@pytest.mark.parametrize("cut", [False, True], ids=["at_once", "after_a_good_chunk"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_upload_ends_both_sides_and_the_upstream_sees_no_end(bench, name, cut):
    ended = threading.Event()

    def read_on(exchange):
        try:
            while True:
                exchange.connection.more()
        except (EOFError, OSError):
            ended.set()
            raise

    target = f"/broken/{name}/{cut}"  # of its own: one that was cut off may be seen late
    bench.answers[target] = read_on

    def seen():
        return [exchange for exchange in bench.upstream.requests if exchange.target == target]

    with bench.client() as client:
        client.send(CHUNKED.replace(b"/case", target.encode()) + (b"2\r\nab\r\n" if cut else b""))
        if cut:  # it is on its way when the rest comes
            wait_until(lambda: seen() and seen()[0].raw().endswith(b"2\r\nab\r\n"))
        client.send(BROKEN[name] + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        if name == "too_short":  # stalls in the data, or breaks behind it
            client.send(b"x" * 20)
        answer = client.read_response()
        assert (answer.status, answer.get("Connection")) == (400, "close")
        assert answer.json()["error"]["code"] == "bad_chunk"
        assert drain(client) == (b"", "end")
    bench.charge(client_abort=1)
    assert not seen() or ended.wait(5)
    assert len(seen()) <= 1
    for exchange in seen():
        assert LAST not in exchange.raw() and b"smuggled" not in exchange.raw()


def test_an_upload_that_grows_too_large_is_413(bench):
    bench.answers["/case"] = lambda exchange: exchange.read_body()
    with bench.client() as client:
        client.send(CHUNKED)
        try:
            for _ in range(40):
                client.send(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        except OSError:
            pass
        answer = client.read_response()
        assert (answer.status, answer.get("Connection")) == (413, "close")
        assert "limits.request_body" in answer.json()["error"]["message"]
    bench.charge(client_abort=1)


# -- Expect


def expecting(*fields, version=b"1.1"):
    return b"\r\n".join([b"POST /case HTTP/" + version, b"Host: a", b"Expect: 100-continue",
                         *fields, b"", b""])


@pytest.mark.parametrize("framing,body", [(b"Content-Length: 2", b"hi"),
                                          (b"Transfer-Encoding: chunked", b"2\r\nhi\r\n" + LAST)])
@pytest.mark.parametrize("waits", [True, False], ids=["waits", "sends_at_once"])
def test_100_is_said_at_most_once_and_expect_goes_no_further(bench, framing, body, waits):
    bench.answers["/case"] = lambda exchange: (exchange.read_body(), exchange.send(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + FINE))
    with bench.watching() as seen, bench.client() as client:
        client.send(expecting(framing) + (b"" if waits else body))
        if waits:
            assert client.read_head().status == 100
            client.send(body)
        head = client.read_head()
        if head.status == 100:
            assert not waits
            head = client.read_head()
        client.read_body(head)
        assert (head.status, head.body) == (200, b"ok")
        assert client.ask("GET", "/after").status == 200
    assert forwarded(seen[0])[1:] == [framing.decode()]
    assert seen[0].body == b"hi"
    bench.charge(ok=2)


@pytest.mark.parametrize("request_bytes", [
    expecting(b"Content-Length: 0"), expecting(), expecting(b"Content-Length: 2",
                                                            version=b"1.0") + b"hi",
    expecting(b"Connection: keep-alive", version=b"1.0")],
    ids=["empty", "no_body", "1_0", "1_0_no_body"])
def test_nobody_is_told_to_go_on_who_has_nothing_to_send_or_cannot_know(bench, request_bytes):
    bench.answers["/case"] = FINE
    with bench.client() as client:
        client.send(request_bytes)
        assert client.read_head().status == 200
    bench.charge(ok=1)


def test_an_early_refusal_comes_instead_of_100_for_who_is_not_admitted(bench):
    with bench.watching() as seen, bench.client() as client:
        client.send(expecting(b"Content-Length: 99999999"))
        assert client.read_head().status == 413
    assert seen == []
    bench.refuse(413)


def test_who_was_told_to_go_on_and_does_not_is_timed_out(bench):
    with bench.client() as client:
        client.send(expecting(b"Content-Length: 2"))
        assert client.read_head().status == 100
        answer = client.read_response()
        assert (answer.status, answer.get("Connection")) == (408, "close")
    bench.charge(client_abort=1)


# -- Early answers


@pytest.mark.parametrize("then", ["close", "reset", "keep"])
@pytest.mark.parametrize("framing", ["length", "chunked", "expect"])
def test_an_early_answer_reaches_a_client_that_is_still_uploading(bench, framing, then):
    """It sends all it has before it reads, as most libraries do."""
    early = response(b"no", "413 Content Too Large")

    def refuse(exchange):
        exchange.send(early)
        if then != "keep":
            time.sleep(0.05)  # a reset must not overtake the answer
            getattr(exchange, then)()
        else:
            exchange.client_gone(5)

    bench.answers["/case"] = refuse
    size = 20 << 20
    with bench.watching() as seen, bench.client() as client:
        if framing == "chunked":
            client.send(CHUNKED)
        else:
            client.send(HEAD + (b"Expect: 100-continue\r\n" if framing == "expect" else b"") +
                        b"Content-Length: %d\r\n\r\n" % size)
        data = bytes(1 << 16)
        for _ in range(size // len(data)):
            client.send(b"10000\r\n" + data + b"\r\n" if framing == "chunked" else data)
        answer = client.read_response()
        assert (answer.status, answer.body) == (413, b"no"), answer
        assert answer.get("Connection") == "close"
        assert client.is_closed()
    wait_until(lambda: not seen[0].connection.open, what="the upstream's connection is closed")
    bench.charge(client_error=1)


def test_behind_an_early_answer_both_connections_end(bench):
    bench.answers["/case"] = lambda exchange: (exchange.send(FINE),
                                               exchange.connection.until(b"never"))
    with bench.watching() as seen, bench.client() as client:
        client.send(HEAD + b"Content-Length: 9\r\n\r\nhello")
        answer = client.read_response()
        assert (answer.body, answer.get("Connection")) == (b"ok", "close")
        client.send(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        assert drain(client) == (b"", "end")
    wait_until(lambda: not seen[0].connection.open, what="the upstream's connection is closed")
    bench.charge(ok=1)


def test_a_stalled_client_gets_an_early_answer_at_once(bench):
    bench.answers["/case"] = lambda exchange: exchange.send(FINE)
    with bench.client() as client:
        client.send(CHUNKED + b"5\r\nhel")
        assert client.read_response().body == b"ok"
    bench.charge(ok=1)


# -- Connections


def test_pipelined_requests_are_answered_in_order_and_none_behind_the_last(bench):
    bench.answers["/case"] = lambda exchange: (exchange.read_body(),
                                               exchange.send(response(exchange.body)))
    post = HEAD + b"Content-Length: 1\r\n\r\n"
    with bench.watching() as seen, bench.client() as client:
        client.send(b"".join(post + b"%d" % number for number in range(5)))
        client.send(CHUNKED + b"1\r\n5\r\n" + LAST + b"\r\n\r\n" +
                    post[:-2] + b"Connection: close\r\n\r\n6" + post + b"7")
        bodies = [client.read_response().body for _ in range(7)]
        assert drain(client) == (b"", "end")
    assert bodies == [b"%d" % number for number in range(7)]
    assert len(seen) == 7
    bench.charge(ok=7)


def test_an_error_ends_a_pipeline(bench):
    bench.answers["/case"] = FINE
    with bench.watching() as seen, bench.client() as client:
        client.send(HEAD + b"Content-Length: 0\r\n\r\n" + b"GET /x y HTTP/1.1\r\n\r\n" + HEAD +
                    b"\r\n")
        assert client.read_response().status == 200
        assert client.read_response().status == 400
        assert drain(client) == (b"", "end")
    assert len(seen) == 1
    bench.charged["ok"] += 1
    bench.refuse(400)


@pytest.mark.parametrize("line,fields,kept", [
    (b"GET / HTTP/1.1", b"", True), (b"GET / HTTP/1.1", b"Connection: close\r\n", False),
    (b"GET / HTTP/1.1", b"Connection: Close\r\n", False), (b"GET / HTTP/1.1",
                                                           b"Connection: x, close\r\n", False),
    (b"GET / HTTP/1.1", b"Connection: keep-alive, close\r\n", False), (b"GET / HTTP/1.1",
        b"Connection: x\r\nConnection: close\r\n", False),
    (b"GET / HTTP/1.1", b"Proxy-Connection: close\r\n", True), (b"GET / HTTP/1.1",
                                                                b"Keep-Alive: timeout=0\r\n", True),
    (b"GET / HTTP/1.0", b"", False), (b"GET / HTTP/1.0", b"Connection: keep-alive\r\n", True),
    (b"GET / HTTP/1.0", b"Connection: Keep-Alive, x\r\n", True), (b"GET / HTTP/1.0",
        b"Connection: keep-alive, close\r\n", False),
    (b"GET / HTTP/1.0", b"Proxy-Connection: keep-alive\r\n", False), (b"GET / HTTP/1.0",
        b"Keep-Alive: timeout=9\r\n", False),
    (b"HEAD / HTTP/1.0", b"Connection: keep-alive\r\n", True)])
def test_the_client_says_whether_its_connection_is_kept(bench, line, fields, kept):
    with bench.watching() as seen, bench.client() as client:
        client.send(line + b"\r\nHost: a\r\n" + fields + b"\r\n")
        head = client.read_head()
        client.read_body(head, line.split()[0].decode())
        http_1_0 = line.endswith(b"1.0")
        said = ["keep-alive"] if kept and http_1_0 else [] if kept else ["close"]
        assert (head.status, head.all("Connection")) == (200, said)
        if kept:
            assert client.ask("GET", "/after").status == 200
        else:
            assert client.is_closed()
    assert seen[0].all("Connection") == [] and seen[0].line.endswith("HTTP/1.1")
    bench.charge(ok=2 if kept else 1)


@pytest.mark.parametrize("data,kept", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + LAST, False), (FINE,
        True)])
def test_an_http_1_0_client_never_gets_chunks(bench, data, kept):
    bench.answers["/case"] = data
    with bench.client() as client:
        client.send(b"GET /case HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = client.read_response() if kept else client.read_head()
        assert answer.all("Transfer-Encoding") == []
        assert answer.all("Connection") == (["keep-alive"] if kept else ["close"])
        assert kept or drain(client) == (b"ok", "end")
    bench.charge(ok=1)


def test_hop_by_hop_fields_of_an_answer_end_here(bench):
    bench.answers["/case"] = response(b"ok", headers=[
        ("Connection", "X-A, Set-Cookie, Date, X-Request-Id"), ("X-A", "1"), ("Keep-Alive",
            "timeout=5"), ("TE", "x"),
        ("Proxy-Authenticate", "Basic"), ("Proxy-Authentication-Info", "x"), ("Proxy-Connection",
            "close"), ("Upgrade", "h2c"),
        ("Trailer", "X"), ("X-Request-Id", "liar"), ("X-Model-Version", "liar"), ("Content_Length",
            "9"), ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"), ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"), ("X-Kept", "yes"),
        ("Server", "x"), ("Retry-After", "1")])
    answer = bench.gateway.ask("GET", "/case", [("X-Request-Id", "mine")])
    assert [name for name, _ in answer.headers] == [
        "Set-Cookie", "Set-Cookie", "Date", "X-Kept", "Server", "Retry-After", "X-Request-Id",
        "X-Model-Version", "Content-Length"]
    assert (answer.get("X-Request-Id"), answer.get("X-Model-Version")) == ("mine", "comp-critic_v1")
    bench.charge(ok=1)


# -- Tried again or not


def dies_when_reused(exchange):
    exchange.read_body()
    exchange.connection.served = getattr(exchange.connection, "served", 0) + 1
    if exchange.connection.served > 1:
        exchange.close()
    else:
        exchange.send(FINE)


@pytest.mark.parametrize("method,tries", [("GET", 2), ("HEAD", 2), ("PUT", 2), ("DELETE", 2),
                                          ("OPTIONS", 2), ("TRACE", 2),
                                          ("POST", 1), ("PATCH", 1), ("get", 1), ("BREW", 1)])
def test_only_an_idempotent_request_on_a_reused_connection_is_sent_again(bench, method, tries):
    bench.answers["/case"] = dies_when_reused
    body = b"x" if method in ("PUT", "POST", "PATCH") else None
    with bench.client() as client:
        client.ask("GET", "/case")  # leaves a connection that served one; the newest is used first
        with bench.watching() as seen:
            answer = client.ask(method, "/case", body=body)
        assert answer.status == (200 if tries == 2 else 502)
    assert len(seen) == tries, "on a connection of its own, and once"
    assert len({id(exchange.connection) for exchange in seen}) == tries
    if tries == 2:
        bench.charge(ok=2)
    else:
        wait_until(lambda: sum(bench.counts()[0].values()) == sum(bench.charged.values()) + 2)
        charged = bench.counts()[0] - bench.charged
        assert charged in ({"ok": 1, "reset": 1}, {"ok": 1, "gateway_error": 1}), \
            "the race, while it is rare"
        bench.charge(**charged)


@pytest.mark.parametrize("data", [b"H", b"HTTP/1.1 100 C\r\n\r\n"])
def test_nothing_is_sent_again_once_an_answer_has_begun(bench, data):
    def begins_and_dies(exchange):
        exchange.read_body()
        exchange.connection.served = getattr(exchange.connection, "served", 0) + 1
        exchange.send(data if exchange.connection.served > 1 else FINE)
        if exchange.connection.served > 1:
            exchange.close()

    bench.answers["/case"] = begins_and_dies
    with bench.client() as client:
        client.ask("GET", "/case")
        with bench.watching() as seen:
            assert client.ask("GET", "/case").status == 502
    assert len(seen) == 1
    bench.charge(ok=1, reset=1)


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_while_the_upstream_works_is_not_held_against_it(bench, leave):
    arrived, gone = threading.Event(), threading.Event()

    def work(exchange):
        arrived.set()
        if exchange.client_gone(10):
            gone.set()

    bench.answers["/case"] = work
    client = bench.client()
    client.send(HEAD + b"Content-Length: 0\r\n\r\n")
    assert arrived.wait(5)
    getattr(client, leave)()
    assert gone.wait(5 if SANITIZED else 1), "told within a second"
    bench.charge(client_abort=1)
