"""Ambiguous messages are refused, and not one of their bytes reaches an upstream."""

import pytest

from gateway import Gateway, one_model
from upstream import Upstream, response
from waiting import wait_until

CHUNKED, END = b"Transfer-Encoding: chunked", b"0\r\n\r\n"


def post(*fields, body=b"", version=b"1.1"):
    lines = [b"POST / HTTP/" + version, b"Host: a", *fields, b"", body]
    return b"\r\n".join(lines)


def get(*fields, line=b"GET / HTTP/1.1", host=b"Host: a"):
    lines = [line, *([host] if host else []), *fields, b"", b""]
    return b"\r\n".join(lines)


def te(value, *more):
    return post(b"Transfer-Encoding: " + value, *more, body=END)


def cl(value, *more):
    return post(b"Content-Length: " + value, *more, body=b"hello")


# what is wrong, the request, the statuses that are right
REFUSED = [
    ("cl_and_te", cl(b"5", CHUNKED), {400}),
    ("te_and_cl", te(b"chunked", b"Content-Length: 5"), {400}),
    ("te_gzip_then_cl", te(b"gzip", b"Content-Length: 5"), {400, 501}),
    ("te_xchunked", te(b"xchunked"), {400, 501}),
    ("te_identity", te(b"identity"), {400, 501}),
    ("te_empty", te(b""), {400, 501}),
    ("te_quoted", te(b'"chunked"'), {400, 501}),
    ("te_chunked_identity", te(b"chunked, identity"), {400, 501}),
    ("te_chunked_twice", te(b"chunked, chunked"), {400, 501}),
    ("te_two_lines", te(b"x", CHUNKED), {400, 501}),
    ("te_parameter", te(b"chunked;q=1"), {400, 501}),
    ("te_in_http_1_0", post(CHUNKED, body=END, version=b"1.0"), {400}),
    ("cl_list", cl(b"5, 5"), {400}),
    ("cl_different", cl(b"5", b"Content-Length: 6"), {400}),
    ("cl_plus", cl(b"+5"), {400}),
    ("cl_minus", cl(b"-5"), {400}),
    ("cl_empty", cl(b""), {400}),
    ("cl_hex", cl(b"0x5"), {400}),
    ("cl_overflow", cl(b"18446744073709551617"), {400, 413}),
    ("cl_beyond_the_limit", cl(b"99999999999"), {413}),
    ("space_before_colon", post(b"Content-Length : 5", body=b"hello"), {400}),
    ("folded_line", get(b"X-A: 1\r\n  Transfer-Encoding: chunked"), {400}),
    ("no_host", get(host=None), {400}),
    ("two_hosts", get(b"Host: b"), {400}),
    ("bad_host", get(host=b"Host: a/b"), {400}),
    ("nul_in_value", get(b"X: a\x00b"), {400}),
    ("bare_cr_in_value", get(b"X: a\rb"), {400}),
    ("bad_name", get(b"X Y: 1"), {400}),
    ("no_colon", get(b"nonsense"), {400}),
    ("fragment", get(line=b"GET /a#b HTTP/1.1"), {400}),
    ("relative_target", get(line=b"GET a HTTP/1.1"), {400}),
    ("authority_target", get(line=b"GET a:80 HTTP/1.1"), {400}),
    ("connect", get(line=b"CONNECT a:80 HTTP/1.1"), {400, 405, 501}),
    ("http_2_0", get(line=b"GET / HTTP/2.0"), {400, 505}),
    ("h2c_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505}),
    ("tls_hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    ("huge_head", get(b"X: " + b"a" * (70 << 10)), {431}),
    ("many_fields", get(*[b"X: 1"] * 200), {431}),
    ("long_target", get(line=b"GET /" + b"a" * (70 << 10) + b" HTTP/1.1"), {414, 431}),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """One gateway for all rows: a refused message leaves nothing behind for the next."""
    upstream = Upstream(answer=response(b"ok"))
    gateway = Gateway(tmp_path_factory.mktemp("smuggling"), one_model(upstream.url))
    yield gateway, upstream
    gateway.finish()
    upstream.close()


@pytest.mark.parametrize("request_bytes,statuses", [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_refused(stack, request_bytes, statuses):
    gateway, upstream = stack
    before = upstream.bytes
    with gateway.client() as client:
        client.send(request_bytes + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.read_response()
        assert answer.status in statuses, answer
        assert answer.json()["error"]["code"], answer
        assert answer.get("Connection", "").lower() == "close"
        assert client.is_closed(), "nothing after a refused message is answered"
    assert upstream.bytes == before
    with gateway.client() as client:
        assert client.ask("GET", "/still-well").status == 200


def test_one_canonical_length_leaves(stack):
    gateway, upstream = stack
    with gateway.client() as client:
        client.send(b"POST /cl HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello")
        assert client.read_response().status == 200
    assert upstream.requests[-1].all("Content-Length") == ["5"]
    assert upstream.requests[-1].body == b"hello"


def test_a_listed_framing_field_is_not_dropped(stack):
    gateway, upstream = stack
    with gateway.client() as client:
        client.send(b"POST /listed HTTP/1.1\r\nHost: a\r\nConnection: Content-Length, Host\r\n"
                    b"Content-Length: 5\r\n\r\nhello")
        assert client.read_response().status == 200
    assert upstream.requests[-1].all("Content-Length") == ["5"]


def test_a_broken_chunk_ends_both_sides_and_the_upstream_sees_no_end(gateways, upstreams):
    cut = []

    def watch(exchange):
        try:
            exchange.read_body()
        except (EOFError, OSError, ValueError) as error:
            cut.append(error)
            raise EOFError from error

    upstream = upstreams(handler=watch)
    gateway = gateways(one_model(upstream.url))
    for broken in (b"5g\r\nhello\r\n", b"-1\r\n", b"5\r\nhelloX\r\n", b"0x5\r\nhello\r\n",
                   b"ffffffffffffffffff\r\nhello\r\n", b"5\nhello\n"):
        seen = len(cut)
        with gateway.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"3\r\nabc\r\n" + broken)
            try:
                assert client.read_response().status == 400
            except EOFError:
                pass  # closed without an answer: the request had been passed on already
            assert client.is_closed()
        wait_until(lambda: len(cut) > seen or len(upstream.requests) == seen)
    metrics = gateway.metrics()
    assert metrics.sum("canary_gateway_requests_total", outcome="server_error") == 0
    assert metrics.sum("canary_gateway_requests_total", outcome="truncated") == 0


ANSWERS = [
    ("garbage", b"this is not HTTP\r\n\r\n"),
    ("no_version", b"200 OK\r\n\r\n"),
    ("status_000", b"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n"),
    ("bad_length", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"),
    ("two_lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("nul_in_field", b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    ("unasked_101", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("space_before_colon", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
]


@pytest.mark.parametrize("answer", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_an_answer_that_is_not_http_becomes_502(gateways, upstreams, answer):
    def send(exchange):
        exchange.send(answer)
        exchange.client_gone(10)

    upstream = upstreams(handler=send)
    gateway = gateways(one_model(upstream.url, model={"timeouts": {"first_byte": "5s"}}))
    got = gateway.ask("GET", "/")
    assert got.status == 502, got
    assert got.json()["error"]["code"]
    assert len(upstream.requests) == 1


def test_bytes_after_an_answer_are_never_another_answer(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        response(b"first") + response(b"poison", headers=[("X-Poison", "1")])))
    with gateways(one_model(upstream.url)).client() as client:
        for _ in range(5):
            answer = client.ask("GET", "/")
            assert answer.body == b"first"
    assert len(upstream.connections) == 5, "a connection with bytes left over is not used again"


def test_a_204_with_a_body_does_not_poison_the_connection(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"))
    with gateways(one_model(upstream.url)).client() as client:
        for _ in range(3):
            assert client.ask("GET", "/").status in (204, 502)


def test_an_answer_to_nobody_closes_an_idle_connection(gateways, upstreams):
    upstream = upstreams()
    gateway = gateways(one_model(upstream.url))
    with gateway.client() as client:
        assert client.ask("GET", "/").body == b"ok"
        upstream.connections[0].socket.sendall(response(b"unasked"))
        for _ in range(3):
            assert client.ask("GET", "/").body == b"ok"
    assert len(upstream.connections) >= 2
