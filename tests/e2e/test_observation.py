"""What the gateway says about itself is what happened."""

import json
import re
import signal
import subprocess
import time
import urllib.parse

import pytest
import yaml

from client import ask
from gateway import one_model
from load import Load, by_version, failures
from model_server import CAR, JSON_BODY, PREDICT
from upstream import response
from waiting import die_with_parent, wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"
TOTAL = "canary_gateway_requests_total"


@pytest.fixture
def two(gateways, upstreams):
    stable, canary = upstreams(answer=response(b"1")), upstreams(answer=response(b"2"))

    def start(percentage=50, model=None, **top):
        return gateways(one_model(stable.url, canary.url, percentage, model, **top))

    return start


def test_every_request_is_counted_once(gateways, upstreams):
    """Among answers of every kind, resets and cuts: the client's count is the gateway's."""
    statuses = ["200 OK", "404 Not Found", "500 Broken", "429 Later", "200 OK"]

    def moody(exchange):
        exchange.read_body()
        number = int(exchange.get("X-User-Id"))
        if number % 7 == 0:
            exchange.reset()
        elif number % 7 == 1:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
            exchange.close()
        else:
            exchange.send(response(b"x", statuses[number % 7 - 2]))

    stable, canary = upstreams(handler=moody), upstreams(handler=moody)
    gateway = gateways(one_model(stable.url, canary.url, 50, {
        "judge": {"method": "threshold", "window": "10s", "min_samples": 1000000}}))
    results = Load(gateway.data, "POST", "/", body=b"x", connections=8, requests=1400,
                   user=str).run()
    assert len(results) == 1400
    wait_until(lambda: gateway.metrics().sum(TOTAL) == 1400, what="each is recorded once")
    metrics = gateway.metrics()
    for version in (V1, V2):
        assert metrics.sum(TOTAL, version=version) == by_version(results)[version]
    # A few that died on a reused connection are taken for keep-alive races: eight per worker and
    # version.
    races = metrics.sum(TOTAL, outcome="gateway_error")
    assert races <= 32
    assert metrics.sum(TOTAL, outcome="reset") + races == 200
    assert metrics.sum(TOTAL, outcome="truncated") == 200
    assert metrics.sum(TOTAL, outcome="server_error", code="500") == 200
    assert metrics.sum(TOTAL, outcome="overload", code="429") == 200
    assert metrics.sum(TOTAL, outcome="client_error", code="404") == 200
    assert metrics.sum(TOTAL, outcome="ok", code="200") == 400
    assert metrics.sum("canary_gateway_in_flight_requests") == 0


def test_the_metrics_page_is_as_prometheus_wants_it(two):
    gateway = two(50, {"slo": {"latency_p95": "200ms"}})
    Load(gateway.data, "GET", requests=200).run()
    gateway.wait_outcomes({"ok": 200})
    wait_until(lambda: gateway.metrics().has("canary_gateway_analysis_value"), what="a tick")
    page = gateway.metrics()
    check = subprocess.run(["promtool", "check", "metrics"], input=page.text, text=True,
                           capture_output=True, timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr
    for name in ("canary_gateway_weight_ratio", "canary_gateway_rollout_status",
                 "canary_gateway_in_flight_requests", "canary_gateway_config_reload_success",
                 "canary_gateway_config_last_reload_timestamp_seconds",
                 "canary_gateway_build_info", "canary_gateway_failovers_total",
                 "canary_gateway_time_to_first_byte_seconds_bucket",
                 "canary_gateway_analysis_value", "canary_gateway_analysis_threshold",
                 "canary_gateway_rollbacks_total"):
        assert page.has(name), name
    assert page.sum("canary_gateway_weight_ratio", kind="effective") == 0.5
    buckets = {labels["le"] for name, labels, _ in page.samples
               if name == "canary_gateway_request_duration_seconds_bucket"}
    assert {"0.2", "0.3"} <= buckets, "the SLO and 1.5 times the SLO are exact bounds"
    for version in (V1, V2):
        assert page.sum("canary_gateway_request_duration_seconds_count", version=version) == \
            page.sum(TOTAL, version=version)


def test_latencies_are_within_a_percent_and_the_slo_is_exact(gateways, models):
    v1, _ = models
    v1.fault(latency_ms=250)
    gateway = gateways(one_model(v1.url, models[1].url, 0, {"slo": {"latency_p95": "200ms"}}))
    Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR, connections=4, requests=20).run()
    v1.fault()
    Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR, connections=1, requests=20).run()
    gateway.wait_outcomes({"ok": 40})
    page = gateway.metrics()
    bucket = "canary_gateway_request_duration_seconds_bucket"
    assert page.sum(bucket, version=V1, le="0.2") == 20
    assert page.sum(bucket, version=V1, le="+Inf") == 40
    total = page.sum("canary_gateway_request_duration_seconds_sum", version=V1)
    assert 20 * 0.25 < total < 20 * 0.25 + 3


def test_the_metrics_do_not_grow_with_what_clients_send(two):
    gateway = two(50)
    Load(gateway.data, "GET", requests=50).run()
    wait_until(lambda: gateway.metrics().has("canary_gateway_analysis_value"), what="a tick")
    before = len(gateway.metrics().samples)
    for number in range(100):
        gateway.ask("GET", f"/path{number}?q={number}", [(f"X-{number}", "y")],
                    host=f"host{number}.test")
    assert len(gateway.metrics().samples) == before


@pytest.fixture
def prometheus(tmp_path):
    """prometheus(target) starts a real Prometheus that scrapes it every second; returns query()."""
    processes = []

    def start(target):
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
            {"job_name": "gateway", "static_configs": [{"targets": ["%s:%d" % target]}]}]}
        (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
        log = open(tmp_path / "prometheus.log", "w+", encoding="utf-8")
        processes.append((subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path / 'prometheus.yaml'}",
             f"--storage.tsdb.path={tmp_path / 'tsdb'}", "--web.listen-address=127.0.0.1:0"],
            stdout=log, stderr=log, preexec_fn=die_with_parent), log))

        def address():
            text = (tmp_path / "prometheus.log").read_text()
            found = re.search(r"Listening on.*?address=127\.0\.0\.1:(\d+)", text)
            return ("127.0.0.1", int(found.group(1))) if found else None

        where = wait_until(address, 30, "Prometheus listens")

        def query(expression):
            target = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            answer = ask(where, "GET", target).json()
            result = answer.get("data", {}).get("result", [])
            return float(result[0]["value"][1]) if result else None

        return query

    yield start
    for process, log in processes:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.mark.parametrize("listener", ["admin", "observe"])
def test_a_real_prometheus_scrapes_it(two, prometheus, listener):
    gateway = two(50, observe={"listen": "127.0.0.1:0"})
    query = prometheus(gateway.addresses[listener])
    results = Load(gateway.data, "GET", requests=500).run()
    assert not failures(results)
    wait_until(lambda: query('up{job="gateway"}') == 1, 30, "the target is up", every=0.2)
    wait_until(lambda: query(f"sum({TOTAL})") == 500, 30, "Prometheus has every request", every=0.2)
    assert query(f'{TOTAL}{{version="{V2}",role="canary",outcome="ok",code="200"}}') == \
        by_version(results)[V2]
    assert query('canary_gateway_weight_ratio{kind="effective"}') == 0.5


def test_the_observe_listener_answers_three_paths_alone(two):
    gateway = two(50, observe={"listen": "127.0.0.1:0"})
    observe = gateway.addresses["observe"]
    for path in ("/metrics", "/internal/healthz", "/internal/readyz"):
        assert ask(observe, "GET", path, host="anything").status == 200
    for method, path in (("GET", "/internal/status"), ("GET", "/internal/model-version"),
                         ("GET", "/internal/history"), ("POST", "/internal/reload")):
        assert ask(observe, method, path, JSON_BODY,
                   b"{}" if method == "POST" else None).status in (404, 405)
    assert ask(observe, "PUT", f"/internal/flags/{V2}", JSON_BODY,
               b'{"rollout_percentage": 100}').status in (404, 405)


def lines_of(path, count):
    """The access log's lines, once there are so many."""
    def read():
        lines = path.read_text().splitlines() if path.exists() else []
        return lines if len(lines) >= count else None

    return [json.loads(line) for line in wait_until(read, 10, f"{count} lines in {path.name}")]


def test_the_access_log_has_a_json_line_for_every_request(two, tmp_path):
    path = tmp_path / "access.log"
    gateway = two(50, access_log={"path": str(path), "format": "json"})
    Load(gateway.data, "GET", "/v1/models/x", requests=100).run()
    gateway.ask("GET", '/quote"back\\slash', [("X-Request-Id", "id-1")])
    lines = lines_of(path, 101)
    assert len(lines) == 101
    last = next(line for line in lines if line["request_id"] == "id-1")
    assert last["target"] == '/quote"back\\slash'
    assert (last["method"], last["client"], last["outcome"]) == ("GET", "127.0.0.1", "ok")
    assert last["version"] in (V1, V2)
    assert last["duration_ms"] >= 0
    assert last["time"].endswith("Z")


def test_the_access_log_has_the_client_behind_trusted_proxies(two, tmp_path):
    path = tmp_path / "access.log"
    gateway = two(50, access_log={"path": str(path)}, data={
        "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]})
    gateway.ask("GET", "/far", [("X-Forwarded-For", "6.6.6.6, [2001:DB8::1]:4711, 10.0.0.2")])
    gateway.ask("GET", "/near", [("X-Forwarded-For", "unknown")])
    with gateway.client() as client:
        client.send(b"GET / HTTP/9.9\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n")
        assert client.read_response().status == 505
    seen = {line["target"]: (line["method"], line["client"], line.get("peer"))
            for line in lines_of(path, 2)}
    assert seen == {"/far": ("GET", "2001:db8::1", "127.0.0.1"),
                    "/near": ("GET", "127.0.0.1", None)}


def test_the_access_log_is_opened_anew_for_logrotate(two, tmp_path):
    path = tmp_path / "access.log"
    gateway = two(50, access_log={"path": str(path)})
    gateway.ask("GET", "/before")
    lines_of(path, 1)
    path.rename(tmp_path / "access.log.1")
    gateway.signal(signal.SIGUSR1)
    wait_until(path.exists, what="the log is opened anew")
    gateway.ask("GET", "/after")
    assert [line["target"] for line in lines_of(path, 1)] == ["/after"]


def test_a_full_disk_under_the_access_log_touches_no_request(two):
    gateway = two(50, access_log={"path": "/dev/full"})
    results = Load(gateway.data, "GET", requests=2000).run()
    assert not failures(results)


def test_a_sampled_access_log_has_about_its_share(two, tmp_path):
    path = tmp_path / "access.log"
    gateway = two(50, access_log={"path": str(path), "sample": "10%"})
    Load(gateway.data, "GET", requests=2000).run()
    gateway.stop()
    assert 120 < len(path.read_text().splitlines()) < 290


def test_in_flight_is_what_waits(gateways, upstreams):
    import threading

    go_on = threading.Event()

    def wait(exchange):
        assert go_on.wait(30)
        exchange.send(response(b"ok"))

    upstream = upstreams(handler=wait)
    gateway = gateways(one_model(upstream.url))
    load = Load(gateway.data, "GET", connections=7, requests=7).start()
    wait_until(lambda: len(upstream.requests) == 7)
    assert gateway.metrics().sum("canary_gateway_in_flight_requests", version=V1) == 7
    go_on.set()
    load.join()
    wait_until(lambda: not gateway.metrics().sum("canary_gateway_in_flight_requests"))


def test_a_rise_of_slow_requests_is_seen_while_they_wait(gateways, upstreams):
    """The criterion's p95 is about the age of what is in flight too."""
    upstream = upstreams(handler=lambda exchange: exchange.client_gone(20))
    gateway = gateways(one_model(upstreams().url, upstream.url, 100, {
        "slo": {"latency_p95": "200ms"},
        "judge": {"method": "threshold", "window": "10s", "min_samples": 10}}))
    load = Load(gateway.data, "GET", connections=30, requests=30).start()
    began = time.monotonic()
    wait_until(lambda: gateway.model()["rollout"]["status"] == "rolled_back", 15)
    assert time.monotonic() - began < 12
    upstream.close()
    load.join()
