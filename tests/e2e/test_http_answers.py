"""What an upstream answers, and what the client gets of it: each row says the status and body that
arrive, how they end, whom it is charged to, and whether the upstream's connection is used again."""

import contextlib
import threading

import pytest

from bench import Bench, drain
from client import parse_head
from waiting import wait_until

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
TWO = b"Content-Length: 2"


def answer(line=b"HTTP/1.1 200 OK", *fields, body=b"ok"):
    return b"\r\n".join([line, *(fields or [TWO]), b"", body])


# -- Heads that are not HTTP/1.1, or not in one way only: 502, `bad_output`

STATUS_LINES = [
    b"HTTP/1.1 99 X", b"HTTP/1.1 099 X", b"HTTP/1.1 000 X", b"HTTP/1.1 1000 X", b"HTTP/1.1 2000",
    b"HTTP/1.1 600 X", b"HTTP/1.1 999 X", b"HTTP/1.1 20 X", b"HTTP/1.1 2x0 X", b"HTTP/1.1 -20 X",
    b"HTTP/1.1 +20 X", b"HTTP/1.1 0x1 X", b"HTTP/1.1 2 X", b"HTTP/1.1 OK", b"HTTP/1.1 200",
    b"HTTP/1.1 200OK", b"HTTP/1.1 200\tOK", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1",
    b"HTTP/1.1 ", b" HTTP/1.1 200 OK", b"HTTP/2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK",
    b"HTTP/1.2 200 OK", b"HTTP/1.10 200 OK", b"HTTP/01.1 200 OK", b"HTTP/1. 200 OK",
    b"HTTP/1 200 OK",
    b"http/1.1 200 OK", b"Http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"ICY 200 OK", b"RTSP/1.0 200 OK",
    b"200 OK", b"garbage", b"<html>", b"\x00", b"\x15\x03\x01", b"SSH-2.0-x",
    b"\r\nHTTP/1.1 200 OK",
    b"\nHTTP/1.1 200 OK", b"\xef\xbb\xbfHTTP/1.1 200 OK", b"HTTP/1.1 200 a\x00b",
    b"HTTP/1.1 200 a\rb",
    b"HTTP/1.1 200 \x01", b"HTTP/1.1 200 OK\r", b"GET / HTTP/1.1", b"HTTP/1.1:200 OK",
]
FIELDS = {
    "length_text": [b"Content-Length: two"], "length_negative": [b"Content-Length: -2"],
    "length_plus": [b"Content-Length: +2"], "length_hex": [b"Content-Length: 0x2"],
    "length_empty": [b"Content-Length:"], "length_decimal": [b"Content-Length: 2.0"],
    "length_inner_space": [b"Content-Length: 2 2"], "length_list": [b"Content-Length: 2, 2"],
    "length_list_differs": [b"Content-Length: 2, 3"], "length_quoted": [b'Content-Length: "2"'],
    "length_2_63": [b"Content-Length: 9223372036854775808"],
    "length_2_64_and_2": [b"Content-Length: 18446744073709551618"],
    "length_long": [b"Content-Length: " + b"9" * 300], "lengths_differ": [TWO,
        b"Content-Length: 3"],
    "lengths_one_bad": [TWO, b"Content-Length: x"], "length_and_chunked": [TWO,
        b"Transfer-Encoding: chunked"],
    "chunked_and_length": [b"Transfer-Encoding: chunked", TWO], "length_and_gzip": [TWO,
        b"Transfer-Encoding: gzip"],
    "length_and_identity": [TWO, b"Transfer-Encoding: identity"], "length_and_empty_coding": [TWO,
        b"Transfer-Encoding:"],
    "coding_x": [b"Transfer-Encoding: x"], "coding_identity": [b"Transfer-Encoding: identity"],
    "coding_gzip_chunked": [b"Transfer-Encoding: gzip, chunked"],
    "coding_chunked_gzip": [b"Transfer-Encoding: chunked, gzip"],
    "coding_empty": [b"Transfer-Encoding:"], "coding_quoted": [b'Transfer-Encoding: "chunked"'],
    "coding_parameter": [b"Transfer-Encoding: chunked;q=1"],
    "coding_xchunked": [b"Transfer-Encoding: xchunked"],
    "coding_twice": [b"Transfer-Encoding: chunked"] * 2,
    "coding_in_list_twice": [b"Transfer-Encoding: chunked, chunked"],
    "folded": [TWO, b"X: 1", b" 2"], "folded_tab": [TWO, b"X: 1", b"\t2"],
    "folded_first": [b" X: 1", TWO],
    "folded_at_once": [TWO, b"X:", b" 1"], "nul": [TWO, b"X: a\x00b"], "bare_cr": [TWO, b"X: a\rb"],
    "bare_lf": [TWO, b"X: a\nY: b"], "control": [TWO, b"X: \x01"], "del": [TWO, b"X: a\x7f"],
    "vertical_tab": [TWO, b"X: \x0ba"], "space_before_colon": [TWO, b"X : a"],
    "tab_before_colon": [TWO, b"X\t: a"],
    "length_space_before_colon": [b"Content-Length : 2"],
    "coding_space_before_colon": [b"Transfer-Encoding : chunked"],
    "no_name": [TWO, b": a"], "no_colon": [TWO, b"Xa"], "space_in_name": [TWO, b"X Y: a"],
    "8_bit_name": [TWO, b"X\xc3: a"], "nul_in_name": [TWO, b"X\x00: a"],
    "many_fields": [TWO] + [b"X: 1"] * 300,
    "large_field": [TWO, b"X: " + b"y" * 66000], "large_name": [TWO, b"X" * 66000 + b": 1"],
    "many_options": [TWO, b"Connection: " + b"x,y," * 20],
}
HEADS = {
    "bare_lfs": FINE.replace(b"\r\n", b"\n"), "bare_lf_line": FINE.replace(b"\r\n", b"\n", 1),
    "bare_crs": FINE.replace(b"\r\n", b"\r"), "bare_lf_ends_it": FINE.replace(b"\r\n\r\n",
        b"\r\n\n"),
    "chunked_in_1_0": CHUNKED.replace(b"1.1", b"1.0") + b"2\r\nok\r\n" + LAST,
    "only_a_body": b"hello world, no head at all", "large_status_line": answer(b"HTTP/1.1 200 " +
        b"x" * 66000),
    "endless_line": b"HTTP/1.1 200 " + b"x" * 70000,
    "endless_field": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000,
    "unasked_101": b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "endless_103": b"HTTP/1.1 103 E\r\n\r\n" * 200 + FINE,
    "endless_100": b"HTTP/1.1 100 C\r\n\r\n" * 200 + FINE,
    "body_behind_103": b"HTTP/1.1 103 E\r\nContent-Length: 2\r\n\r\nok" + FINE,
    "bad_after_100": b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 099 X\r\n\r\n",
    "garbage_after_100": b"HTTP/1.1 100 C\r\n\r\ngarbage",
    "bad_103": b"HTTP/1.1 103 E\r\nX : 1\r\n\r\n" + FINE,
    "coding_in_204": b"HTTP/1.1 204 N\r\nTransfer-Encoding: x\r\n\r\n",
    "bad_length_in_304": b"HTTP/1.1 304 N\r\nContent-Length: x\r\n\r\n",
}
NOT_HTTP = {
    **{f"line {line!r}": answer(line) for line in STATUS_LINES},
    **{f"field {name}": answer(b"HTTP/1.1 200 OK", *fields) for name, fields in FIELDS.items()},
    **{f"head {name}": data for name, data in HEADS.items()},
}

# -- Answers that are fine: what is sent (method, bytes), what arrives (status, body), reused or not

ENDS = {  # answered and then closed
    "until_close": (b"GET", b"HTTP/1.1 200 OK\r\n\r\nok", 200, b"ok", False),
    "until_close_nothing": (b"GET", b"HTTP/1.1 200 OK\r\n\r\n", 200, b"", False),
    "until_close_kept": (b"GET", b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nok", 200, b"ok",
                         False),
    "1_0_until_close": (b"GET", b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok", False),
    "length_then_close": (b"GET", FINE, 200, b"ok", False),
}
STAYS = {
    "length": (b"GET", FINE, 200, b"ok", True),
    "no_reason": (b"GET", answer(b"HTTP/1.1 200 "), 200, b"ok", True),
    "8_bit_reason": (b"GET", answer(b"HTTP/1.1 200 \xff\xfe"), 200, b"ok", True),
    "long_reason": (b"GET", answer(b"HTTP/1.1 200 " + b"x" * 5000), 200, b"ok", True),
    "tab_in_reason": (b"GET", answer(b"HTTP/1.1 200 a\tb"), 200, b"ok", True),
    "length_0": (b"GET", answer(b"HTTP/1.1 200 OK", b"Content-Length: 0", body=b""), 200, b"",
                 True),
    "length_padded": (b"GET", answer(b"HTTP/1.1 200 OK", b"Content-Length:0002 \t"), 200, b"ok",
                      True),
    "lengths_equal": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, b"Content-Length: 02"), 200, b"ok",
                      True),
    "chunked": (b"GET", CHUNKED + b"2\r\nok\r\n" + LAST, 200, b"ok", True),
    "chunked_any_case": (b"GET", CHUNKED.replace(b"chunked", b" CHUNKed ") + b"02\r\nok\r\n" + LAST,
                         200, b"ok", True),
    "chunked_empty": (b"GET", CHUNKED + LAST, 200, b"", True),
    "chunk_extensions": (b"GET", CHUNKED + b'1;a\r\no\r\n1 ; b="\\"c;" \t;d=e\r\nk\r\n' + LAST, 200,
                         b"ok", True),
    "trailers": (b"GET", CHUNKED + b"2\r\nok\r\n0\r\nX: 1\r\nSet-Cookie: evil\r\n\r\n", 200, b"ok",
                 True),
    "8_bit_value": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, b"X: \xff"), 200, b"ok", True),
    "200_fields": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, *[b"X: 1"] * 200), 200, b"ok", True),
    "large_head": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, b"X: " + b"y" * 60000), 200, b"ok",
                   True),
    "1_0_closes": (b"GET", answer(b"HTTP/1.0 200 OK"), 200, b"ok", False),
    "1_0_kept": (b"GET", answer(b"HTTP/1.0 200 OK", TWO, b"Connection: keep-alive"), 200, b"ok",
                 True),
    "close": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, b"Connection: close"), 200, b"ok", False),
    "close_listed": (b"GET", answer(b"HTTP/1.1 200 OK", TWO, b"Connection: x, CLOSE"), 200, b"ok",
                     False),
    "205": (b"GET", answer(b"HTTP/1.1 205 R"), 205, b"ok", True),
    # without a body by rule, whatever is announced or sent: such a connection is not used again
    "204_length_0": (b"GET", b"HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n", 204, b"", False),
    "head_length_0": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
    "204": (b"GET", b"HTTP/1.1 204 N\r\n\r\n", 204, b"", False),
    "304": (b"GET", b"HTTP/1.1 304 N\r\nETag: \"x\"\r\n\r\n", 304, b"", False),
    "head": (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, b"", False),
    "304_length_0": (b"GET", b"HTTP/1.1 304 N\r\nContent-Length: 0\r\n\r\n", 304, b"", False),
    "204_body": (b"GET", answer(b"HTTP/1.1 204 N"), 204, b"", False),
    "204_length": (b"GET", answer(b"HTTP/1.1 204 N", body=b""), 204, b"", False),
    "204_chunked": (b"GET", b"HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" +
                    LAST, 204, b"", False),
    "304_body": (b"GET", answer(b"HTTP/1.1 304 N"), 304, b"", False),
    "304_length": (b"GET", answer(b"HTTP/1.1 304 N", body=b""), 304, b"", False),
    "head_body": (b"HEAD", FINE, 200, b"", False),
    "head_length": (b"HEAD", answer(body=b""), 200, b"", False),
    "head_chunked": (b"HEAD", CHUNKED, 200, b"", False),
    "head_chunked_body": (b"HEAD", CHUNKED + b"2\r\nok\r\n" + LAST, 200, b"", False),
    # more than the answer: the rest belongs to nobody
    "a_byte_more": (b"GET", FINE + b"x", 200, b"ok", False),
    "an_answer_more": (b"GET", FINE + FINE, 200, b"ok", False),
    "crlf_more": (b"GET", FINE + b"\r\n", 200, b"ok", False),
    "chunked_and_more": (b"GET", CHUNKED + b"2\r\nok\r\n" + LAST + FINE, 200, b"ok", False),
    "204_and_more": (b"GET", b"HTTP/1.1 204 N\r\n\r\n" + FINE, 204, b"", False),
    "much_more": (b"GET", FINE + bytes(300_000), 200, b"ok", False),
    # 1xx on the way
    "100": (b"GET", b"HTTP/1.1 100 C\r\n\r\n" + FINE, 200, b"ok", True),
    "102_103": (b"GET", b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: </x>\r\n\r\n" + FINE, 200,
                b"ok", True),
    "199": (b"GET", b"HTTP/1.1 199 X\r\nX: y\r\n\r\n" + FINE, 200, b"ok", True),
}

WITHOUT_BODY = {  # by rule; each says that nothing follows, and something does
    "head": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "head, nothing said": (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
    "head, a length": (b"HEAD", FINE[:-2]),
    "head, chunks": (b"HEAD", CHUNKED),
    "204": (b"GET", b"HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n"),
    "304": (b"GET", b"HTTP/1.1 304 N\r\nContent-Length: 0\r\n\r\n"),
}

# -- Bodies that break off: never ended cleanly

CUTS = {  # what was sent, the body that arrives
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"ok"),
    "length_nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
    "in_chunk": (CHUNKED + b"9\r\nok", b"ok"), "in_size": (CHUNKED + b"2\r\nok\r\n2", b"ok"),
    "between_chunks": (CHUNKED + b"2\r\nok\r\n", b"ok"), "before_crlf": (CHUNKED + b"2\r\nok",
        b"ok"),
    "after_last_chunk": (CHUNKED + b"2\r\nok\r\n0\r\n", b"ok"), "in_last_crlf": (CHUNKED +
        b"2\r\nok\r\n0\r\n\r", b"ok"),
    "in_trailer": (CHUNKED + b"2\r\nok\r\n0\r\nX: y", b"ok"), "after_trailer": (CHUNKED +
        b"2\r\nok\r\n0\r\nX: y\r\n", b"ok"),
    "before_chunks": (CHUNKED, b""),
}
BAD_CHUNKS = {
    "size": b"zz\r\n", "no_size": b"\r\n", "negative": b"-1\r\n", "plus": b"+2\r\nok\r\n",
    "hex": b"0x2\r\nok\r\n",
    "space_before": b" 2\r\nok\r\n", "space_after": b"2 \r\nok\r\n", "bare_lf": b"2\nok\r\n",
    "bare_lf_after": b"2\r\nok\n",
    "missing_crlf": b"2\r\nok2\r\nok\r\n", "too_long": b"2\r\nokX\r\n", "cr_cr": b"2\r\r\nok\r\n",
    "overflow": b"ffffffffffffffff\r\n", "17_digits": b"00000000000000002\r\nok\r\n",
    "2_64": b"10000000000000002\r\nok\r\n",
    "lf_in_extension": b'2;a="\n"\r\nok\r\n', "cr_in_extension": b"2;a\rb\r\nok\r\n",
    "nul_in_extension": b"2;a\x00\r\nok\r\n",
    "empty_extension": b"2;\r\nok\r\n", "large_extension": b"2;" + b"a" * 20000 + b"\r\nok\r\n",
    "comma": b"2,2\r\nok\r\n",
    "trailer_lf": b"0\r\nX: y\n\r\n", "trailer_fold": b"0\r\nX: y\r\n z\r\n\r\n",
    "trailer_no_colon": b"0\r\nXy\r\n\r\n",
    "trailer_space": b"0\r\nX : y\r\n\r\n", "trailer_nul": b"0\r\nX: \x00\r\n\r\n",
    "last_lf": b"0\n\n", "last_lf_2": b"0\r\n\n",
    "large_trailer": b"0\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    "many_trailers": b"0\r\n" + b"X: y\r\n" * 4000 + b"\r\n",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("answers"))
    yield bench
    bench.serves_on()
    bench.close()


@pytest.fixture
def unsuspecting(tmp_path):
    """A gateway that has not seen unasked bytes yet: connections are used again."""
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def exchange(bench, data, end=None, version=b"1.1"):
    """The bytes that the client got, and how its connection ended; it asked once more."""
    sent, proceed = threading.Event(), threading.Event()

    def send(exchange):
        exchange.read_body()
        exchange.send(data)
        sent.set()
        if end:
            assert proceed.wait(10)
            getattr(exchange, end)()

    bench.answers["/case"] = send
    with bench.client() as client:
        client.send(b"GET /case HTTP/" + version + b"\r\nHost: a\r\n\r\n" +
                    b"GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        if end:  # so that it does not overtake what was sent before it
            assert sent.wait(10)
            client.buffer += client.socket.recv(1 << 16)
            proceed.set()
        got, how = drain(client)
    return got, how


@pytest.mark.parametrize("name", NOT_HTTP)
def test_an_answer_that_is_not_sound_http_is_502_and_its_connection_is_closed(bench, name):
    bench.answers["/case"] = NOT_HTTP[name]
    with bench.watching() as seen, bench.client() as client:
        client.request("GET", "/case")
        got = client.read_response()
        assert got.status == 502, got
        assert got.json()["error"]["code"] == "upstream_bad_response"
        assert got.all("X-Model-Version") == ["comp-critic_v1"]
        assert client.ask("GET", "/after").body == b"ok", "this client may go on"
    assert len(seen) == 2, "it is not asked again"
    wait_until(lambda: not seen[0].connection.open, what="the upstream's connection is closed")
    assert seen[1].connection is not seen[0].connection
    bench.charge(bad_output=1, ok=1)


@pytest.mark.parametrize("name", [*STAYS, *ENDS])
def test_a_sound_answer_arrives_and_its_connection_is_used_again_only_if_it_is_clean(bench, name):
    method, data, status, body, reused = {**STAYS, **ENDS}[name]

    def send(exchange):
        exchange.send(data)
        if name in ENDS:
            exchange.close()

    bench.answers["/case"] = send
    with bench.watching() as seen, bench.client() as client:
        client.request(method.decode(), "/case")
        head = client.read_head()
        while head.status < 200:
            head = client.read_head()
        client.read_body(head, method.decode())
        assert (head.status, head.body, head.ended_well) == (status, body, True), head
        assert len(head.all("Content-Length") + head.all("Transfer-Encoding")) <= 1
        assert set(head.all("Transfer-Encoding")) <= {"chunked"}
        assert head.get("Trailer") is None and len(head.all("Date")) == 1
        assert client.ask("GET", "/after").body == b"ok"
        assert client.buffer == b""
    assert (seen[1].connection is seen[0].connection) == reused
    bench.charge(ok=2)


@pytest.mark.parametrize("when", ["with the head", "before the next request", "behind it"])
@pytest.mark.parametrize("name", WITHOUT_BODY)
def test_a_late_body_is_never_another_requests_answer(unsuspecting, name, when):
    bench = unsuspecting
    method, head = WITHOUT_BODY[name]
    stray = answer(body=b"NO")
    told, asked, sent = threading.Event(), threading.Event(), threading.Event()

    def follow(exchange):
        assert (told if when == "before the next request" else asked).wait(10)
        with contextlib.suppress(OSError):  # nobody may be there any more to take it
            exchange.send(stray)
        sent.set()

    def late(exchange):
        together = when == "with the head"
        exchange.send(head + (stray if together else b""))
        if together:
            sent.set()
        else:  # beside the handler, so that the connection can take the next request
            threading.Thread(target=follow, args=[exchange], daemon=True).start()

    def after(exchange):
        asked.set()
        assert sent.wait(10)
        exchange.send(FINE)

    bench.answers.update({"/case": late, "/behind": after})
    with bench.watching() as seen, bench.client() as client:
        client.request(method.decode(), "/case")
        client.read_body(client.read_head(), method.decode())
        told.set()
        assert when == "behind it" or sent.wait(10)
        assert client.ask("GET", "/behind").body == b"ok"
        assert client.ask("GET", "/after").body == b"ok"
    assert seen[1].connection is not seen[0].connection
    bench.charge(ok=3)


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("name", CUTS)
def test_a_body_that_breaks_off_is_never_ended_cleanly(bench, name, version, end):
    data, body = CUTS[name]
    got, how = exchange(bench, data, end, version=version)
    head, _, rest = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body in rest and LAST not in rest
    fields = dict(parse_head(head)[1])
    if "Content-Length" not in fields and version == b"1.0":
        assert how == "reset", "nothing else tells an HTTP/1.0 client"
    else:
        assert how in ("end", "reset")
    bench.charge(truncated=1)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_broken_chunk_is_the_end_of_the_answer(bench, name, version):
    got, how = exchange(bench, CHUNKED + b"1\r\n!\r\n" + BAD_CHUNKS[name] + FINE, version=version)
    assert how == ("reset" if version == b"1.0" else how) != "open"
    assert LAST not in got and got.count(b"HTTP/1.1") <= 1
    bench.charge(truncated=1)


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_body_until_close_ends_well_only_with_an_orderly_close(bench, end):
    data = b"HTTP/1.1 200 OK\r\n\r\nok"
    got, how = exchange(bench, data, end, version=b"1.0")
    assert got.endswith(b"\r\n\r\nok") and how == ("end" if end == "close" else "reset")
    bench.charge(**{"ok" if end == "close" else "truncated": 1})
    got, _ = exchange(bench, data, end)
    assert (LAST in got) == (end == "close")
    bench.charge(**{"ok": 2} if end == "close" else {"truncated": 1})  # an ended one goes on


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("data", [b"", b"H", b"HTTP/1.1 200 OK\r\nContent-Le",
                                  b"HTTP/1.1 100 C\r\n\r\n"])
def test_an_upstream_that_ends_before_its_head_does_is_502(bench, data, end):
    def send(exchange):
        exchange.read_body()
        exchange.send(data)
        getattr(exchange, end)()

    bench.answers["/case"] = send
    got = bench.gateway.ask("POST", "/case", body=b"x")
    assert (got.status, got.json()["error"]["code"]) == (502, "upstream_reset")
    bench.charge(reset=1)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_interim_answers_pass_to_a_client_that_knows_them(bench, version):
    early = (b"HTTP/1.1 103 Early\r\nLink: </a>\r\nConnection: x\r\nX: 1\r\n"
             b"Content-Length: 7\r\n\r\n")
    got, _ = exchange(bench, b"HTTP/1.1 100 C\r\n\r\n" + early + FINE, version=version)
    passed = b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
    assert got.startswith(passed + b"HTTP/1.1 200" if version == b"1.1" else b"HTTP/1.1 200")
    bench.charge(ok=2 if version == b"1.1" else 1)
