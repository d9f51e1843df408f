"""The file is a transaction: taken up whole, by every way a file can change, or not at all."""

import os
import shutil
import signal
import threading
import time

import pytest
import yaml

from gateway import SANITIZED, merge, one_model
from load import Load, LoadProcess, failures
from upstream import response
from waiting import wait_until

V2 = "comp-critic_v2"


@pytest.fixture
def servers(upstreams):
    return upstreams(answer=response(b"1")), upstreams(answer=response(b"2"))


@pytest.fixture
def gateway(gateways, servers):
    return gateways(one_model(servers[0].url, servers[1].url, 10))


def with_percentage(gateway, percentage):
    changes = {"models": {"comp-critic": {"canary": {"rollout_percentage": percentage}}}}
    return yaml.safe_dump(merge(gateway.config, changes), sort_keys=False)


def shows_no_error(gateway):
    config = gateway.status()["config"]
    return not config["last_error"] and \
        gateway.metrics().sum("canary_gateway_config_reload_success") == 1


def test_a_file_written_in_place(gateway):
    with open(gateway.path, "w", encoding="utf-8") as file:
        file.write(with_percentage(gateway, 20))
    gateway.wait_applied(20)
    assert shows_no_error(gateway)


def test_a_file_renamed_over(gateway):
    gateway.write(with_percentage(gateway, 30))
    gateway.wait_applied(30)


def test_a_file_moved_away_and_written_anew_as_vim_does(gateway):
    gateway.path.rename(gateway.path.with_suffix(".yaml~"))
    gateway.path.write_text(with_percentage(gateway, 40))
    gateway.wait_applied(40)


def test_sed_in_place(gateway):
    os.system(f"sed -i 's/rollout_percentage: 10/rollout_percentage: 15/' '{gateway.path}'")
    gateway.wait_applied(15)


def test_sighup(gateway):
    stat = gateway.path.stat()
    gateway.path.write_text(with_percentage(gateway, 50))
    os.utime(gateway.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    gateway.signal(signal.SIGHUP)
    gateway.wait_applied(50)


def test_the_admin_api(gateway):
    gateway.path.write_text(with_percentage(gateway, 60))
    assert gateway.admin_ask("POST", "/internal/reload", {}).status == 200
    assert gateway.model()["weight"]["effective"] == 60
    gateway.wait_applied(60, 1)


def test_a_kubernetes_configmap_swaps_its_directory(gateways, servers, tmp_path):
    """gateway.yaml -> ..data/gateway.yaml, ..data -> ..2024_1; an update renames a new ..data."""
    volume = tmp_path / "volume"
    volume.mkdir()
    config = merge(one_model(servers[0].url, servers[1].url, 10),
                   {"state_dir": str(volume / "state")})

    def publish(stamp, percentage):
        generation = volume / f"..{stamp}"
        generation.mkdir()
        config["models"]["comp-critic"]["canary"]["rollout_percentage"] = percentage
        (generation / "gateway.yaml").write_text(yaml.safe_dump(config))
        (volume / "..data_tmp").symlink_to(generation.name)
        (volume / "..data_tmp").rename(volume / "..data")

    publish("2024_1", 10)
    (volume / "gateway.yaml").symlink_to("..data/gateway.yaml")
    gateway = gateways(name="volume")
    gateway.wait_applied(10)
    for before, percentage in enumerate((35, 45, 55), 1):
        began = time.monotonic()
        publish(f"2024_{before + 1}", percentage)
        shutil.rmtree(volume / f"..2024_{before}")  # the kubelet does so at once
        gateway.wait_applied(percentage)
        assert time.monotonic() - began < 5  # noticed, and not found at the look every 10 s


BROKEN = {
    "syntax": "models: [unclosed",
    "empty": "",
    "not_a_map": "- 1\n- 2\n",
    "binary": "\x00\x01\x02",
    "tab": "models:\n\tcomp-critic: 1\n",
    "huge": "# " + "x" * (5 << 20),
}
WRONG = {
    "unknown_key": {"modles": {}},
    "percentage_above_100": {"models": {"comp-critic": {"canary": {"rollout_percentage": 101}}}},
    "percentage_nan": {"models": {"comp-critic": {"canary": {"rollout_percentage": float("nan")}}}},
    "bad_url": {"models": {"comp-critic": {"stable": {"endpoints": ["ftp://x"]}}}},
    "no_endpoints": {"models": {"comp-critic": {"stable": {"endpoints": []}}}},
    "bad_duration": {"models": {"comp-critic": {"timeouts": {"connect": "soon"}}}},
    "same_names": {"models": {"comp-critic": {"canary": {"version": "comp-critic_v1"}}}},
    "listen_changed": {"data": {"listen": "127.0.0.1:1"}},
    "workers_changed": {"data": {"workers": 3}},
    "not_supported_yet": {"models": {"comp-critic": {"hash": "launchdarkly"}}},
}


def stays_as_it_was(gateway, word=None):
    answer = gateway.admin_ask("POST", "/internal/reload", {})
    assert answer.status >= 400, answer
    error = gateway.status()["config"]["last_error"]
    assert error, "the status says why"
    if word:
        assert word in error, error
    assert gateway.metrics().sum("canary_gateway_config_reload_success") == 0
    gateway.wait_applied(10, 1)
    assert gateway.ask().status == 200


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_keeps_the_old_configuration(gateway, content):
    good = gateway.path.read_text()
    gateway.write(content)
    stays_as_it_was(gateway)
    gateway.write(good.replace("rollout_percentage: 10", "rollout_percentage: 11"))
    gateway.wait_applied(11)
    wait_until(lambda: shows_no_error(gateway), what="the error is gone")


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_keeps_the_old_configuration(gateway, changes):
    gateway.write(yaml.safe_dump(merge(gateway.config, changes), sort_keys=False))
    stays_as_it_was(gateway)


def test_an_error_names_the_place_and_what_was_expected(gateway):
    text = gateway.path.read_text()
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "percentage" in row)
    gateway.write(text.replace("rollout_percentage: 10", "rollout_percentage: 1000"))
    stays_as_it_was(gateway, f"gateway.yaml:{line}:")
    assert "rollout_percentage" in gateway.status()["config"]["last_error"]


def test_a_changed_listener_is_refused_by_its_name(gateway):
    gateway.write(merge(gateway.config, {"data": {"workers": 3}}))
    stays_as_it_was(gateway, "workers")


@pytest.mark.parametrize("kind", ["removed", "directory", "loop", "unreadable"])
def test_a_file_that_cannot_be_read_keeps_the_old_configuration(gateway, kind):
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("root reads everything")
    gateway.path.unlink()
    if kind == "directory":
        gateway.path.mkdir()
    elif kind == "loop":
        gateway.path.symlink_to(gateway.path.name)
    elif kind == "unreadable":
        gateway.path.write_text("x")
        gateway.path.chmod(0)
    stays_as_it_was(gateway)


def test_a_hundred_reloads_a_second_under_load(gateway):
    """Each is a new file; most are announced by SIGHUP, some asked for, all seen by the watcher.
    A busy machine takes longer for them."""
    reloads = 100 if SANITIZED else 500
    load = LoadProcess(gateway.data)
    for percentage in (10, 11):  # warm: sockets, buffers and pools exist
        gateway.reload(with_percentage(gateway, percentage))
    before = gateway.descriptors()
    texts = [with_percentage(gateway, 10 + number) for number in range(50)]
    began, errors = time.monotonic(), []
    for count in range(1, reloads + 1):
        gateway.write(texts[count % 50])
        if count % 10:
            gateway.signal(signal.SIGHUP)
        elif gateway.admin_ask("POST", "/internal/reload", {}).status != 200:
            errors.append(count)
        time.sleep(max(0, began + count / 100 - time.monotonic()))
    requests, failed = load.stop()
    assert not errors
    assert not failed, failed
    assert requests > reloads / 2
    gateway.wait_applied(10 + reloads % 50)
    wait_until(lambda: gateway.descriptors() <= before, 10,
               f"no descriptor is left over ({before} before)")


def test_broken_and_good_files_in_turn_under_load(gateway):
    load = Load(gateway.data, "GET", "/", connections=4).start()
    wait_until(lambda: load.count() > 100)
    before = gateway.descriptors()
    for number in range(40):
        gateway.write("models: [" if number % 2 else with_percentage(gateway, 20 + number))
        gateway.admin_ask("POST", "/internal/reload", {})
    gateway.reload(with_percentage(gateway, 77))
    gateway.wait_applied(77)
    assert not failures(load.stop())
    wait_until(lambda: gateway.descriptors() <= before, what="no descriptor is left over")


def test_a_reload_moves_requests_to_new_endpoints_without_a_failure(gateway, upstreams):
    load = Load(gateway.data, "GET", "/", connections=8).start()
    for _ in range(10):
        fresh = upstreams(answer=response(b"new"))
        gateway.edit_model(stable={"endpoints": [fresh.url]},
                           canary={"endpoints": [fresh.url]})
        gateway.reload()
        wait_until(lambda: len(fresh.requests) > 20, what="the new endpoint is asked")
    assert not failures(load.stop())


def test_the_table_may_change_while_a_request_fails_over(gateways, upstreams):
    """Canaries come and go while every other request finds its canary dead."""
    from upstream import refused_url

    stable = upstreams(answer=response(b"1"))
    dead, holder = refused_url()
    gateway = gateways(one_model(stable.url, dead, 50, {
        "judge": {"method": "threshold", "window": "10s", "min_samples": 100000}}))
    load = Load(gateway.data, "GET", "/", connections=8).start()
    for number in range(60):
        gateway.edit_model(canary={"rollout_percentage": 30 + number % 40})
        gateway.reload()
    results = load.stop()
    holder.close()
    assert not failures(results), failures(results)[:3]
    wait_until(lambda: sum(gateway.outcomes().values()) == len(results), what="one charge each")
    assert gateway.metrics().sum("canary_gateway_in_flight_requests") == 0


def test_an_invalid_file_at_start_falls_back_to_the_last_accepted(gateway):
    gateway.reload(with_percentage(gateway, 25))
    gateway.stop()
    gateway.write("models: [broken")
    # The broken file cannot say where state_dir is; a file with one wrong value can.
    broken = merge(gateway.config, {"models": {"comp-critic": {"canary": {
        "rollout_percentage": 400}}}})
    gateway.write(yaml.safe_dump(broken, sort_keys=False))
    gateway.restart()
    gateway.wait_applied(25)
    assert gateway.status()["config"]["last_error"]
    gateway.write(with_percentage(gateway, 26))
    gateway.wait_applied(26)


def test_an_invalid_file_at_first_start_exits_with_2(gateways, tmp_path):
    gateway = gateways(f"state_dir: {tmp_path}/state\nmodels: {{}}\nnonsense: 1\n", wait=False)
    assert gateway.wait() == 2
    assert "nonsense" in gateway.log()


def test_many_clients_watch_while_the_file_changes(gateway):
    """model-version always shows one of the values that were asked for, and in the end the last."""
    seen, stop = set(), threading.Event()

    def watch():
        with gateway.client() as client:
            while not stop.is_set():
                body = client.ask("GET", "/internal/model-version").json()
                seen.add(body["canary"]["rollout_percentage"])

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    asked = {10}
    for percentage in range(20, 60, 5):
        asked.add(percentage)
        gateway.reload(with_percentage(gateway, percentage))
    gateway.wait_applied(55)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= asked
    assert 55 in seen
