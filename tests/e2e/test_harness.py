"""The harness itself: a test that cannot fail proves nothing, so its tools are tested first."""

import pytest

from client import Client, ask
from gateway import Metrics, merge, one_model
from load import Load, by_version, failures
from model_server import CAR, JSON_BODY, PREDICT
from upstream import refused_url, response
from waiting import wait_until


def test_an_upstream_answers_and_keeps_what_it_saw(upstreams):
    upstream = upstreams(answer=response(b"hello", headers=[("X-Model-Version", "v7")]))
    with Client(upstream.address) as client:
        assert client.ask("POST", "/a", [("X-One", "1")], b"body").body == b"hello"
        assert client.ask("GET", "/b").get("x-model-version") == "v7"
    lines = [exchange.line for exchange in upstream.requests]
    assert lines == ["POST /a HTTP/1.1", "GET /b HTTP/1.1"]
    assert upstream.requests[0].body == b"body"
    assert upstream.requests[0].get("x-one") == "1"
    assert len(upstream.connections) == 1


def test_the_client_sees_a_truncated_answer(upstreams):
    def cut(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        exchange.close()

    answer = ask(upstreams(handler=cut).address, "GET", "/")
    assert answer.body == b"12345"
    assert not answer.ended_well


def test_the_client_sees_a_missing_last_chunk(upstreams):
    def cut(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
        exchange.close()

    answer = ask(upstreams(handler=cut).address, "GET", "/")
    assert answer.body == b"12345"
    assert not answer.ended_well


def test_a_reset_is_seen_by_the_other_side(upstreams):
    gone = []
    upstream = upstreams(handler=lambda exchange: gone.append(exchange.client_gone()))
    client = Client(upstream.address)
    client.request("GET", "/")
    wait_until(lambda: upstream.requests)
    client.reset()
    wait_until(lambda: gone)
    assert gone == [True]


def test_load_counts_failures(upstreams):
    seen = []

    def every_third_fails(exchange):
        exchange.read_body()
        seen.append(exchange)
        if len(seen) % 3 == 0:
            exchange.reset()
        else:
            exchange.send(response(b"", headers=[("X-Model-Version", "a")]))

    results = Load(upstreams(handler=every_third_fails).address, connections=1, requests=30).run()
    assert len(results) == 30
    assert len(failures(results)) == 10
    assert by_version(results) == {"a": 20, None: 10}


def test_nothing_listens_on_a_refused_url():
    url, holder = refused_url()
    with pytest.raises(ConnectionRefusedError):
        Client(holder.getsockname())
    holder.close()
    assert url.startswith("http://127.0.0.1:")


def test_the_model_servers_predict_fail_and_count(models):
    v1, v2 = models
    answers = [ask(server.address, "POST", PREDICT, JSON_BODY, CAR).json() for server in models]
    assert all(5 < answer["predictions"][0] < 50 for answer in answers)
    assert answers[0] != answers[1], "v1 and v2 are trained differently"
    before = v2.requests()
    v2.fault(error_rate=1)
    assert ask(v2.address, "POST", PREDICT, JSON_BODY, CAR).status == 500
    v2.fault()
    assert v2.requests() == before + 1
    assert v1.requests() == 1


def test_metrics_are_parsed():
    page = Metrics('# HELP x y\nx_total{a="1",b="c d"} 3\nx_total{a="2",b=""} 4\ny 0.5\n')
    assert page.sum("x_total") == 7
    assert page.sum("x_total", a="1") == 3
    assert page.sum("x_total", b="c d") == 3
    assert page.sum("y") == 0.5
    assert not page.has("z")


def test_a_configuration_is_merged():
    config = one_model("http://s", "http://c", 10, {"slo": {"latency_p95": "1s"}}, state_dir="/x")
    assert config["models"]["comp-critic"]["canary"]["rollout_percentage"] == 10
    assert config["models"]["comp-critic"]["slo"] == {"latency_p95": "1s"}
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"c": 2}}
