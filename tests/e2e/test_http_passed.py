"""What a client may say, and what the upstream then sees of it, byte by byte."""

import pytest

from bench import Bench, cut, forwarded, plain_chunks

HOST = b"Host: a"
LAST = b"0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


def head(line=b"GET / HTTP/1.1", *fields):
    return b"\r\n".join([line, *(fields or [HOST]), b"", b""])


def same(line):
    return (head(line), line.decode(), [], b"")


def as_if(line, seen):
    return (head(line), seen, [], b"")


def fields(sent, seen, line=b"GET / HTTP/1.1", host=HOST):
    return (head(line, *([host] if host else []), *sent), line.decode().replace("1.0", "1.1"), seen,
            b"")


def chunks(sent, data=b"hello", *more, last=LAST):
    return (head(b"POST / HTTP/1.1", HOST, CHUNKED, *more) + sent + last, "POST / HTTP/1.1",
            ["Transfer-Encoding: chunked"], data)


def length(value, body, seen=None, *more, line=b"POST / HTTP/1.1"):
    return (head(line, HOST, b"Content-Length:" + value, *more) + body, line.decode().replace("1.0",
        "1.1"),
            [f"Content-Length: {seen or len(body)}"], body)


LINES = [same(line) for line in (
    b"GET / HTTP/1.1", b"get / HTTP/1.1", b"M-SEARCH / HTTP/1.1", b"!#$%&'*+-.^_`|~ / HTTP/1.1",
    b"A" * 64 + b" / HTTP/1.1", b"PROPFIND / HTTP/1.1", b"DELETE /x HTTP/1.1", b"TRACE / HTTP/1.1",
    b"GET /%00%2f%2e%2E/../x%zz?%23 HTTP/1.1", b"GET /a//b/./c/../d HTTP/1.1",
    b"GET //b/x HTTP/1.1",
    b"GET /a\\b|c{}\"<>^` HTTP/1.1", b"GET /a?b?c=d&e;f HTTP/1.1", b"GET /? HTTP/1.1",
    b"GET /:80@b HTTP/1.1", b"GET /http://b/ HTTP/1.1", b"GET /*?* HTTP/1.1",
    b"GET /" + b"a" * 7985 + b" HTTP/1.1", b"GET /" + b"a" * 60000 + b" HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"OPTIONS /x HTTP/1.1", b"PATCH /v2/models/m HTTP/1.1")] + [
    as_if(b"GET http://b/x?y HTTP/1.1", "GET /x?y HTTP/1.1"), as_if(b"GET HTTP://b HTTP/1.1",
        "GET / HTTP/1.1"),
    as_if(b"GET http://b:81/ HTTP/1.1", "GET / HTTP/1.1"), as_if(b"GET http://b:/ HTTP/1.1",
        "GET / HTTP/1.1"),
    as_if(b"GET http://b?x HTTP/1.1", "GET /?x HTTP/1.1"), as_if(b"GET http://[::1]:80/ HTTP/1.1",
        "GET / HTTP/1.1"),
    as_if(b"OPTIONS http://b HTTP/1.1", "OPTIONS * HTTP/1.1"), as_if(b"OPTIONS http://b/ HTTP/1.1",
        "OPTIONS / HTTP/1.1"),
    as_if(b"GET http://b//c HTTP/1.1", "GET //c HTTP/1.1"), as_if(b"GET / HTTP/1.0",
        "GET / HTTP/1.1"),
    as_if(b"GET http://b/x HTTP/1.0", "GET /x HTTP/1.1"),
]
HOSTS = [fields([], [], host=b"Host:" + host) for host in (
    b" a", b"a", b"\ta", b" a \t", b" A.b-c_d~e", b" a.", b" a:80", b" a:", b" a:0", b" a:65535",
    b" 127.0.0.1", b" [::1]", b" [::1]:8080", b" [1:2:3:4:5:6:7:8]", b" [::ffff:1.2.3.4]",
    b" xn--bcher-kva")]
FIELDS = [
    fields([b"X: \xc3\xa4"], ["X: \xc3\xa4"]), fields([b"X:"], ["X: "]), fields([b"X:  a \t"],
        ["X: a"]),
    fields([b"X: a\tb"], ["X: a\tb"]), fields([b"X:a"], ["X: a"]), fields([b"X: a, b", b"X: c"],
        ["X: a, b", "X: c"]),
    fields([b"x-LOWER: 1"], ["x-LOWER: 1"]), fields([b"!#$%&'*+-.^_`|~09: 1"],
                                                    ["!#$%&'*+-.^_`|~09: 1"]),
    fields([b"X: \"quoted, \\\" text\""], ["X: \"quoted, \\\" text\""]), fields([b"X: a:b: c"],
        ["X: a:b: c"]),
    fields([b"Cookie: a=b; c=d", b"Authorization: Bearer x", b"Accept-Encoding: gzip"],
           ["Cookie: a=b; c=d", "Authorization: Bearer x", "Accept-Encoding: gzip"]),
    fields([b"Inference-Header-Content-Length: 13", b"Content-Type: application/octet-stream"],
           ["Inference-Header-Content-Length: 13", "Content-Type: application/octet-stream"]),
    fields([b"X: 1"] * 99, ["X: 1"] * 99), fields([b"X: " + b"a" * 60000], ["X: " + "a" * 60000]),
    # what belongs to one connection
    fields([b"Connection: keep-alive, X-Secret", b"X-Secret: 1", b"X-Kept: 2"], ["X-Kept: 2"]),
    fields([b"X-Secret: 1", b"Connection: x-secret"], []), fields([b"Connection: X-A", b"X-A: 1",
        b"Connection: X-B", b"X-B: 2"], []),
    fields([b"Connection: ,, X-A ,,", b"X-A: 1"], []), fields([b"Connection:", b"X: 1"], ["X: 1"]),
    fields([b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"TE: trailers",
            b"Trailer: X"], []),
    fields([b"Proxy-Authorization: Basic x", b"Proxy-Authenticate: Basic",
            b"Proxy-Authentication-Info: x"], []),
    fields([b"Connection: TE, Trailer, Keep-Alive", b"TE: gzip", b"X: 1"], ["X: 1"]),
    # Connection takes away nothing that the gateway says, or that says what the request is
    fields([b"Connection: Host, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host",
            b"Connection: X-Request-Id, Via"], []),
    fields([b"Connection: Authorization, Cookie, traceparent, Content-Type", b"Authorization: x",
            b"Cookie: y",
            b"traceparent: z", b"Content-Type: w"],
           ["Authorization: x", "Cookie: y", "traceparent: z", "Content-Type: w"]),
    # what only the gateway may say, however it is spelt
    fields([b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 7.7.7.7", b"X-Forwarded-Host: evil",
            b"X-Forwarded-Proto: https",
            b"X-Forwarded-Port: 1", b"X-Forwarded-Prefix: /x", b"Forwarded: for=6.6.6.6",
            b"X-Real-IP: 6.6.6.6"], []),
    fields([b"X_Forwarded_For: 6.6.6.6", b"X-Forwarded_Host: evil", b"X_Real-IP: 6",
            b"X_Request_Id: 1", b"Content_Length: 9",
            b"Transfer_Encoding: chunked", b"x_custom_name: 1"], ["x_custom_name: 1"]),
    fields([b"X-Request-Id: two words", b"X-Request-Id: b"], []), fields([b"Via: 1.0 old"],
        ["Via: 1.0 old"]),
    # Max-Forwards counts for OPTIONS and TRACE alone
    fields([b"Max-Forwards: 5"], ["Max-Forwards: 4"], b"OPTIONS /x HTTP/1.1"),
    fields([b"Max-Forwards: 1"], ["Max-Forwards: 0"], b"TRACE /x HTTP/1.1"),
    fields([b"Max-Forwards: x"], ["Max-Forwards: x"], b"TRACE /x HTTP/1.1"),
    fields([b"Max-Forwards: 0"], ["Max-Forwards: 0"]),
    # HTTP/1.0
    fields([], [], b"GET /old HTTP/1.0", host=None), fields([b"X: 1"], ["X: 1"],
                                                            b"GET /old HTTP/1.0"),
    fields([b"Connection: keep-alive"], [], b"GET /old HTTP/1.0"),
    fields([b"Expect: 100-continue"], [], b"GET /x HTTP/1.1"), fields([b"Expect: 100-CONTINUE"] * 2,
        []),
]
BODIES = [
    length(b" 5", b"hello"), length(b"5", b"hello"), length(b" 0005 \t", b"hello"), length(b" 0",
        b""),
    length(b" " + b"0" * 300 + b"5", b"hello"), length(b" 5", b"hello", line=b"GET / HTTP/1.1"),
    length(b" 5", b"hello", line=b"POST / HTTP/1.0"), length(b" 5", b"\r\n\r\n\0"),
    length(b" 65536", bytes(65536)),
    length(b" 5", b"hello", None, b"Connection: Content-Length, Transfer-Encoding, Host"),
    length(b" 5", b"hello", None, b"Content-Length-X: 7")[:2] + (["Content-Length-X: 7",
        "Content-Length: 5"], b"hello"),
    length(b" 5", b"hello", None, b"Connection: keep-alive, Upgrade, HTTP2-Settings",
           b"HTTP2-Settings: x"),
    chunks(b"5\r\nhello\r\n"), chunks(b"", b""),
    chunks(b"A\r\n0123456789\r\n", b"0123456789"), chunks(b"00005\r\nhello\r\n"),
    chunks(b"0000000000000005\r\nhello\r\n"), chunks(b"2\r\nhe\r\n3\r\nllo\r\n"),
    chunks(b"5;a\r\nhello\r\n"), chunks(b"5;a=b;c\r\nhello\r\n"),
    chunks(b"5 ; a = b\r\nhello\r\n"), chunks(b'5;a="b c\\"d;\\\\"\r\nhello\r\n'),
    chunks(b"5\r\n0\r\n\r\n\r\n", b"0\r\n\r\n"), chunks(b"5\r\nhello\r\n", last=b"000\r\n\r\n"),
    chunks(b"5\r\nhello\r\n", last=b"0;a=b\r\n\r\n"),
    chunks(b"5\r\nhello\r\n",
           last=b"0\r\nHost: evil\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n"
                b"X-Forwarded-For: 6\r\n\r\n"),
    chunks(b"5\r\nhello\r\n", last=b"0\r\nX:\r\nY: \"a\xc3\xa4\"\t\r\n\r\n"),
    chunks(b"5\r\nhello\r\n", last=b"0\r\nX: " + b"y" * 16000 + b"\r\n\r\n"),
    chunks(b"5;a=" + b"x" * 16000 + b"\r\nhello\r\n"),
    (head(b"GET / HTTP/1.1", HOST, b"transfer-ENCODING:  CHUNked \t") + b"5\r\nhello\r\n" + LAST,
     "GET / HTTP/1.1",
     ["Transfer-Encoding: chunked"], b"hello"),
    (b"\r\n\r\n" + head(b"GET / HTTP/1.1"), "GET / HTTP/1.1", [], b""),
]
CASES = [*LINES, *HOSTS, *FIELDS, *BODIES]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("passed"), {"limits": {"request_body": "64KiB"}})
    yield bench
    bench.serves_on()
    bench.close()


def cut_coarsely(request):
    return cut(request, len(request) // 20)


def whole(request):
    return [request]


@pytest.mark.parametrize("pieces", [whole, cut], ids=["whole", "byte_by_byte"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case[0])[2:60])
def test_it_reaches_the_upstream_as_it_should(bench, case, pieces):
    request, line, names, body = case
    if pieces is cut and len(request) > 500:
        pieces = cut_coarsely
    with bench.watching() as seen, bench.client() as client:
        for piece in pieces(request):
            client.send(piece)
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"ok"), answer
    assert len(seen) == 1
    assert forwarded(seen[0]) == [line, *names]
    raw = seen[0].raw().partition(b"\r\n\r\n")[2]
    assert (plain_chunks(raw) if seen[0].get("Transfer-Encoding") else raw) == body
    bench.charge(ok=1)
