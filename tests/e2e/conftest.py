"""Fixtures of the end-to-end tests. What a test starts, it ends, and only that."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

from echo_server import EchoServer  # noqa: E402
from gateway import Gateway  # noqa: E402
from model_server import ModelServer  # noqa: E402
from upstream import Upstream  # noqa: E402


@pytest.fixture
def gateways(tmp_path):
    """gateways(config, ...) starts one. At the end: a clean exit, no sanitizer report."""
    started = []

    def start(config=None, name=None, **options):
        directory = tmp_path / (name or f"gateway{len(started)}")
        directory.mkdir(exist_ok=True)
        gateway = Gateway(directory, config, **options)
        started.append(gateway)
        return gateway

    yield start
    problems = []
    for gateway in started:
        try:
            gateway.finish()
        except Exception as problem:  # noqa: BLE001 - every gateway is ended, then all is told
            gateway.process.kill()
            gateway.process.wait()
            problems.append(problem)
    assert not problems, problems


@pytest.fixture
def upstreams():
    """upstreams(answer=..., handler=...) starts a scripted one."""
    started = []

    def start(*arguments, **options):
        upstream = Upstream(*arguments, **options)
        started.append(upstream)
        return upstream

    yield start
    for upstream in started:
        upstream.close()


@pytest.fixture
def echoes():
    """(v1, v2): servers that say who they are and what they were asked."""
    servers = [EchoServer("comp-critic_v1"), EchoServer("comp-critic_v2")]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def models():
    """(v1, v2): the real model servers, for a whole file; each test begins without a fault."""
    servers = [ModelServer("comp-critic_v1"), ModelServer("comp-critic_v2")]
    yield servers
    for server in servers:
        server.close()
