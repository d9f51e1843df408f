"""What the gateway shows and whom it lets near: own listeners, own paths, files, tokens, secrets."""

import json
import os
import pathlib
import socket
import stat
import subprocess
import tempfile

import pytest

from client import ask
from gateway import BINARY, Gateway, one_model
from upstream import refused_url, response
from waiting import wait_until

SECRET = "SECRETTOKEN"
V1, V2 = "comp-critic_v1", "comp-critic_v2"


def free_port(host="127.0.0.1", family=socket.AF_INET):
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def check(gateway):
    return subprocess.run([BINARY, "check", "-c", str(gateway.path)], capture_output=True, text=True,
                          timeout=60, check=False)


def reload(gateway):
    return gateway.admin_ask("POST", "/internal/reload", {})


def url_of(address):
    return "http://%s:%d" % address


# -- own listeners

def test_an_endpoint_that_is_an_own_listener_is_refused_by_check_start_and_reload(gateways, upstreams):
    good = upstreams().url
    ports = {"data": free_port(), "admin": free_port(), "observe": free_port()}
    listens = {"data": {"listen": f"0.0.0.0:{ports['data']}"},
               "admin": {"listen": f"127.0.0.1:{ports['admin']}"},
               "observe": {"listen": f"127.0.0.1:{ports['observe']}"}}
    gateway = gateways(one_model(good, good, 50, **listens))
    for host, port in [("127.0.0.1", "data"), ("127.0.0.2", "data"), ("0.0.0.0", "data"),
                       ("localhost", "data"), ("[::ffff:127.0.0.1]", "admin"),
                       ("127.0.0.1", "admin"), ("localhost", "admin"), ("127.0.0.1", "observe")]:
        endpoint = f"http://{host}:{ports[port]}"
        for bad in (one_model(endpoint, good, 50, **listens), one_model(good, endpoint, 50, **listens)):
            gateway.write(bad)
            assert check(gateway).returncode == 2, endpoint
            answer = reload(gateway)
            assert answer.status == 422, endpoint
            assert f"{port}.listen" in answer.json()["error"]["message"]
    gateway.write(one_model(good, good, 50, **listens))
    assert check(gateway).returncode == 0
    assert reload(gateway).status == 200
    gateway.stop()
    refused = gateways(one_model(f"http://localhost:{ports['admin']}", **listens), wait=False)
    assert refused.wait() == 2


def test_an_own_listener_is_known_by_the_port_that_the_kernel_chose(gateways, upstreams):
    good = upstreams().url
    gateway = gateways(one_model(good, good, 50))
    for address in (gateway.data, gateway.admin):
        gateway.edit_model(canary={"endpoints": [url_of(address)]})
        answer = reload(gateway)
        assert answer.status == 422
        assert "own listeners" in answer.json()["error"]["message"]
    assert gateway.model()["canary"]["endpoints"][0]["state"] == "healthy"


def test_an_address_of_a_name_that_is_our_own_is_left_out(gateways, upstreams):
    good = upstreams().url
    gateway = gateways(one_model(good, good, 50))
    # A name that the validator cannot know, and that every resolver has.
    name = socket.gethostname()
    found = {info[4][0] for info in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)}
    if not found & {"127.0.0.1", "127.0.1.1"} and not any(not a.startswith("127.") for a in found):
        pytest.skip("this host's name has no address")
    port = free_port("0.0.0.0")
    other = gateways(one_model(good, f"http://{name}:{port}", 50,
                               data={"listen": f"0.0.0.0:{port}"}), name="other")
    event = other.wait_event("endpoint_refused")
    assert event["endpoint"] == f"http://{name}:{port}"
    assert "own listener" in event["reason"]
    endpoint = other.model()["canary"]["endpoints"][0]
    assert (endpoint["state"], endpoint["healthy"]) == ("refused", False)
    for _ in range(20):
        assert other.ask().status == 200
    assert other.metrics().sum("canary_gateway_endpoints", state="refused") >= 1
    assert gateway.status()["ready"]


# -- own paths

@pytest.mark.parametrize("path", ["/internal/status", "/%69nternal/flags/" + V2, "//internal/status",
                                  "/a/../internal", "/a/..%2finternal", "/Internal", "/internal;v=1",
                                  "/internal./status", "/\\internal", "/%2569nternal", "/ofrep/v1",
                                  "http://gateway.test/%69nternal/status", "/internal/model-version/../x"])
def test_no_spelling_of_our_own_paths_reaches_a_server(gateways, upstreams, path):
    upstream = upstreams(answer=response(b"reached"))
    gateway = gateways(one_model(upstream.url))
    for method in ("GET", "PUT"):
        answer = gateway.ask(method, path)
        assert answer.status in (400, 404), answer
        assert answer.body != b"reached"
    assert gateway.ask("GET", "/internals").body == b"reached"


# -- files

@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(directory):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


def test_the_state_is_private_whatever_the_umask(gateways, upstreams, open_umask, tmp_path):
    nested = tmp_path / "one" / "two" / "state"
    gateway = gateways(one_model(upstreams().url, upstreams().url, 50, state_dir=str(nested)))
    gateway.set_flag(V2, 10)
    wait_until(lambda: "state.db-wal" in modes(nested), 10, "a commit")
    assert set(modes(nested).values()) == {0o600}
    for directory in (nested, nested.parent, nested.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_what_is_found_wider_is_narrowed_and_said(gateways, upstreams):
    gateway = gateways(one_model(upstreams().url))
    gateway.stop()
    state = gateway.directory / "state"
    for path in (state, state / "state.db", state / "last-accepted.yaml", state / "latch"):
        path.chmod(0o755 if path.is_dir() else 0o666)
    gateway.start()
    assert set(modes(state).values()) == {0o600}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    said = {event["path"] for event in gateway.events if event["event"] == "state_access_narrowed"}
    assert str(state) in said and str(state / "state.db") in said


def test_a_directory_that_is_not_ours_alone_stays_as_it_is(gateways, upstreams, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "of-somebody-else").write_text("")
    shared.chmod(0o755)
    gateways(one_model(upstreams().url, state_dir=str(shared)))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert modes(shared)["state.db"] == 0o600


def test_a_token_may_be_read_by_a_group_of_the_process_alone(gateways, upstreams, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 2)
    config = one_model(upstreams().url, admin={"token_file": str(token)})
    token.chmod(0o440)
    gateway = gateways(config)
    assert check(gateway).returncode == 0
    assert gateway.admin_ask("GET", "/internal/status").status == 401
    status = [BINARY, "status", "--admin", url_of(gateway.admin), "--token-file", str(token)]
    assert subprocess.run(status, capture_output=True, check=False).returncode == 0
    gateway.stop()
    for mode in (0o444, 0o460, 0o604):
        token.chmod(mode)
        assert check(gateway).returncode == 2
        assert subprocess.run(status, capture_output=True, check=False).returncode == 2
        refused = gateways(config, name="refused%o" % mode, wait=False)
        assert refused.wait() == 1
        assert "token_file" in refused.wait_event("start_failed")["message"]
    if os.geteuid() == 0:
        token.chmod(0o440)
        os.chown(token, 0, 54321)
        said = check(gateway)
        assert said.returncode == 0 and "54321" in said.stdout
        in_group = gateways(config, name="group", prefix=["setpriv", "--groups=54321"])
        assert in_group.admin_ask("GET", "/internal/healthz").status == 200
        assert check(in_group).returncode == 0


USER, GROUP, OTHER_GROUP = 54321, 54322, 54323


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("owner, group, mode, groups, accepted", [
    (0, GROUP, 0o440, "--clear-groups", True),  # systemd's LoadCredential, a Secret with fsGroup
    (0, OTHER_GROUP, 0o440, f"--groups={OTHER_GROUP}", True),
    (USER, GROUP, 0o400, "--clear-groups", True), (USER, GROUP, 0o640, "--clear-groups", True),
    (USER, OTHER_GROUP, 0o440, "--clear-groups", False),  # others can read it, we are not of them
    (USER, GROUP, 0o444, "--clear-groups", False), (USER, GROUP, 0o460, "--clear-groups", False),
    (0, OTHER_GROUP, 0o440, "--clear-groups", False), (0, GROUP, 0o400, "--clear-groups", False)])
def test_a_token_as_another_user_sees_it(upstreams, owner, group, mode, groups, accepted):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        token = directory / "token"
        token.write_text("0123456789abcdef" * 2)
        token.chmod(mode)
        os.chown(token, owner, group)
        os.chown(directory, USER, GROUP)
        prefix = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", groups]
        gateway = Gateway(directory, one_model(upstreams().url, admin={"token_file": str(token)}),
                          wait=accepted, prefix=prefix)
        try:
            said = subprocess.run([*prefix, BINARY, "check", "-c", str(gateway.path)], text=True,
                                  capture_output=True, timeout=60, check=False)
            assert ("admin.token_file" in said.stdout) != accepted, said.stdout
            if accepted:
                assert gateway.admin_ask("GET", "/internal/status").status == 401
            else:
                assert gateway.wait() == 1
                assert "token_file" in gateway.wait_event("start_failed")["message"]
                assert str(token) not in gateway.log().partition("start_failed")[2]
        finally:
            gateway.finish()


# -- listeners

def test_one_list_may_have_every_ipv4_and_every_ipv6_address(gateways, upstreams):
    port = free_port("0.0.0.0")
    for listen in ([f"0.0.0.0:{port}", f"[::]:{port}"], [f"[::]:{port}", f"127.0.0.1:{port}"],
                   [f"[::]:{port}"]):
        gateway = gateways(one_model(upstreams(answer=response(b"ok")).url, data={"listen": listen}),
                           name="n%d" % len("".join(listen)))
        assert check(gateway).returncode == 0
        for host in ("127.0.0.1", "::1"):
            assert ask((host, port), "GET", "/").body == b"ok", (listen, host)
        gateway.stop()
    for listen in ([f"0.0.0.0:{port}", f"127.0.0.1:{port}"], [f"[::1]:{port}", f"[::]:{port}"]):
        gateway.edit(data={"listen": listen})
        assert check(gateway).returncode == 2


# -- secrets

def test_no_secret_comes_out_of_log_status_metrics_or_check(gateways, upstreams):
    hook, holder = refused_url()
    secret_url = f"{hook}/services/{SECRET}?token={SECRET}"
    notify = [{"kind": "slack", "url": secret_url},
              {"kind": "webhook", "url_env": "HOOK", "secret_env": "SIGNING"},
              {"kind": "webhook", "url": secret_url + "2", "secret_env": SECRET},
              {"kind": "slack", "url_env": SECRET + "_2"}]
    url = upstreams().url
    gateway = gateways(one_model(url, url, 50, notify=notify),
                       environment={"HOOK": secret_url + "3", "SIGNING": f"{SECRET}4"})
    gateway.set_flag(V2, 0)
    wait_until(lambda: all(each["failures"] for each in gateway.status()["notify"]), 20, "they fail")

    def silent():
        for place in (gateway.log(), json.dumps(gateway.status()), check(gateway).stdout,
                      gateway.admin_ask("GET", "/metrics").body.decode(),
                      gateway.admin_ask("GET", "/internal/history").body.decode()):
            assert SECRET not in place
    silent()
    for wrong in ([{"kind": "slack", "channel": secret_url}], [{"kind": SECRET}], secret_url,
                  [{SECRET: 1}], [{"kind": "webhook", "url": "https://me:%s@a/" % SECRET}]):
        gateway.edit(notify=wrong)
        answer = reload(gateway)
        assert answer.status == 422
        assert SECRET not in answer.body.decode()
        said = check(gateway)
        assert said.returncode == 2 and SECRET not in said.stdout + said.stderr
        silent()
    holder.close()


# -- the report

def report(gateway):
    return gateway.admin_ask("GET", "/internal/report/comp-critic").json()


def requests(found):
    return {version["version"]: version["requests"] for version in found["versions"]}


def test_a_report_keeps_its_figures_over_stops_and_kills(gateways, upstreams):
    good, bad = upstreams(answer=response(b"ok")), upstreams(answer=response(b"no", "500 No"))
    gateway = gateways(one_model(good.url, bad.url, 50,
                                 model={"judge": {"min_samples": 100_000}}))
    for _ in range(40):
        gateway.ask()
    wait_until(lambda: sum(requests(report(gateway)).values()) == 40, 10, "all are counted")
    before = report(gateway)
    gateway.stop()
    gateway.start()
    assert requests(report(gateway)) == requests(before)
    for _ in range(20):
        gateway.ask()
    wait_until(lambda: sum(requests(report(gateway)).values()) == 60, 10, "those as well")
    kept = report(gateway)
    canary = kept["versions"][1]
    assert canary["errors"] == canary["requests"] == canary["outcomes"]["server_error"]
    assert kept["versions"][0]["p95_seconds"] > 0
    # A change of a phase or an attempt is written at once; what is killed had its checkpoint.
    gateway.edit_model(attempt=2)
    assert reload(gateway).status == 200
    wait_until(lambda: any(phase["attempt"] == 2 for phase in report(gateway)["phases"]), 10, "attempt 2")
    assert gateway.admin_ask("GET", "/internal/history").status == 200  # behind it in the writer's queue
    gateway.kill()
    gateway.start()
    old = [phase for phase in report(gateway)["phases"] if phase["attempt"] == 1]
    assert sum(phase["requests"] for phase in old) == 60


def test_a_report_is_printed_in_its_lines_and_shows_reasons_as_text(gateways, upstreams):
    url = upstreams().url
    gateway = gateways(one_model(url, url, 50))
    said = gateway.admin_ask("POST", "/internal/rollouts/comp-critic/rollback",
                             {"by": "ann", "reason": "<b>x</b> | [a](b) \u009b31m \u202e"})
    assert said.status == 200, said
    said = subprocess.run([BINARY, "report", "comp-critic", "--admin", url_of(gateway.admin)],
                          capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("# comp-critic: comp-critic_v1 to comp-critic_v2\n\n")
    assert "&lt;b>x&lt;/b> \\| \\[a\\](b) ?31m ?" in said
    assert said.count("\n") > 20
