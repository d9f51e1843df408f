"""A start that lacks something of the operating system's ends with exit status 1 and says what."""

import re

import pytest

from gateway import SANITIZED, one_model
from waiting import wait_until


def starts(gateways, name, prefix, workers, url=None):
    """How a start under limits ended: `ready`, and with a model server at `url` it serves; or the
    message of start_failed."""
    gateway = gateways(one_model(url or "http://127.0.0.1:9", data={"workers": workers}), name=name,
                       wait=False, prefix=prefix)

    def known():
        events = [event["event"] for event in list(gateway.events)]
        return "ready" in events or gateway.process.poll() is not None

    wait_until(known, 60, "it is ready or has ended")
    if gateway.process.poll() is None:
        if url:
            gateway.wait_event("ready")
            assert [gateway.ask().status for _ in range(4 * workers)] == [200] * 4 * workers
        return "ready"
    gateway.reader.join(10)
    if gateway.process.returncode == 127:
        return "the loader, not the gateway: raise it"
    assert gateway.process.returncode == 1, gateway.log()
    assert gateway.events, gateway.log()
    assert gateway.events[-1]["event"] == "start_failed", gateway.log()
    return gateway.events[-1]["message"]


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_too_few_descriptors_are_said_to_be_too_few(gateways, upstreams, workers):
    """Every limit, from one at which nothing opens to one that suffices to serve."""
    url = upstreams().url
    needed = set()
    for limit in range(6, 160):
        ended = starts(gateways, f"nofile{limit}", ["prlimit", f"--nofile={limit}"], workers, url)
        if ended == "ready":
            break
        assert "Too many open files" in ended or "descriptors is too low" in ended, ended
        if limit > 12:
            assert f"the limit of {limit} descriptors is too low: raise it" in ended
        needed.update(re.findall(r"raise it to (\d+) ", ended))
    else:
        pytest.fail("no limit below 160 sufficed")
    assert needed == {str(limit)}, "what it asks for is what suffices"


@pytest.mark.skipif(SANITIZED, reason="sanitizers reserve more address space than there is")
def test_too_little_memory_and_too_few_threads_are_said(gateways):
    """A thread's stack is address space: where it ends, thread after thread cannot be started."""
    seen = set()
    for limit in range(60, 1200, 20):
        ended = starts(gateways, f"as{limit}", ["prlimit", f"--as={limit << 20}"], 32)
        seen.add(ended)
        if ended == "ready":
            break
        assert "raise" in ended, ended
    assert "ready" in seen and len(seen) > 1, seen
