"""What passes through the gateway, byte by byte, when nothing goes wrong."""

import re
import uuid

import pytest

from client import Client
from gateway import SANITIZED, one_model
from upstream import response
from waiting import wait_until

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def echo(exchange):
    """Answers with the request's body."""
    body = exchange.read_body()
    exchange.send(response(body, headers=[("Content-Type", "application/octet-stream")]))


@pytest.fixture
def stack(gateways, upstreams):
    """(gateway, its only upstream, which answers `ok`)"""
    upstream = upstreams()
    return gateways(one_model(upstream.url)), upstream


def test_a_get_arrives_with_the_gateways_own_fields(stack):
    gateway, upstream = stack
    answer = gateway.ask("GET", "/v1/models/m?a=b%20c", [("Accept", "*/*")], host="api.example:81")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.all("X-Model-Version") == ["comp-critic_v1"]
    seen = upstream.requests[0]
    assert seen.line == "GET /v1/models/m?a=b%20c HTTP/1.1"
    assert seen.all("Host") == ["api.example:81"]
    assert seen.all("Accept") == ["*/*"]
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.all("X-Forwarded-Host") == ["api.example:81"]
    assert seen.all("X-Forwarded-Port") == ["81"]
    assert UUID7.fullmatch(seen.get("X-Request-Id")), seen.headers
    assert answer.all("X-Request-Id") == seen.all("X-Request-Id")


def test_a_clients_sane_request_id_and_its_trace_are_kept(stack):
    gateway, upstream = stack
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = [("X-Request-Id", "job:7.a_b-c"), ("traceparent", trace), ("tracestate", "x=1")]
    answer = gateway.ask("GET", "/", fields)
    seen = upstream.requests[0]
    assert seen.all("X-Request-Id") == ["job:7.a_b-c"]
    assert answer.all("X-Request-Id") == ["job:7.a_b-c"]
    assert seen.all("traceparent") == [trace]
    assert seen.all("tracestate") == ["x=1"]


@pytest.mark.parametrize("insane", ["two words", "x" * 129, "a,b", "<script>"])
def test_an_insane_request_id_is_replaced(stack, insane):
    gateway, upstream = stack
    gateway.ask("GET", "/", [("X-Request-Id", insane)])
    assert UUID7.fullmatch(upstream.requests[0].get("X-Request-Id"))


def test_forwarding_fields_of_an_untrusted_client_are_dropped(stack):
    gateway, upstream = stack
    gateway.ask("GET", "/", [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Host", "evil"),
                             ("X-Forwarded-Proto", "https"), ("Forwarded", "for=6.6.6.6")])
    seen = upstream.requests[0]
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert "evil" not in seen.all("X-Forwarded-Host")
    assert seen.all("Forwarded") == []


def test_a_trusted_proxy_may_set_forwarding_fields(gateways, upstreams):
    upstream = upstreams()
    gateway = gateways(one_model(upstream.url, data={"trusted_proxies": ["127.0.0.0/8"]}))
    gateway.ask("GET", "/", [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https")])
    seen = upstream.requests[0]
    assert ", ".join(seen.all("X-Forwarded-For")).replace(" ", "") == "6.6.6.6,127.0.0.1"
    assert seen.all("X-Forwarded-Proto") == ["https"]


def test_hop_by_hop_fields_stay_here(stack):
    gateway, upstream = stack
    gateway.ask("GET", "/", [("Connection", "keep-alive, X-Secret"), ("X-Secret", "1"),
                             ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
                             ("Proxy-Authorization", "Basic x"), ("X-Kept", "yes")])
    names = {name.lower() for name, _ in upstream.requests[0].headers}
    assert not names & {"x-secret", "keep-alive", "te", "proxy-authorization", "upgrade"}
    assert "x-kept" in names


def test_hop_by_hop_fields_of_the_answer_stay_there(gateways, upstreams):
    upstream = upstreams(answer=response(b"ok", headers=[
        ("Connection", "X-Internal"), ("X-Internal", "1"), ("Keep-Alive", "timeout=5"),
        ("X-Kept", "yes"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
    answer = gateways(one_model(upstream.url)).ask()
    assert answer.get("X-Internal") is None
    assert answer.get("Keep-Alive") is None
    assert answer.get("X-Kept") == "yes"
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("size", [0, 1, 4096, 70_000, 3_000_000])
def test_a_body_with_a_length_comes_back_as_it_went(gateways, upstreams, size):
    upstream = upstreams(handler=echo)
    gateway = gateways(one_model(upstream.url))
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    answer = gateway.ask("POST", "/echo", body=body)
    assert answer.status == 200
    assert answer.body == body
    assert upstream.requests[0].all("Content-Length") == [str(size)]
    assert upstream.requests[0].all("Transfer-Encoding") == []


def test_a_chunked_request_arrives_chunked_without_extensions_and_trailers(gateways, upstreams):
    upstream = upstreams(handler=echo)
    gateway = gateways(one_model(upstream.url))
    with gateway.client() as client:
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"5;name=value\r\nhello\r\n")
        wait_until(lambda: upstream.requests)
        client.send(b"6\r\n world\r\n0\r\nHost: evil\r\nX-Trailer: 1\r\n\r\n")
        assert client.read_response().body == b"hello world"
        assert client.ask("GET", "/again").status == 200
    seen = upstream.requests[0]
    assert seen.all("Transfer-Encoding") == ["chunked"]
    assert seen.all("Content-Length") == []
    assert upstream.requests[1].line == "GET /again HTTP/1.1"


def test_a_chunked_answer_arrives_chunked(gateways, upstreams):
    def chunks(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\n\r\n")

    gateway = gateways(one_model(upstreams(handler=chunks).url))
    with gateway.client() as client:
        for _ in range(3):
            answer = client.ask("GET", "/")
            assert answer.all("Transfer-Encoding") == ["chunked"]
            assert answer.body == b"abc0123456789abcdef"


def test_an_answer_that_ends_with_the_connection_ends_well(gateways, upstreams):
    def until_close(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        exchange.close()

    gateway = gateways(one_model(upstreams(handler=until_close).url))
    with gateway.client() as client:
        answer = client.ask("GET", "/")
        assert (answer.body, answer.ended_well) == (b"hello", True)
    with gateway.client() as old:
        old.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = old.read_response()
        assert answer.all("Transfer-Encoding") == []
        assert answer.body == b"hello"
        assert old.is_closed()


def test_head_has_the_length_and_no_body(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))
    with gateways(one_model(upstream.url)).client() as client:
        for _ in range(3):
            answer = client.ask("HEAD", "/")
            assert (answer.status, answer.all("Content-Length")) == (200, ["1234"])
    assert [exchange.method for exchange in upstream.requests] == ["HEAD"] * 3


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_keep_the_connection(gateways, upstreams, status):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        f"HTTP/1.1 {status}\r\nETag: \"x\"\r\n\r\n".encode()))
    with gateways(one_model(upstream.url)).client() as client:
        for _ in range(3):
            answer = client.ask("GET", "/")
            assert (answer.status, answer.get("ETag")) == (int(status[:3]), '"x"')


@pytest.mark.parametrize("status", [201, 302, 404, 422, 500, 503])
def test_every_status_passes_through_as_it_is(gateways, upstreams, status):
    upstream = upstreams(answer=response(b"why", f"{status} Because",
                                         [("Retry-After", "3"), ("Location", "/there")]))
    answer = gateways(one_model(upstream.url)).ask()
    assert (answer.status, answer.body) == (status, b"why")
    assert answer.get("Retry-After") == "3"
    assert answer.get("Location") == "/there"
    assert len(upstream.requests) == 1


def test_connections_are_kept_on_both_sides(stack):
    gateway, upstream = stack
    with gateway.client() as client:
        for _ in range(20):
            assert client.ask("GET", "/").status == 200
    assert len(upstream.requests) == 20
    assert len(upstream.connections) == 1


def test_the_client_may_ask_to_close(stack):
    gateway, _ = stack
    with gateway.client() as client:
        answer = client.ask("GET", "/", [("Connection", "close")])
        assert answer.status == 200
        assert answer.get("Connection", "").lower() == "close"
        assert client.is_closed()


def test_http_1_0_closes_by_default(stack):
    gateway, upstream = stack
    with gateway.client() as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.read_response().body == b"ok"
        assert client.is_closed()
    assert upstream.requests[0].line == "GET /old HTTP/1.1"


def test_pipelined_requests_are_answered_in_order(gateways, upstreams):
    def path(exchange):
        exchange.read_body()
        exchange.send(response(exchange.target.encode()))

    upstream = upstreams(handler=path)
    with gateways(one_model(upstream.url)).client() as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
                             for number in range(50)))
        client.send(b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                    b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
        bodies = [client.read_response().body for _ in range(52)]
    assert bodies == [b"/%d" % number for number in range(50)] + [b"/post", b"/last"]


def test_a_request_may_arrive_byte_by_byte(stack):
    gateway, upstream = stack
    with gateway.client() as client:
        for byte in b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi":
            client.send(bytes([byte]))
        assert client.read_response().body == b"ok"
    assert upstream.requests[0].body == b"hi"


def test_a_client_that_expects_100_gets_it_before_the_answer(gateways, upstreams):
    upstream = upstreams(handler=echo)
    with gateways(one_model(upstream.url)).client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 2\r\n\r\n")
        assert client.read_head().status == 100
        client.send(b"hi")
        assert client.read_response().body == b"hi"
    assert upstream.requests[0].all("Expect") == []


def test_interim_answers_do_not_confuse_the_final_one(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(b"final")))
    with gateways(one_model(upstream.url)).client() as client:
        for _ in range(2):
            assert client.ask("GET", "/").body == b"final"


def test_a_triton_binary_body_passes_untouched(gateways, upstreams):
    upstream = upstreams(handler=echo)
    body = b'{"inputs":[]}' + bytes(range(256))
    answer = gateways(one_model(upstream.url)).ask(
        "POST", "/v2/models/m/infer", [("Inference-Header-Content-Length", "13")], body)
    assert answer.body == body
    assert upstream.requests[0].all("Inference-Header-Content-Length") == ["13"]


def test_a_path_of_no_model_is_404_and_reaches_nobody(gateways, upstreams):
    upstream = upstreams()
    gateway = gateways(one_model(upstream.url, model={"match": [{"path_prefix": "/v1/models/m"}]}))
    assert gateway.ask("GET", "/v1/models/other").status == 404
    assert gateway.ask("GET", "/v1/models/m").status == 200
    assert [exchange.target for exchange in upstream.requests] == ["/v1/models/m"]


@pytest.mark.parametrize("method,target", [
    ("GET", "/internal/status"), ("PUT", "/internal/flags/comp-critic_v2"),
    ("POST", "/internal/model-version"), ("GET", "/internal"), ("GET", "/internal/"),
    ("GET", "/internal/x/../model-version"), ("POST", "/ofrep/v1/evaluate/flags/x"),
    ("GET", "/internal/metrics"), ("POST", "/internal/reload")])
def test_internal_paths_end_at_the_data_listener(stack, method, target):
    gateway, upstream = stack
    body = b'{"rollout_percentage": 100}' if method in ("PUT", "POST") else None
    assert gateway.ask(method, target, [("Content-Type", "application/json")], body).status == 404
    assert upstream.requests == []


def test_the_version_header_can_be_left_out_and_an_upstreams_own_is_replaced(gateways, upstreams):
    upstream = upstreams(answer=response(b"ok", headers=[("X-Model-Version", "liar")]))
    gateway = gateways(one_model(upstream.url))
    assert gateway.ask().all("X-Model-Version") == ["comp-critic_v1"]


def test_large_bodies_pass_in_constant_memory(gateways, upstreams):
    size, piece = 50 << 20, 1 << 20

    def swallow_and_return(exchange):
        left = size
        while left:
            left -= len(exchange.connection.exactly(min(left, piece)))
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // piece):
            exchange.send(bytes(piece))

    gateway = gateways(one_model(upstreams(handler=swallow_and_return).url))
    gateway.ask("GET", "/internal/model-version")
    before = gateway.rss_bytes()
    with gateway.client(timeout=60) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // piece):
            client.send(bytes(piece))
        head = client.read_head()
        assert head.status == 200
        received, peak = 0, 0
        while received < size:
            received += len(client.read_bytes(min(piece, size - received)))
            peak = max(peak, gateway.rss_bytes())
    if not SANITIZED:
        assert peak - before < 8 << 20, f"{(peak - before) >> 10} KiB more for 50 MiB"


def test_ids_given_by_the_gateway_are_unique(stack):
    gateway, upstream = stack
    with Client(gateway.data) as client:
        for _ in range(200):
            client.ask("GET", "/")
    ids = {uuid.UUID(exchange.get("X-Request-Id")) for exchange in upstream.requests}
    assert len(ids) == 200
