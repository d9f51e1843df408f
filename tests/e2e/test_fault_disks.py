"""A full disk under the state or the access log, and a database that came to harm."""

import os
import sqlite3

import pytest

from disks import SmallDisk
from gateway import REQUESTS
from load import Load, failures
from trial import UNJUDGED, V1, V2, Trial, under_trial
from waiting import wait_until

DROPPED = "canary_gateway_access_log_dropped_lines_total"


def test_a_full_disk_freezes_raises_and_nothing_else(gateways, echoes, tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    try:
        gateway = gateways(under_trial(echoes[0].url, echoes[1].url, tmp_path, UNJUDGED, 50,
                                       state_dir=str(disk.path)))
        assert gateway.set_flag(V2, 20).status == 200
        trial = Trial(gateway, tmp_path)
        trial.fault()
        disk.fill()
        raised = gateway.set_flag(V2, 40)
        assert (raised.status, raised.json()["error"]["code"]) == (503, "not_committed"), raised
        assert gateway.model()["weight"]["effective"] == 20
        lowered = gateway.set_flag(V2, 5)
        assert lowered.status == 200 and lowered.json()["durable"] is False, lowered
        gateway.wait_applied(5)
        gateway.wait_event("state_not_durable")
        assert gateway.metrics().sum("canary_gateway_state_durable") == 0
        disk.free()
        wait_until(lambda: gateway.status()["durable"], 30, "the state is durable again")
        assert gateway.set_flag(V2, 40).status == 200
        gateway.wait_applied(40)
        trial.finish()
        assert not trial.failures()
        gateway.finish()
    finally:
        disk.close()


def access_log_that_takes_nothing(kind, directory):
    """(path, what keeps it so)."""
    if kind == "full disk":
        return "/dev/full", None
    path = directory / "stopped"
    os.mkfifo(path)
    if kind == "no reader":
        return path, None
    return path, os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a reader that never reads


@pytest.mark.parametrize("kind", ["full disk", "stopped reader", "no reader"])
def test_an_access_log_that_takes_nothing_touches_no_request(gateways, echoes, tmp_path, kind):
    path, reader = access_log_that_takes_nothing(kind, tmp_path)
    gateway = gateways(under_trial(echoes[0].url, echoes[1].url, tmp_path, UNJUDGED,
                                   access_log={"path": str(path)}))
    trial = Trial(gateway, tmp_path)
    trial.fault()
    load = Load(gateway.data, "GET", "/echo?a", connections=4).start()
    wait_until(lambda: gateway.metrics().sum(DROPPED) > 100, 60, "lines are dropped and counted")
    more = load.stop()
    assert not failures(more)
    trial.finish(logged=False)
    assert not trial.failures()
    for version in (V1, V2):
        seen = sum(result.version == version for result in [*trial.results, *more])
        assert gateway.metrics().sum(REQUESTS, version=version, outcome="ok") == seen
    assert gateway.stop() == 0, "a log that cannot be written holds up no end"
    if reader:
        os.close(reader)


def middle(path):
    """4 KiB of another story in the middle of the database."""
    content = bytearray(path.read_bytes())
    at = len(content) // 2 // 4096 * 4096
    content[at:at + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def cut_log(path):
    """The write-ahead log, which a killed process leaves, loses its second half."""
    wal = path.with_name(path.name + "-wal")
    os.truncate(wal, wal.stat().st_size // 2)


def broken_log(path):
    wal = path.with_name(path.name + "-wal")
    content = bytearray(wal.read_bytes())
    content[len(content) // 2:] = b"\xa5" * (len(content) - len(content) // 2)
    wal.write_bytes(content)


@pytest.mark.parametrize("harm", [middle, cut_log, broken_log])
def test_a_harmed_database_raises_nothing(gateways, upstreams, tmp_path, harm):
    """Raised, lowered and killed: whatever the disk gives back, the weight is the lowered one or
    none, the log says what happened, and the next life has a sound database."""
    from gateway import one_model

    gateway = gateways(one_model(upstreams().url, upstreams().url, 100))
    for percentage in (30, 60, 90, 10):
        assert gateway.set_flag(V2, percentage).status == 200
    wait_until(lambda: gateway.status()["durable"], what="all of it is committed")
    database = gateway.directory / "state" / "state.db"
    if harm is middle:
        gateway.stop()
    else:
        gateway.kill()
    harm(database)
    gateway.restart()
    model = gateway.model()
    assert model["weight"]["effective"] in (0, 10), model
    if model["weight"]["effective"] == 0:
        assert model["rollout"]["status"] == "rolled_back"
        assert [path for path in database.parent.iterdir() if "corrupt" in path.name]
        assert "corrupt" in gateway.log()
        assert gateway.model_version() == {"model": V1}
        assert gateway.set_flag(V2, 90).status == 409
    gateway.stop()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as checked:
        assert checked.execute("pragma integrity_check").fetchone() == ("ok",)
