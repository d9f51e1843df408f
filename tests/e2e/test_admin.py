"""The admin surface: who may ask, and what is refused (nothing is changed by a refusal)."""

import json

import pytest

from client import Client, ask
from gateway import Gateway, one_model
from load import Load
from upstream import Upstream, response
from waiting import wait_until

V2 = "comp-critic_v2"
FLAG = f"/internal/flags/{V2}"
ZERO = b'{"rollout_percentage": 0}'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    upstream = Upstream(answer=response(b"ok"))
    gateway = Gateway(tmp_path_factory.mktemp("admin"), one_model(upstream.url, upstream.url, 10))
    yield gateway
    gateway.finish()
    upstream.close()


def own_host(gateway):
    return "%s:%d" % gateway.admin


def put_flag(gateway, headers, host=None, body=ZERO, method="PUT"):
    answer = ask(gateway.admin, method, FLAG, headers, body, host=host or own_host(gateway))
    assert gateway.model()["weight"]["flag"] == 100, "nothing was changed"
    return answer.status


JSON = ("Content-Type", "application/json")


def test_a_foreign_host_is_refused_on_every_route(gateway):
    for path in ("/internal/status", "/metrics", "/internal/flags", "/"):
        for host in ("evil.example", "evil.example:9901", "127.0.0.1.evil.example", "evil.localhost"):
            answer = ask(gateway.admin, "GET", path, host=host)
            assert answer.status in (403, 421), (path, host)
    assert put_flag(gateway, [JSON], host="evil.example") in (403, 421)
    port = gateway.admin[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", "localhost:19901",
                 "[::1]:19901", "localhost"):  # a tunnel has a port of its own
        assert ask(gateway.admin, "GET", "/internal/status", host=host).status == 200
    assert ask(gateway.admin, "GET", "/internal/healthz", host="10.1.2.3:9901").status == 200


@pytest.mark.parametrize("fields,statuses", [
    ([], {415, 400}),
    ([("Content-Type", "text/plain")], {415}),
    ([("Content-Type", "application/x-www-form-urlencoded")], {415}),
    ([JSON, ("Origin", "http://evil.example")], {403}),
    ([JSON, ("Origin", "null")], {403}),
    ([JSON, ("Sec-Fetch-Site", "cross-site")], {403}),
])
def test_what_a_foreign_page_could_send_is_refused(gateway, fields, statuses):
    assert put_flag(gateway, fields) in statuses


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"{}", b'{"rollout_percentage": "0"}', b'{"rollout_percentage": -1}',
    b'{"rollout_percentage": 101}', b'{"rollout_percentage": NaN}',
    b'{"rollout_percentage": 1e999}',
    b'{"rollout_percentage": 0, "rollout_percentage": 100}', b'{"rollout_percentage": 0, "x": 1}',
    b'{"rollout_percentage": null}', b'\xff\xfe', b'{"rollout_percentage": 0} trailing',
    b"[" * 100000])
def test_a_wrong_body_is_told_and_changes_nothing(gateway, body):
    assert put_flag(gateway, [JSON], body=body) in (400, 413, 422)


def test_get_never_changes_anything(gateway):
    for path in ("/internal/reload", "/internal/rollouts/comp-critic/rollback",
                 "/internal/rollouts/comp-critic/resume"):
        answer = gateway.admin_ask("GET", path)
        assert answer.status == 405
        assert "POST" in answer.get("Allow")
    assert gateway.model()["rollout"]["status"] != "rolled_back"


@pytest.mark.parametrize("method,path", [
    ("GET", "/"), ("GET", "/internal"), ("GET", "/nothing"), ("POST", "/internal/rollouts/x/y"),
    ("POST", "/internal/rollouts/unknown/rollback"), ("PUT", "/internal/flags/unknown"),
    ("GET", "/internal/flags/unknown"), ("GET", "/internal/model-version/unknown")])
def test_what_is_not_there_is_404_with_json(gateway, method, path):
    body = {"rollout_percentage": 0} if method == "PUT" else \
        {"by": "a", "reason": "b"} if method == "POST" else None
    answer = gateway.admin_ask(method, path, body)
    assert answer.status == 404
    assert answer.json()["error"]


def test_answers_are_not_stored_and_not_sniffed(gateway):
    for path in ("/internal/status", "/internal/model-version", "/internal/nothing"):
        answer = gateway.admin_ask("GET", path)
        assert answer.get("Cache-Control") == "no-store"
        assert answer.get("X-Content-Type-Options") == "nosniff"
        assert answer.get("Content-Type").startswith("application/json")
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_model_version_is_the_same_on_both_listeners(gateway):
    answers = [gateway.ask("GET", "/internal/model-version"),
               gateway.admin_ask("GET", "/internal/model-version")]
    assert answers[0].body == answers[1].body
    assert json.loads(answers[0].body) == {
        "model": "comp-critic_v1", "canary": {"model": V2, "rollout_percentage": 10}}


def test_the_admin_listener_answers_while_data_is_flooded(gateway):
    load = Load(gateway.data, "GET", connections=24).start()
    wait_until(lambda: load.count() > 300)
    with Client(gateway.admin) as client:
        for _ in range(30):
            answer = client.ask("GET", "/internal/healthz", host=own_host(gateway))
            assert answer.status == 200
    load.stop()


def test_many_idle_admin_connections_do_not_lock_anyone_out(gateway):
    idle = [Client(gateway.admin) for _ in range(40)]
    assert gateway.admin_ask("GET", "/internal/healthz").status == 200
    for client in idle:
        client.close()


@pytest.mark.parametrize("request_bytes", [
    b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /internal/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_nonsense_is_refused_and_the_listener_lives(gateway, request_bytes):
    with Client(gateway.admin) as client:
        client.send(request_bytes)
        try:
            assert client.read_response().status >= 400
        except (EOFError, ConnectionResetError):
            pass
    assert gateway.admin_ask("GET", "/internal/healthz").status == 200


def test_off_loopback_a_token_is_needed(gateways, upstreams, tmp_path):
    url = upstreams().url
    bare = gateways(one_model(url, admin={"listen": "0.0.0.0:0"}), wait=False)
    assert bare.wait() != 0
    assert "token" in bare.log()

    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    config = one_model(url, url, 10, admin={"listen": "0.0.0.0:0", "token_file": str(token)})
    gateway = gateways(config)
    host = "127.0.0.1:%d" % gateway.admin[1]
    where = ("127.0.0.1", gateway.admin[1])
    assert ask(where, "GET", "/internal/healthz", host=host).status == 200
    for fields in ([], [("Authorization", "Bearer wrong")],
                   [("Authorization", "Basic 0123456789abcdef0123456789abcdef")]):
        assert ask(where, "GET", "/internal/status", fields, host=host).status == 401
        assert ask(where, "PUT", FLAG, [*fields, JSON], ZERO, host=host).status == 401
    bearer = ("Authorization", "Bearer 0123456789abcdef0123456789abcdef")
    assert ask(where, "GET", "/internal/status", [bearer], host=host).status == 200
    assert ask(where, "PUT", FLAG, [bearer, JSON], ZERO, host=host).status == 200
    assert "0123456789abcdef" not in gateway.log()


def test_of_a_request_without_the_token_little_is_logged(gateways, upstreams, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    token.chmod(0o600)
    gateway = gateways(one_model(upstreams().url, admin={"token_file": str(token)}))
    long = "/" + "a" * 8000
    for path in (long, "/internal/status?token=SECRET", "/\x9b31m?SECRET"):
        assert ask(gateway.admin, "GET", path, host="127.0.0.1:%d" % gateway.admin[1]).status == 401

    def logged():
        paths = [each["path"] for each in gateway.events if each["event"] == "admin_token_refused"]
        return paths if len(paths) == 3 else None

    assert wait_until(logged, 10, "the refusals are logged") == [
        long[:100], "/internal/status", "/?31m"]
    assert "SECRET" not in gateway.log()
