"""KServe's paths: the model, and the version where the client names one."""

import pytest

from gateway import one_model
from upstream import refused_url, response

V1, V2 = "comp-critic_v1", "comp-critic_v2"
REFUSED = "canary_gateway_refused_requests_total"


@pytest.fixture
def served(gateways, upstreams):
    """served(percentage, model): comp-critic by both protocols, its versions answer with their
    names."""
    def start(percentage=50, model=None, **options):
        model = {"match": [{"kserve": "v1"}, {"kserve": "v2"}], **(model or {})}
        urls = [upstreams(answer=response(name.encode())).url for name in (V1, V2)]
        return gateways(one_model(*urls, percentage, model), **options)
    return start


def test_models_are_told_apart_by_their_names_in_the_path(gateways, upstreams):
    servers = {name: upstreams(answer=response(name.encode())) for name in ("a", "b", "llama")}
    match = {"a": [{"kserve": "v2"}], "b": [{"kserve": "v1"}, {"kserve": "v2", "host": "b.example"}],
             "llama": [{"kserve": "v2", "name": "meta/llama-3"}]}
    config = one_model("http://127.0.0.1:1")
    config["models"] = {name: {"match": match[name],
                               "stable": {"version": f"{name}_v1", "endpoints": [server.url]}}
                        for name, server in servers.items()}
    gateway = gateways(config)
    for target, host, expected in (
            ("/v2/models/a/infer", "x", b"a"), ("/v2/models/a", "x", b"a"),
            ("/v2/models/%61/ready", "x", b"a"), ("/v2/models/a?x=1", "x", b"a"),
            ("/v1/models/b:predict", "x", b"b"), ("/v1/models/b", "x", b"b"),
            ("/v2/models/b/infer", "b.example", b"b"),
            ("/v2/models/meta%2Fllama-3/generate", "x", b"llama"),
            ("/v2/models/meta/llama-3/generate", "x", None),
            ("/v2/models/llama/infer", "x", None), ("/v1/models/a:predict", "x", None),
            ("/v2/models/b/infer", "x", None), ("/v2/models/aa", "x", None), ("/v2", "x", None)):
        answer = gateway.ask("GET", target, host=host)
        if expected:
            assert (answer.status, answer.body) == (200, expected), target
        else:
            assert answer.status == 404, target
            assert answer.json()["error"]["code"] == "no_such_model"
            assert answer.json()["error"]["message"].endswith("configured: a b llama")
    assert servers["a"].requests[2].target == "/v2/models/%61/ready", "the path passes as it came"


def test_a_version_in_the_path_bypasses_the_split_and_is_no_evidence(served):
    gateway = served(50, {"judge": {"min_samples": 1}})
    for name, expected in ((V1, V1), ("v1", V1), ("1", V1), (V2, V2), ("v2", V2), ("%32", V2)):
        for _ in range(5):
            answer = gateway.ask("POST", f"/v2/models/comp-critic/versions/{name}/infer", body=b"{}")
            assert answer.body == answer.get("X-Model-Version").encode() == expected.encode()
    gateway.wait_outcomes({"ok": 15}, role="canary")
    error_rate = next(c for c in gateway.model()["criteria"] if c["name"] == "error_rate")
    assert error_rate["samples"] == 0
    seen = {gateway.ask("GET", "/v2/models/comp-critic/ready").body for _ in range(60)}
    assert seen == {V1.encode(), V2.encode()}, "without a version the split decides"


def test_an_unknown_version_is_404_and_says_which_are_configured(served):
    gateway = served()
    for name in ("3", "v", "comp-critic", "comp-critic_v3", "%"):
        answer = gateway.ask("GET", f"/v2/models/comp-critic/versions/{name}")
        assert answer.status == 404 and not answer.get("X-Model-Version")
        error = answer.json()["error"]
        assert error["code"] == "no_such_version"
        assert error["message"].endswith(f"configured: {V1} {V2}")
    assert gateway.outcomes() == {}
    assert gateway.metrics().sum(REFUSED, code="404") == 5


def test_a_canary_at_zero_is_not_reached_by_its_name(served):
    gateway = served(0)
    answer = gateway.ask("GET", "/v2/models/comp-critic/versions/2")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "version_not_served")
    assert gateway.ask("GET", "/v2/models/comp-critic/versions/1").body == V1.encode()
    opened = served(0, {"override": {"header": "X-Canary", "at_zero": True}})
    assert opened.ask("GET", "/v2/models/comp-critic/versions/2").body == V2.encode()


def test_stable_does_not_stand_in_for_a_version_that_was_named(gateways, upstreams):
    stable, (dead, holder) = upstreams(answer=response(V1.encode())), refused_url()
    gateway = gateways(one_model(stable.url, dead, 100, {"match": [{"kserve": "v2"}]}))
    assert gateway.ask("GET", "/v2/models/comp-critic").body == V1.encode(), "failover"
    answer = gateway.ask("GET", "/v2/models/comp-critic/versions/2")
    assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_connect_failed")
    holder.close()


def test_routes_of_both_kinds_change_with_the_file(served):
    gateway = served()
    assert gateway.ask("GET", "/v1/models/comp-critic").status == 200
    gateway.edit_model(match=[{"kserve": "v2", "name": "critic"}])
    gateway.reload()
    assert gateway.ask("GET", "/v1/models/comp-critic").status == 404
    assert gateway.ask("GET", "/v2/models/comp-critic").status == 404
    assert gateway.ask("GET", "/v2/models/critic/versions/v1").body == V1.encode()
