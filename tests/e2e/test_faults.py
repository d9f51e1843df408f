"""What a dying disk does to decisions: nothing rises, nothing decided is lost."""

import pytest

from gateway import SANITIZED, one_model
from syscalls import FailingSync
from upstream import response
from waiting import wait_until

V1, V2 = "comp-critic_v1", "comp-critic_v2"

pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers and strace disagree about threads")


@pytest.fixture
def gateway(gateways, upstreams):
    v1, v2 = upstreams(response(body=b"v1")), upstreams(response(body=b"v2"))
    return gateways(one_model(v1.url, v2.url, 10))


def rollback(gateway):
    answer = gateway.admin_ask("POST", "/internal/rollouts/comp-critic/rollback",
                               {"by": "anna", "reason": "odd answers"})
    assert answer.status == 200, answer
    return answer.json()


def test_a_failed_fsync_refuses_a_raise_and_keeps_a_rollback(gateway):
    with FailingSync(gateway.pid):
        gateway.edit_model(canary={"rollout_percentage": 50})
        answer = gateway.admin_ask("POST", "/internal/reload", {})
        assert answer.status == 503, answer
        assert gateway.model()["weight"]["effective"] == 10
        taken = rollback(gateway)
        assert taken["weight"]["effective"] == 0
        assert taken["durable"] is False
        gateway.wait_applied_wholly(V1)
        gateway.kill()
    gateway.restart()
    model = gateway.model()
    assert model["rollout"]["status"] == "rolled_back"
    assert model["weight"]["effective"] == 0


def test_a_rollback_that_could_not_be_synced_is_committed_when_the_disk_is_back(gateway):
    with FailingSync(gateway.pid):
        rollback(gateway)
        gateway.wait_event("state_not_durable")
        assert gateway.metrics().sum("canary_gateway_state_durable") == 0
    wait_until(lambda: gateway.status()["durable"], 30, "the state is durable again")
    rows = gateway.admin_ask("GET", "/internal/history").json()["history"]
    assert [row["kind"] for row in rows].count("rollback") == 1
