"""What a client must not say: each row is refused, its connection ended, not one of its bytes, nor
of what follows it, reaches the upstream, and it is charged to no version."""

import pytest

from bench import Bench, drain

HOST = b"Host: a"
LAST = b"0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


def head(line=b"GET / HTTP/1.1", *fields):
    return b"\r\n".join([line, *(fields or [HOST]), b"", b""])


def get(*fields):
    return head(b"GET / HTTP/1.1", HOST, *fields)


def post(*fields, body=b"hello", version=b"1.1"):
    return head(b"POST / HTTP/" + version, HOST, *fields) + body


def length(value, *more):
    return post(b"Content-Length: " + value, *more)


def coding(value, *more):
    return post(b"Transfer-Encoding: " + value, *more, body=b"5\r\nhello\r\n" + LAST)


LINES = {  # request line: status
    b"GET  / HTTP/1.1": 400, b"GET /  HTTP/1.1": 400, b"GET\t/ HTTP/1.1": 400,
    b"GET /\tHTTP/1.1": 400, b" GET / HTTP/1.1": 400, b"GET / HTTP/1.1 ": 400,
    b"GET / HTTP/1.1\t": 400, b"GET HTTP/1.1": 400, b"GET  HTTP/1.1": 400, b"GET /": 400,
    b"GET / ": 400, b"GET": 400, b"/ HTTP/1.1": 400, b"GET /a b HTTP/1.1": 400,
    b"GET / HTTP/0.9": 505, b"GET / HTTP/1.2": 505, b"GET / HTTP/1.9": 505,
    b"GET / HTTP/2.0": 505, b"GET / HTTP/3.0": 505, b"GET / HTTP/2": 400,
    b"GET / HTTP/01.1": 400, b"GET / HTTP/1.01": 400, b"GET / HTTP/1.10": 400,
    b"GET / HTTP/11": 400, b"GET / HTTP/1.": 400, b"GET / HTTP/.1": 400, b"GET / HTTP/1,1": 400,
    b"GET / HTTP/-1.1": 400, b"GET / HTTP 1.1": 400, b"GET / http/1.1": 400,
    b"GET / Http/1.1": 400, b"GET / HTTPS/1.1": 400, b"GET / ICY/1.1": 400,
    b"GET / HTTP/1.1;x": 400, b'GET / "HTTP/1.1"': 400, b"GET / HTTP/1.1\x00": 400,
    b"G@T / HTTP/1.1": 400, b"G(T / HTTP/1.1": 400, b"G\xc3T / HTTP/1.1": 400,
    b"G\x00T / HTTP/1.1": 400, b"GET: / HTTP/1.1": 400, b'"GET" / HTTP/1.1': 400,
    b"A" * 65 + b" / HTTP/1.1": 501, b"A" * 8000 + b" / HTTP/1.1": 501,
    b"GET x HTTP/1.1": 400, b"GET ?x HTTP/1.1": 400, b"GET a/b HTTP/1.1": 400,
    b"GET a:80 HTTP/1.1": 400, b"GET * HTTP/1.1": 400, b"POST * HTTP/1.1": 400,
    b"OPTIONS *x HTTP/1.1": 400, b"OPTIONS ** HTTP/1.1": 400, b"OPTIONS *?x HTTP/1.1": 400,
    b"GET /a#b HTTP/1.1": 400, b"GET /# HTTP/1.1": 400, b"GET /a?b#c HTTP/1.1": 400,
    b"GET /\x01 HTTP/1.1": 400, b"GET /\x00 HTTP/1.1": 400, b"GET /\x1f HTTP/1.1": 400,
    b"GET /\x7f HTTP/1.1": 400, b"GET /\x80 HTTP/1.1": 400, b"GET /\xc3\xa4 HTTP/1.1": 400,
    b"GET /\xff HTTP/1.1": 400, b"GET /a\rb HTTP/1.1": 400, b"GET /\x0b HTTP/1.1": 400,
    b"GET http://u@b/ HTTP/1.1": 400, b"GET http://u:p@b/ HTTP/1.1": 400,
    b"GET http:///x HTTP/1.1": 400, b"GET http:// HTTP/1.1": 400, b"GET http:/b HTTP/1.1": 400,
    b"GET http:b HTTP/1.1": 400, b"GET https://b/ HTTP/1.1": 400, b"GET ftp://b/ HTTP/1.1": 400,
    b"GET ws://b/ HTTP/1.1": 400, b"GET http://b:x/ HTTP/1.1": 400,
    b"GET http://b:65536/ HTTP/1.1": 400, b"GET http://:80/ HTTP/1.1": 400,
    b"GET http://b/x#y HTTP/1.1": 400, b"GET http://b,c/ HTTP/1.1": 400,
    b"GET http://b%2f/ HTTP/1.1": 400, b"GET http://[::1/ HTTP/1.1": 400,
    b"GET http://b\\c/ HTTP/1.1": 400, b"GET //b\x00/ HTTP/1.1": 400,
    b"CONNECT a:80 HTTP/1.1": 501, b"CONNECT / HTTP/1.1": 501, b"CONNECT http://a/ HTTP/1.1": 501,
    b"PRI * HTTP/2.0": 505,
}
HOSTS = [  # what follows `Host:`
    b"", b" ", b" a,b", b" a, b", b" a b", b" a/", b" a/b", b" http://a", b" u@a", b" u:p@a",
    b" a?", b" a#", b" a\\b", b" a%2f", b" a;b", b" a'b", b" (a)", b" a=b", b" a&b", b" :", b" :80",
    b" a:8x", b" a:-1", b" a:+1", b" a: 80", b" a:65536", b" a:999999", b" a:00080", b" a:00",
    b" .", b" .:80", b" .a", b" a..b", b" a.b..", b" ..", b" a:1:2", b" [::1",
    b" ::1", b" []", b" [1]", b" [:::::]", b" [1:2:3:4:5:6:7:8:9]", b" [::1]x", b" [::1]:x",
    b" [fe80::1%25eth0]", b" [v1.a]", b" [::g]", b" \xc3\xa4", b" a\x00", b" a\x7f", b" *",
]
FIELDS = {  # after the Host field
    "space_before_colon": b"X : 1", "tab_before_colon": b"X\t: 1", "no_name": b": 1",
    "no_colon": b"nonsense", "space_in_name": b"X Y: 1", "nul_in_name": b"X\x00: 1",
    "8_bit_name": b"X\xc3: 1", "del_in_name": b"X\x7f: 1", "paren_in_name": b"X(y): 1",
    "quoted_name": b'"X": 1', "slash_in_name": b"X/Y: 1", "at_in_name": b"X@: 1",
    "cr_in_name": b"X\rY: 1", "ff_in_name": b"X\x0c: 1",
    "nul": b"X: a\x00b", "only_nul": b"X: \x00", "bare_cr": b"X: a\rb", "cr_cr": b"X: a\r",
    "bare_lf": b"X: a\nY: b", "soh": b"X: a\x01b", "escape": b"X: a\x1bb", "del": b"X: a\x7fb",
    "vertical_tab": b"X: \x0ba", "form_feed": b"X: a\x0c", "backspace": b"X: a\x08",
    "folded": b"X: 1\r\n 2", "folded_tab": b"X: 1\r\n\t2", "folded_at_once": b"X:\r\n 2",
    "folded_empty": b"X: 1\r\n ", "space_line": b" ", "tab_line": b"\t",
    "folded_length": b"Content-Length: 1\r\n 0",
    "hidden_coding": b"X: 1\r\n Transfer-Encoding: chunked",
    "second_host": b"Host: a", "second_other_host": b"host: b", "second_empty_host": b"Host:",
    "expect": b"Expect: 200-ok", "expect_more": b"Expect: 100-continue, x",
    "expect_empty": b"Expect:",
    "expect_parameter": b"Expect: 100-continue;a=b", "many_options": b"Connection: " + b"x,y," * 20,
    "quoted_option": b'Connection: "close"', "option_with_parameter": b"Connection: close;x",
    "option_with_space": b"Connection: keep alive",
}
STATUS = {name: 417 for name in FIELDS if name.startswith("expect")}
LENGTHS = [
    b"+5", b"-5", b"0x5", b"5 5", b"5,5", b"5, 5", b"5,", b",5", b"5;a", b"", b" ", b"5.0", b"5e0",
    b"1_0", b'"5"', b"5\x00", b"\x0b5", b"\xd9\xa5", b"five", b"NaN", b"-0", b"+0",
    b"9223372036854775808",
    b"18446744073709551615", b"18446744073709551616", b"18446744073709551621", b"9" * 400,
]
CODINGS = {  # Transfer-Encoding: status
    b"": 400, b'"chunked"': 400, b"chunked, identity": 400, b"chunked, chunked": 400,
    b"chunked, gzip": 400, b",chunked": 400, b"chunked,": 400, b"chunked;q=1": 400,
    b"\x0bchunked": 400, b"chunked\x00": 400, b"chun\xe2\x84\xaaed": 400, b"chunk ed": 400,
    b"xchunked": 501, b"identity": 501, b"gzip": 501, b"gzip, chunked": 501, b"chunkedx": 501,
    b"x, chunked": 501, b"trailers": 501, b"[chunked]": 400, b"chunked\xa0": 400,
}
FRAMING = {
    "both": (length(b"5", CHUNKED), 400), "both_reversed": (coding(b"chunked",
        b"Content-Length: 5"), 400),
    "both_zero": (length(b"0", CHUNKED), 400), "gzip_and_length": (coding(b"gzip",
        b"Content-Length: 5"), 400),
    "length_and_gzip": (length(b"5", b"Transfer-Encoding: gzip"), 400),
    "length_and_empty_coding": (length(b"5", b"Transfer-Encoding:"), 400),
    "length_and_identity": (length(b"5", b"Transfer-Encoding: identity"), 400),
    "bad_length_and_chunked": (length(b"x", CHUNKED), 400),
    "two_lengths": (length(b"5", b"Content-Length: 6"), 400),
    "two_equal_lengths": (length(b"5", b"Content-Length: 5"), 400),
    "two_lengths_one_bad": (length(b"5", b"Content-Length: +5"), 400),
    "two_lengths_padded": (length(b"5", b"Content-Length: 05"), 400),
    "two_codings": (coding(b"chunked", CHUNKED), 400), "two_codings_x": (coding(b"x", CHUNKED),
        400),
    "two_codings_gzip_last": (coding(b"chunked", b"Transfer-Encoding: gzip"), 400),
    "two_codings_empty": (coding(b"", CHUNKED), 400),
    "chunked_in_1_0": (post(CHUNKED, body=LAST, version=b"1.0"), 400),
    "gzip_in_1_0": (post(b"Transfer-Encoding: gzip", version=b"1.0"), 400),
    "chunked_in_1_0_kept": (post(CHUNKED, b"Connection: keep-alive", body=LAST, version=b"1.0"),
                            400),
    "length_beyond_the_limit": (length(b"70000"), 413),
    "length_far_beyond_the_limit": (length(b"9223372036854775807"), 413),
    "length_beyond_the_limit_expected": (length(b"70000", b"Expect: 100-continue"), 413),
}
HEADS = {
    "no_host": (head(b"GET / HTTP/1.1", b"X: 1"), 400),
    "no_host_absolute": (head(b"GET http://b/ HTTP/1.1", b"X: 1"), 400),
    "bad_host_absolute": (head(b"GET http://b/ HTTP/1.1", b"Host: a/b"), 400),
    "two_hosts_1_0": (head(b"GET / HTTP/1.0", HOST, HOST), 400),
    "bad_host_1_0": (head(b"GET / HTTP/1.0", b"Host: a/b"), 400),
    "first_field_folded": (head(b"GET / HTTP/1.1", b" Host: a", HOST), 400),
    "bare_lfs": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare_lf_after_line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare_lf_after_field": (b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
    "bare_lf_ends_it": (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    "lf_cr": (b"GET / HTTP/1.1\n\rHost: a\n\r\n\r", 400),
    "bare_crs": (b"GET / HTTP/1.1\rHost: a\r\r\r\n\r\n", 400),
    "cr_cr_lf": (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
    "lf_first": (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "cr_first": (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space_first": (b" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bom_first": (b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "http_0_9": (b"GET /\r\n", 400), "tls_hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                                                   400),
    "proxy_v1": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "h2_preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "only_empty_lines": (b"\r\n" * 40000, 400),
    "too_many_fields": (get(*[b"X: 1"] * 100), 431),
    "too_many_unfinished": (get(*[b"X: 1"] * 150)[:-2], 431),
    "a_large_field": (get(b"X: " + b"a" * 66000), 431),
    "a_large_name": (get(b"X" * 66000 + b": 1"), 431),
    "many_large_fields": (get(*[b"X: " + b"a" * 1000] * 90), 431),
    "a_large_field_unfinished": (get(b"X: " + b"a" * 66000)[:-4], 431),
    "a_large_target": (head(b"GET /" + b"a" * 66000 + b" HTTP/1.1"), 414),
    "a_large_target_unfinished": (b"GET /" + b"a" * 66000, 414),
    "a_large_method": (b"A" * 66000, 414),
}

CASES = {
    **{f"line {line!r:.40}": (head(line), status) for line, status in LINES.items()},
    **{f"host {host!r}": (head(b"GET / HTTP/1.1", b"Host:" + host), 400) for host in HOSTS},
    **{f"field {name}": (get(line), STATUS.get(name, 400)) for name, line in FIELDS.items()},
    **{f"length {value!r:.30}": (length(value), 400) for value in LENGTHS},
    **{f"coding {value!r}": (coding(value), status) for value, status in CODINGS.items()},
    **{f"framing {name}": row for name, row in FRAMING.items()},
    **{f"head {name}": row for name, row in HEADS.items()},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("refused"), {"limits": {"request_body": "64KiB"}})
    yield bench
    bench.serves_on()
    bench.close()


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_and_nothing_behind_it_is_read(bench, name):
    request, status = CASES[name]
    seen = bench.upstream.bytes
    with bench.client() as client:
        client.send(request + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.read_response()
        rest = drain(client)
    assert answer.status == status, answer
    assert answer.all("Connection") == ["close"]
    assert answer.all("Content-Type") == ["application/json"]
    error = answer.json()["error"]
    assert error["code"] and error["message"], error
    assert answer.all("X-Request-Id") == [error["request_id"]]
    assert rest == (b"", "end"), "one answer, then an orderly end"
    assert bench.upstream.bytes == seen, "nothing of it was passed on"
    bench.refuse(status)


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name][0]) <= 400])
def test_it_is_refused_however_it_is_cut(bench, name):
    """Byte by byte the same status comes, or the one that could be told earlier."""
    request, status = CASES[name]
    seen = bench.upstream.bytes
    with bench.client() as client:
        try:
            for at in range(len(request)):
                client.send(request[at:at + 1])
        except OSError:
            pass  # told before the end
        answer = client.read_response()
        rest = drain(client)
    early = 400 if status in (505, 501, 417) else status
    assert answer.status in (status, early), answer
    assert rest[0] == b""
    assert bench.upstream.bytes == seen
    bench.refuse(answer.status)


def test_a_refused_head_request_gets_no_body(bench):
    for request, status in ((b"HEAD / HTTP/1.1\r\n\r\n", 400),
                            (b"HEAD /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
                            (b"HEAD /internal/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                             404)):
        with bench.client() as client:
            client.send(request)
            answer = client.read_head()
            assert (answer.status, drain(client)) == (status, (b"", "end"))
        bench.refuse(status)
