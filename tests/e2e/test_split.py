"""Who is answered by which version."""

import math

import pytest

from gateway import one_model
from load import Load, by_version, failures
from model_server import CAR, JSON_BODY, PREDICT
from upstream import response

V1, V2 = "comp-critic_v1", "comp-critic_v2"


def predictions(gateway, count, **options):
    options.setdefault("connections", 8)
    return Load(gateway.data, "POST", PREDICT, JSON_BODY, CAR, requests=count, **options).run()


def sigmas(results, percentage):
    """How many standard deviations the canary's count is from what was asked for."""
    count, share = len(results), percentage / 100
    got = by_version(results).get(V2, 0)
    return abs(got - count * share) / math.sqrt(count * share * (1 - share))


def test_thousands_of_predictions_at_ten_percent(gateways, models):
    """The users are fixed, so the split is too: it is within three sigma every time or never."""
    v1, v2 = models
    before = [server.requests() for server in models]
    gateway = gateways(one_model(v1.url, v2.url, 10, {"sticky": [{"header": "X-User-Id"}]}))
    results = predictions(gateway, 4000, user=lambda number: f"user-{number}")
    assert not failures(results), failures(results)[:3]
    assert sigmas(results, 10) < 3, by_version(results)
    served = [server.requests() - old for server, old in zip(models, before)]
    assert served == [by_version(results)[V1], by_version(results)[V2]]
    for version in (V1, V2):
        gateway.wait_outcomes({"ok": by_version(results)[version]}, version=version)


def test_without_a_key_the_split_is_random(gateways, models):
    v1, v2 = models
    gateway = gateways(one_model(v1.url, v2.url, 30))
    results = predictions(gateway, 1500)
    assert not failures(results), failures(results)[:3]
    assert sigmas(results, 30) < 4.5, by_version(results)  # misses once in 150 000 runs


@pytest.fixture
def two(gateways, upstreams):
    """two(percentage, model) -> gateway in front of two scripted upstreams that say 1 and 2."""
    stable, canary = upstreams(answer=response(b"1")), upstreams(answer=response(b"2"))

    def start(percentage, model=None, **top):
        return gateways(one_model(stable.url, canary.url, percentage, model, **top))

    return start


def users_on_canary(gateway, users, name="X-User-Id"):
    with gateway.client() as client:
        return {user for user in users
                if client.ask("GET", "/", [(name, user)]).get("X-Model-Version") == V2}


def test_a_user_stays_and_raising_only_adds_users(two):
    users = [f"u{number}" for number in range(400)]
    gateway = two(10, {"sticky": [{"header": "X-User-Id"}]})
    seen = [users_on_canary(gateway, users)]
    assert users_on_canary(gateway, users) == seen[0]
    for percentage in (25, 50, 75, 100):
        gateway.edit_model(canary={"rollout_percentage": percentage})
        gateway.wait_applied(percentage)
        seen.append(users_on_canary(gateway, users))
    assert all(smaller < larger for smaller, larger in zip(seen, seen[1:]))
    assert seen[-1] == set(users)
    gateway.edit_model(canary={"rollout_percentage": 25})
    gateway.wait_applied(25)
    assert users_on_canary(gateway, users) == seen[1], "lowering only removes them"


def test_the_buckets_are_flagds(two):
    """dcf-engine with user-1, user-2 and user-42 are at 60, 6070 and 4225 of 10000."""
    gateway = two(42.25, {"sticky": [{"header": "X-User-Id"}]})
    config = gateway.config
    config["models"] = {"dcf-engine": config["models"]["comp-critic"]}
    gateway.reload(config)
    users = ["user-1", "user-2", "user-42"]
    assert users_on_canary(gateway, users) == {"user-1"}
    config["models"]["dcf-engine"]["canary"]["rollout_percentage"] = 42.26
    gateway.reload(config)
    assert users_on_canary(gateway, users) == {"user-1", "user-42"}


def test_keys_come_from_the_first_source_that_is_there(two):
    gateway = two(50, {"sticky": [{"header": "X-User-Id"}, {"cookie": "uid"}, {"query": "user"},
                                  "client_address"]})
    with gateway.client() as client:
        def version(target="/", **fields):
            pairs = [(name.replace("_", "-"), value) for name, value in fields.items()]
            return client.ask("GET", target, pairs).get("X-Model-Version")

        for number in range(40):
            user = f"k{number}"
            expected = version(X_User_Id=user)
            assert version(Cookie=f"a=b; uid={user}; c=d") == expected
            assert version(f"/?x=1&user={user}") == expected
            assert version(X_User_Id=user, Cookie="uid=other") == expected
        assert len({version() for _ in range(50)}) == 1, "one client address, one version"


def test_exact_zero_and_exact_hundred(two):
    gateway = two(0)
    assert by_version(Load(gateway.data, "GET", requests=500).run()) == {V1: 500}
    assert gateway.model_version() == {"model": V1}
    gateway.edit_model(canary={"rollout_percentage": 100})
    gateway.wait_applied_wholly(V2)
    assert by_version(Load(gateway.data, "GET", requests=500).run()) == {V2: 500}


def test_the_override_is_honoured_only_where_configured(two):
    plain = two(0)
    assert plain.ask("GET", "/", [("X-Canary", "always")]).get("X-Model-Version") == V1
    gateway = two(50, {"override": {"header": "X-Canary", "cookie": "canary"}})
    with gateway.client() as client:
        for _ in range(30):
            for fields, version in (([("X-Canary", "always")], V2), ([("X-Canary", "never")], V1),
                                    ([("Cookie", "canary=always")], V2),
                                    ([("X-Canary", "never"), ("Cookie", "canary=always")], V1)):
                assert client.ask("GET", "/", fields).get("X-Model-Version") == version
    closed = two(0, {"override": {"header": "X-Canary", "at_zero": False}})
    assert closed.ask("GET", "/", [("X-Canary", "always")]).get("X-Model-Version") == V1
    opened = two(0, {"override": {"header": "X-Canary", "at_zero": True}})
    assert opened.ask("GET", "/", [("X-Canary", "always")]).get("X-Model-Version") == V2


def test_models_are_told_apart_by_path_host_and_header(gateways, upstreams):
    names = ["by-path", "by-longer-path", "by-host", "by-header"]
    servers = {name: upstreams(answer=response(name.encode())) for name in names}
    match = {"by-path": {"path_prefix": "/v1/models/a"},
             "by-longer-path": {"path_prefix": "/v1/models/a/special"},
             "by-host": {"host": "critic.example"},
             "by-header": {"header": {"X-Model": "c"}}}
    models = {name: {"match": [match[name]],
                     "stable": {"version": f"{name}_v1", "endpoints": [servers[name].url]}}
              for name in names}
    config = one_model("http://127.0.0.1:1")
    config["models"] = models
    gateway = gateways(config)
    for target, fields, host, expected in (
            ("/v1/models/a", [], "x", "by-path"), ("/v1/models/a:predict", [], "x", "by-path"),
            ("/v1/models/a/b", [], "x", "by-path"), ("/v1/models/ab", [], "x", None),
            ("/v1/models/a/special/c", [], "x", "by-longer-path"),
            ("/other", [], "critic.example", "by-host"),
            ("/other", [], "Critic.Example:8080", "by-host"),
            ("/other", [("x-model", "c")], "x", "by-header"),
            ("/other", [("X-Model", "d")], "x", None)):
        answer = gateway.ask("GET", target, fields, host=host)
        if expected:
            assert answer.body == expected.encode(), (target, fields, host)
            assert answer.get("X-Model-Version") == f"{expected}_v1"
        else:
            assert answer.status == 404, (target, fields, host)
    everything = gateway.model_version()
    assert {entry["model"] for entry in everything["models"]} == {f"{name}_v1" for name in names}
    one = gateway.ask("GET", "/internal/model-version?model=by-host").json()
    assert one == {"model": "by-host_v1"}
    assert gateway.ask("GET", "/internal/model-version/by-path").json() == {"model": "by-path_v1"}
    assert gateway.ask("GET", "/internal/model-version?model=nobody").status == 404


# Each row: many ways in which one user may come.
ADDRESSES = [
    ["203.0.113.7", "203.0.113.7:4711", "203.0.113.7:80", "\"203.0.113.7:1\"", "::ffff:203.0.113.7",
     "[::FFFF:203.0.113.7]:1", "6.6.6.6, 203.0.113.7", "203.0.113.7, 127.0.0.5,10.1.1.1:80",
     " , 203.0.113.7 ,, 127.0.0.1"],
    ["2001:db8::17", "2001:DB8:0::17", "[2001:db8::17]:1", "2001:0db8:0:0:0:0:0:0017",
     "[2001:0DB8::17]", "2001:db8::17, [fd00::1]:99"]]
FROM = [[[("X-Forwarded-For", list_)] for list_ in user] for user in ADDRESSES] + [
    [[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.9"),
      ("X-Forwarded-For", "10.0.0.2")], [("X-Forwarded-For", "198.51.100.9")]],
    [[], [("X-Forwarded-For", "unknown")], [("X-Forwarded-For", "198.51.100.8, _secret")],
     [("Forwarded", "for=198.51.100.8")], [("X-Real-IP", "198.51.100.8")]]]
COOKIES = [[[("Cookie", "theme=dark; uid=u17")], [("Cookie", "theme=dark"), ("Cookie", "uid=u17")],
            [("cookie", "uid=\"u17\"; uid=other")], [("Cookie", "xuid=a;uidx=b; uid=u17")],
            [("Cookie", "uid="), ("Cookie", " uid = u17 ")]]]


@pytest.mark.parametrize("source,requests", [
    *(("client_address", user) for user in FROM), *(({"cookie": "uid"}, user) for user in COOKIES)])
def test_one_user_in_many_spellings_is_one_bucket(two, source, requests):
    """At each of many percentages all are answered alike, so that chance hides no difference."""
    gateway = two(0, {"sticky": [source]}, data={
        "trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"]})
    for percentage in range(10, 100, 10):
        gateway.edit_model(canary={"rollout_percentage": percentage})
        gateway.wait_applied(percentage)
        with gateway.client() as client:
            got = [client.ask("GET", "/", fields).body for fields in requests * 2]
        assert len(set(got)) == 1, (percentage, list(zip(requests, got)))


def test_query_values_are_one_user_however_they_are_encoded(two):
    users = {"a%40b+c": ["a@b%20c", "%61@b+c", "a%40b%20%63"], "%c3%a9": ["%C3%A9"], "%": ["%25"]}
    gateway = two(50, {"sticky": [{"query": "user"}]})
    with gateway.client() as client:
        def version(query):
            return client.ask("GET", "/?x=1&" + query).body

        for user, spellings in users.items():
            for salt in range(20):  # twenty users each: chance hides nothing
                plain = version(f"user={salt}{user}")
                for spelling in spellings:
                    assert version(f"user={salt}{spelling}") == plain, (salt, spelling)
                    assert version(f"%75ser={salt}{spelling}&user=z") == plain
                    assert version(f"user=&user={salt}{spelling}") == plain


def test_the_override_cookie_may_stand_on_any_line(two):
    gateway = two(0, {"override": {"cookie": "canary", "at_zero": True}})
    for fields in ([("Cookie", "a=b"), ("Cookie", "canary=always")],
                   [("Cookie", "canary=\"always\"")]):
        assert gateway.ask("GET", "/", fields).body == b"2"
