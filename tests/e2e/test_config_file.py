"""Whatever stands at the file's path, and however slowly it is written."""

import os
import pathlib
import signal
import time

import pytest
import yaml

from gateway import one_model
from upstream import response
from waiting import wait_until

PLAN = {"plan": {"phases": [{"percentage": 5, "hold": "1h"}, {"percentage": 50, "hold": "1h"}]},
        "judge": {"method": "threshold", "window": "1s", "min_samples": 10}}


@pytest.fixture
def servers(upstreams):
    failing = []

    def canary(exchange):
        exchange.send(response(b"2", "500 Internal Server Error" if failing else "200 OK"))

    servers = upstreams(answer=response(b"1")), upstreams(handler=canary)
    servers[1].failing = failing
    return servers


@pytest.fixture
def gateway(gateways, servers):
    """In the second of two phases."""
    gateway = gateways(one_model(servers[0].url, servers[1].url, 100, PLAN))
    assert gateway.admin_ask("POST", "/internal/rollouts/comp-critic/promote",
                             {"by": "test", "reason": "on", "expect": {"phase": 1}}).status == 200
    gateway.wait_applied(50)
    return gateway


def stands(gateway):
    model = gateway.model()
    return model["rollout"]["phase"] == 2 and model["weight"]["effective"] == 50


def held(gateway):
    return gateway.status()["config"]["held"]


def wait_accepted(gateway, text):
    """It is in force, and kept for a start: that is written after it came into force."""
    accepted = pathlib.Path(yaml.safe_load(text)["state_dir"]) / "last-accepted.yaml"
    wait_until(lambda: accepted.read_text() == text, what="it is the last accepted file")


def make_fifo(path):
    os.mkfifo(path)


def make_directory(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path.name)


def make_device(path):
    path.symlink_to("/dev/zero")


KINDS = [(make_fifo, "is a FIFO"), (make_directory, "Is a directory"),
         (make_loop, "Too many levels of symbolic links"), (make_device, "is a device")]


@pytest.mark.parametrize("make, said", KINDS, ids=["fifo", "directory", "loop", "device"])
def test_nothing_in_the_files_place_stops_a_rollback(gateway, servers, make, said):
    gateway.path.unlink()
    make(gateway.path)
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: said in (gateway.status()["config"]["last_error"] or ""), 15,
               "the status says what is there")
    assert gateway.admin_ask("POST", "/internal/reload", {}).status == 422
    servers[1].failing.append(True)
    wait_until(lambda: gateway.ask() and gateway.model()["rollout"]["latched"], 20,
               "the canary is rolled back")
    assert gateway.stop() == 0


def test_a_writer_that_pauses_is_waited_for(gateway):
    """Half of the file is valid: it has no canary, or no plan."""
    text = gateway.path.read_text()
    for word in ("    canary:", "    plan:"):
        at = gateway.position()
        with open(gateway.path, "w", encoding="utf-8") as file:
            file.write(text[:text.index(word)])
            file.flush()
            gateway.wait_event("config_held", after=at)
            assert "it is being written" in held(gateway)
            assert stands(gateway)
            file.write(text[text.index(word):])
        wait_until(lambda: not held(gateway), what="it is whole again")
        assert stands(gateway)
    assert gateway.status()["config"]["generation"] == 1


@pytest.mark.parametrize("word", ["    canary:", "    plan:"])
def test_a_file_whose_writer_died_is_held(gateway, word):
    text = gateway.path.read_text()
    gateway.path.write_text(text[:text.index(word)])
    event = gateway.wait_event("config_held")
    assert "it ends early and lacks models.comp-critic." in event["reason"]
    assert stands(gateway)
    with open(gateway.path, "a", encoding="utf-8") as file:
        file.write(text[text.index(word):].replace("percentage: 100", "percentage: 90"))
    wait_until(lambda: not held(gateway), what="it is whole again")
    assert stands(gateway)


ENDS = {
    "canary": lambda canary: {"version": canary["version"], "endpoints": canary["endpoints"],
                              "rollout_percentage": 20},
    "plan": lambda plan: {"phases": plan["phases"], "advance": "manual"},
    "match": lambda match: [*match, {"path_prefix": "/more"}],
    "judge": lambda judge: {"method": "threshold", "window": "1s", "min_samples": 20},
}


def ending_with(text, key):
    """The same file, with this key of the model at its end, and more in it."""
    config = yaml.safe_load(text)
    models = config.pop("models")
    model = models["comp-critic"]
    model[key] = ENDS[key](model.pop(key))
    return yaml.safe_dump({**config, "models": models}, sort_keys=False)


@pytest.mark.parametrize("key", ENDS)
def test_a_file_that_lost_its_last_line_is_held_and_not_started_on(gateway, key):
    whole = ending_with(gateway.path.read_text(), key)
    gateway.write(whole)
    wait_accepted(gateway, whole)
    before = gateway.model()
    gateway.path.write_text(whole[:whole.rstrip().rindex("\n") + 1])
    event = gateway.wait_event("config_held")
    assert f"lacks models.comp-critic.{key}" in event["reason"]
    assert gateway.status()["config"]["generation"] == 2
    gateway.kill()
    gateway.restart()
    assert gateway.status()["config"]["fallback"]
    assert gateway.model()["weight"] == before["weight"]
    assert gateway.model()["rollout"]["phases"] == before["rollout"]["phases"]


def test_what_needs_a_restart_is_not_lost_by_a_cut_before_a_start(gateway):
    config = yaml.safe_load(gateway.path.read_text())
    first = {"state_dir": config.pop("state_dir"), "models": config.pop("models")}
    kept = yaml.safe_dump(first, sort_keys=False)
    whole = kept + yaml.safe_dump(config)
    gateway.write(whole)
    wait_accepted(gateway, whole)
    gateway.kill()
    gateway.path.write_text(kept)
    gateway.restart()
    assert gateway.status()["config"]["fallback"]
    assert stands(gateway)


def test_who_insists_gets_the_file_as_it_is(gateway):
    text = gateway.path.read_text()
    gateway.path.write_text(text[:text.index("    canary:")])
    gateway.wait_event("config_held")
    assert gateway.admin_ask("POST", "/internal/reload", {}).status == 200
    assert gateway.model()["canary"] is None
    assert held(gateway) is None


def test_a_start_on_a_file_that_ends_early_raises_nothing(gateway):
    text = gateway.path.read_text()
    gateway.kill()
    gateway.path.write_text(text[:text.index("    plan:")])
    gateway.restart()
    assert stands(gateway)
    assert gateway.status()["config"]["fallback"]
    wait_until(lambda: held(gateway), 15, "it says what it waits for")
    assert gateway.status()["config"]["last_error"] is None
    assert gateway.metrics().sum("canary_gateway_config_held") == 1
    assert gateway.metrics().sum("canary_gateway_config_reload_success") == 1
    gateway.write(text)
    wait_until(lambda: not gateway.status()["config"]["fallback"], what="the whole file is back")
    assert gateway.metrics().sum("canary_gateway_config_held") == 0
    assert stands(gateway)


def write_in_place(path, text):
    path.write_text(text)


def empty_first(path, text):
    path.write_text("")
    path.write_text(text)


def as_tar_does(path, text):
    """kubectl cp: removed, written anew, with the time of the original."""
    path.unlink()
    path.write_text(text)
    os.utime(path, (1_600_000_000, 1_600_000_000))


def byte_by_byte(path, text):
    with open(path, "wb", buffering=0) as file:
        for byte in text.encode():
            file.write(bytes([byte]))
            if byte == ord("\n"):
                os.fsync(file.fileno())


def opened_again_and_again(path, text):
    path.write_text("")
    for line in text.splitlines(keepends=True):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)


def with_tee(path, text):
    os.system(f"printf '%s' '{text}' | tee '{path}' > /dev/null")


WAYS = [write_in_place, empty_first, as_tar_does, byte_by_byte, opened_again_and_again, with_tee]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_each_way_of_writing_is_taken_up_whole(gateway, way):
    text = gateway.path.read_text().replace("percentage: 100", "percentage: 20")
    began = time.monotonic()
    way(gateway.path, text)
    gateway.wait_applied(20)
    assert time.monotonic() - began < 10
    assert gateway.model()["rollout"]["phase"] == 2
    assert gateway.status()["config"]["generation"] == 2


def test_the_configuration_of_a_command_may_be_a_pipe(gateway):
    import subprocess
    from gateway import BINARY
    text = yaml.safe_dump(gateway.config).encode()
    answer = subprocess.run([BINARY, "check", "-c", "/dev/stdin"], input=text, capture_output=True,
                            timeout=20, check=False)
    assert answer.returncode == 0, answer
    fifo = gateway.directory / "fifo"
    os.mkfifo(fifo)
    answer = subprocess.run([BINARY, "check", "-c", str(fifo)], capture_output=True, timeout=20,
                            check=False)
    assert answer.returncode == 2
    assert b"is a FIFO to which nobody writes" in answer.stdout
