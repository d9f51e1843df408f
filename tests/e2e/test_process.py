"""What the process lives in: its signals, its CPUs, its limits."""

import contextlib
import os
import pathlib
import re
import signal
import sqlite3
import subprocess

import pytest

from gateway import BINARY, SANITIZED, one_model
from upstream import response
from waiting import wait_until

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "operations.md"
V2 = "comp-critic_v2"


@pytest.fixture
def config(upstreams):
    return one_model(upstreams(answer=response(b"1")).url, upstreams(answer=response(b"2")).url, 50)


def serves(gateway):
    return gateway.ask().status == 200


# -- signals

STOPS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGXCPU")
TOLD = ("SIGUSR2", "SIGALRM", "SIGIO", "SIGPWR", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX")
SILENT = ("SIGPIPE", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGTTOU", "SIGTTIN", "SIGWINCH",
          "SIGCHLD", "SIGURG", "SIGCONT")
CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP")
OTHERS = ("SIGHUP", "SIGUSR1", "SIGKILL", "SIGSTOP", "SIGTSTP")


def test_every_signal_is_in_the_page_of_operations():
    table = PAGE.read_text(encoding="utf-8").partition("| signal | does |")[2].partition("\n\n")[0]
    known = {number for number in signal.Signals
             if number not in (signal.SIGRTMIN, signal.SIGRTMAX)}
    described = {signal.Signals[name] for name in re.findall(r"\bSIG[A-Z0-9]+\b", table)
                 if name in signal.Signals.__members__}
    assert {number.name for number in known - described} == set()
    tested = {signal.Signals[name] for name in STOPS + TOLD + SILENT + CRASHES + OTHERS}
    assert {number.name for number in known - tested} == set()


@pytest.mark.parametrize("name", STOPS)
def test_a_signal_that_stops_drains(gateways, config, name):
    gateway = gateways(config)
    gateway.signal(signal.Signals[name])
    assert gateway.wait() == 0
    gateway.wait_event("draining")
    gateway.wait_event("stopped")


def test_a_signal_that_means_nothing_is_logged_and_ends_nothing(gateways, config):
    gateway = gateways(config)
    for name in TOLD:
        at = gateway.position()
        gateway.signal(signal.Signals[name])
        event = gateway.wait_event("signal_ignored", after=at)
        assert event["signal"] in (name, "SIGPOLL", "SIGRTMIN+0", "SIGRTMIN+30"), event
    assert serves(gateway)


def test_a_signal_that_is_ignored_ends_nothing(gateways, config):
    gateway = gateways(config)
    for name in SILENT:
        gateway.signal(signal.Signals[name])
        assert serves(gateway), name


def test_signals_come_to_no_other_thread(gateways, config):
    """A worker that a signal interrupts would be a worker that stalls."""
    gateway = gateways(config)
    serves(gateway)
    for task in pathlib.Path(f"/proc/{gateway.pid}/task").iterdir():
        blocked = int(re.search(r"SigBlk:\s*(\w+)", (task / "status").read_text())[1], 16)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            assert blocked >> (number - 1) & 1, (task.name, number)


def test_sighup_at_any_moment_of_the_start_ends_nothing(gateways, config):
    gateway = gateways(config, wait=False)
    status = pathlib.Path(f"/proc/{gateway.pid}/status")

    def blocked():
        return int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) & 1

    wait_until(blocked, what="main() has begun")
    while not any(event["event"] == "ready" for event in list(gateway.events)):
        gateway.signal(signal.SIGHUP)
        assert gateway.process.poll() is None, gateway.log()
    assert serves(gateway)
    assert gateway.admin_ask("POST", "/internal/reload", {}).status == 200


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has handlers of its own")
@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_says_which_in_one_line(gateways, config, name):
    gateway = gateways(config)
    gateway.signal(signal.Signals[name])
    assert gateway.wait() == -signal.Signals[name]
    event = gateway.wait_event("crashed", signal=name)
    assert event["sent_by_pid"] == os.getpid()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])


def open_files(pid):
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(descriptor)


def test_sigterm_ends_a_start_that_waits_for_the_disk(gateways, config):
    gateway = gateways(config)
    gateway.stop()
    holder = sqlite3.connect(gateway.directory / "state" / "state.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    gateway.start(wait=False)
    wait_until(lambda: any(name.endswith("/latch") for name in open_files(gateway.pid)),
               what="it opens its state")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() in (0, 1)  # 1: the database had given up already
    holder.close()


# -- CPUs

def test_auto_follows_the_affinity_and_says_why(gateways, config):
    del config["data"]["workers"]
    cpu = min(os.sched_getaffinity(0))
    gateway = gateways(config, prefix=["taskset", "-c", str(cpu)])
    event = gateway.wait_event("starting")
    assert (event["workers"], event["workers_by"]) == (1, "1 CPU by affinity")


def test_a_number_of_workers_is_what_the_file_says(gateways, config):
    event = gateways(config).wait_event("starting")
    assert (event["workers"], event["workers_by"]) == (2, "data.workers")


# -- the largest file that is allowed

def test_a_limit_of_file_sizes_is_a_full_disk(gateways, config, tmp_path):
    """SIGXFSZ would end us; EFBIG is a failed write, of the access log and of the database."""
    config["access_log"] = {"path": str(tmp_path / "access.log")}
    gateway = gateways(config, prefix=["prlimit", "--fsize=400000"])
    target = "/" + "x" * 2000
    for _ in range(200):
        assert gateway.ask(target=target).status == 200
    gateway.wait_event("access_log_write_failed", error="File too large")

    def database_is_full():
        gateway.set_flag(V2, 10 + database_is_full.count % 40)
        database_is_full.count += 1
        return any(event["event"] == "state_not_durable" for event in list(gateway.events))

    database_is_full.count = 0
    wait_until(database_is_full, 60, "the database cannot grow")
    answer = gateway.admin_ask("POST", "/internal/rollouts/comp-critic/rollback",
                               {"by": "test", "reason": "full"})
    assert answer.status == 200, answer
    gateway.wait_applied(0)
    assert serves(gateway)


def test_the_log_on_a_file_that_may_not_grow_ends_nothing(tmp_path, config):
    path = tmp_path / "gateway.yaml"
    config["state_dir"] = str(tmp_path / "state")
    import yaml
    path.write_text(yaml.safe_dump(config))
    limit = 400_000  # the latch file needs 384 KiB
    with open(tmp_path / "stderr", "wb") as log:
        log.write(b"x" * (limit - 100))
        log.flush()
        process = subprocess.Popen(["prlimit", f"--fsize={limit}", BINARY, "run", "-c", str(path)],
                                   stderr=log)
        try:
            data = pathlib.Path(f"/proc/{process.pid}/task")
            wait_until(lambda: len(list(data.iterdir())) > 5, what="it runs")
            assert process.poll() is None
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
