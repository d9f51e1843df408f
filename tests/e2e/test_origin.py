"""Where a client believes it asks, and where the model server believes it is: Host, X-Forwarded-*,
Location. The model server is a real one, FastAPI on uvicorn."""

import urllib.parse

import pytest

from gateway import Gateway, one_model
from ports import lasting_port
from site_server import SiteServer
from upstream import response
from waiting import wait_until

HOST = "models.example.com"
TRUSTED = {"trusted_proxies": ["127.0.0.0/8"]}


@pytest.fixture(scope="module")
def site():
    server = SiteServer()
    yield server
    server.close()


def start(gateways, url, host=None, **top):
    model = {"upstream": {"host": host}} if host else {}
    return gateways(one_model(url, model=model, **top))


NAMES = [None, "client", "endpoint", {"name": "critic.internal"}, {"name": "critic.internal:81"}]


@pytest.mark.parametrize("host", NAMES)
def test_starlettes_redirect_leads_back_through_the_gateway(gateways, site, host):
    gateway = start(gateways, site.url, host)
    for asked in (HOST, f"{HOST}:8080", "[2001:db8::1]:8080"):
        answer = gateway.ask("GET", "/v1/models?limit=2", host=asked)
        assert answer.status == 307
        assert answer.all("Location") == [f"http://{asked}/v1/models/?limit=2"]


@pytest.mark.parametrize("host", NAMES)
def test_the_model_server_is_asked_by_the_name_that_the_file_says(gateways, site, host):
    gateway = start(gateways, site.url, host)
    seen = gateway.ask("GET", "/v1/models/", host=HOST).json()
    expected = {"endpoint": f"127.0.0.1:{site.port}"}.get(host, HOST) if not isinstance(
        host, dict) else host["name"]
    assert seen["headers"]["host"] == expected
    assert seen["url"] == f"http://{expected}/v1/models/"
    assert seen["headers"]["x-forwarded-host"] == HOST
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["x-forwarded-port"] == "80"


@pytest.mark.parametrize("host", NAMES)
def test_behind_tls_the_redirect_is_https(gateways, site, host):
    gateway = start(gateways, site.url, host, data=TRUSTED)
    told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.7")]
    answer = gateway.ask("GET", "/v1/models", told, host=HOST)
    assert answer.all("Location") == [f"https://{HOST}/v1/models/"]
    seen = gateway.ask("GET", "/v1/models/", told, host=HOST).json()
    assert (seen["scheme"], seen["client"]) == ("https", "203.0.113.7")
    assert "x-forwarded-port" not in seen["headers"], "80 would contradict https"


@pytest.mark.parametrize("host", ["endpoint", {"name": "critic.internal"}])
def test_behind_a_proxy_with_a_name_of_its_own_the_redirect_has_the_clients(gateways, site, host):
    gateway = start(gateways, site.url, host, data=TRUSTED)
    told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", f"{HOST}, inner.example")]
    answer = gateway.ask("GET", "/v1/models", told, host="gateway.internal:8080")
    assert answer.all("Location") == [f"https://{HOST}/v1/models/"]


@pytest.mark.parametrize("proto,host,origin", [
    ("https, http", "a.example", "https://a.example"),
    ("HTTPS", "a.example:1", "https://a.example:1"),
    ("http,https", "a.example , b", "http://a.example"), ("gopher", "a b", "http://gateway.test"),
    ("", "", "http://gateway.test"), ("https", "/evil", "https://gateway.test")])
def test_of_what_proxies_say_the_first_counts_if_it_is_sound(gateways, upstreams, proto, host,
                                                             origin):
    upstream = upstreams(handler=lambda exchange: exchange.send(
        response(b"", "302 Found", [("Location", upstream.url + "/x")])))
    gateway = gateways(one_model(upstream.url, data=TRUSTED))
    answer = gateway.ask("GET", "/", [("X-Forwarded-Proto", proto), ("X-Forwarded-Host", host)])
    assert answer.all("Location") == [origin + "/x"]


@pytest.mark.parametrize("told,host,origin", [
    # TLS at 8443, with the client's Host as nginx's $host leaves it, or with a name of its own
    ({"Proto": "https", "Port": "8443"}, HOST, f"https://{HOST}:8443"),
    ({"Proto": "https", "Host": HOST, "Port": "8443"}, "inner", f"https://{HOST}:8443"),
    ({"Proto": "https", "Host": HOST, "Port": "8443, 80"}, "inner", f"https://{HOST}:8443"),
    ({"Port": "8080"}, HOST, f"http://{HOST}:8080"),
    ({"Port": "8080"}, "[::1]", "http://[::1]:8080"),
    # the schemes' own ports are left out, also where a second proxy says its own beside https
    ({"Proto": "https", "Port": "443"}, HOST, f"https://{HOST}"),
    ({"Proto": "https", "Port": "80"}, HOST, f"https://{HOST}"),
    ({"Proto": "http", "Port": "80"}, HOST, f"http://{HOST}"),
    # what the client has typed is more than what a proxy listens at
    ({"Proto": "https", "Port": "8443"}, HOST + ":9443", f"https://{HOST}:9443"),
    ({"Proto": "https", "Host": HOST + ":9443", "Port": "8443"}, "inner", f"https://{HOST}:9443"),
    # no port
    ({"Port": "0"}, HOST, f"http://{HOST}"), ({"Port": "08080"}, HOST, f"http://{HOST}"),
    ({"Port": "65536"}, HOST, f"http://{HOST}"), ({"Port": "1/evil"}, HOST, f"http://{HOST}")])
def test_the_port_that_a_trusted_proxy_was_asked_at_is_in_the_redirect(gateways, site, told, host,
                                                                       origin):
    gateway = start(gateways, site.url, "endpoint", data=TRUSTED)
    fields = [("X-Forwarded-" + name, value) for name, value in told.items()]
    answer = gateway.ask("GET", "/v1/models", fields, host=host)
    assert answer.all("Location") == [origin + "/v1/models/"]


def test_an_untrusted_client_cannot_choose_where_it_is_led(gateways, site):
    gateway = start(gateways, site.url, "endpoint")
    told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Port", "1"), ("Forwarded", "host=evil.example")]
    answer = gateway.ask("GET", "/v1/models", told, host=HOST)
    assert answer.all("Location") == [f"http://{HOST}/v1/models/"]
    seen = gateway.ask("GET", "/v1/models/", told, host=HOST).json()
    assert seen["headers"]["x-forwarded-host"] == HOST
    assert seen["headers"]["x-forwarded-port"] == "80"


def test_an_absolute_targets_host_is_the_one_that_counts(gateways, site):
    gateway = start(gateways, site.url)
    answer = gateway.ask("GET", "http://b.example:81/v1/models", host=HOST)
    assert answer.all("Location") == ["http://b.example:81/v1/models/"]
    seen = gateway.ask("GET", "http://b.example:81/v1/models/", host=HOST).json()["headers"]
    assert (seen["host"], seen["x-forwarded-host"]) == ("b.example:81",) * 2
    assert seen["x-forwarded-port"] == "81"


def test_content_location_is_the_clients_too(gateways, site):
    answer = start(gateways, site.url, "endpoint").ask("GET", "/created", host=HOST)
    assert answer.status == 201
    assert answer.all("Location") == [f"http://{HOST}/v1/models/7"]
    assert answer.all("Content-Location") == [f"http://{HOST}/v1/models/7"]


# `{port}`: the endpoint's. None: as it came.
LOCATIONS = [
    ("http://127.0.0.1:{port}/x?y#z", f"http://{HOST}/x?y#z"),
    ("HTTP://127.0.0.1:{port}/x", f"http://{HOST}/x"),
    ("https://127.0.0.1:{port}/x", f"http://{HOST}/x"),
    ("//127.0.0.1:{port}/x", f"//{HOST}/x"),
    ("http://127.0.0.1:{port}", f"http://{HOST}"),
    ("http://127.0.0.1:{port}?y", f"http://{HOST}?y"),
    ("http://user:pw@127.0.0.1:{port}/x", f"http://{HOST}/x"),
    ("http://[::ffff:127.0.0.1]:{port}/x", f"http://{HOST}/x"),
    ("http://[::FFFF:7f00:1]:{port}/x", f"http://{HOST}/x"),
    ("http://127.0.0.1:{port}//evil.example/x", f"http://{HOST}//evil.example/x"),
    ("http://localhost:{port}/x", f"http://{HOST}/x"),  # the canary's endpoint, by its name
    ("http://LOCALHOST.:{port}/x", f"http://{HOST}/x"),
    ("/x", None), ("x/y", None), ("?y", None), ("", None),
    ("http://127.0.0.1/x", None), ("http://127.0.0.1:1/x", None),
    ("https://login.example/x?back=http://127.0.0.1:{port}/", None),
    ("http://127.0.0.1:{port}@evil.example/x", None),
    ("http://127.0.0.1:{port}.evil.example/x", None),
    ("http://evil.example\\@127.0.0.1:{port}/x", None),
    ("ftp://127.0.0.1:{port}/x", None), ("http:/127.0.0.1:{port}/x", None),
]


@pytest.fixture(scope="module")
def redirects(tmp_path_factory, site):
    config = one_model(site.url, f"http://localhost:{site.port}")
    gateway = Gateway(tmp_path_factory.mktemp("redirects"), config)
    yield gateway
    gateway.finish()


@pytest.mark.parametrize("location,expected", LOCATIONS)
def test_a_location_is_replaced_where_it_names_an_endpoint_of_the_model(redirects, site, location,
                                                                       expected):
    location = location.format(port=site.port)
    target = "/to?url=" + urllib.parse.quote(location, safe="")
    answer = redirects.ask("GET", target, host=HOST)
    assert answer.status == 302
    assert answer.all("Location") == [expected or location]


def test_a_client_that_names_no_host_is_led_by_the_path_alone(gateways, site):
    gateway = start(gateways, site.url)

    def ask(target):
        with gateway.client() as client:
            client.send(f"GET {target} HTTP/1.0\r\n\r\n".encode())
            return client.read_response()

    assert ask("/v1/models").all("Location") == ["/v1/models/"]
    seen = ask("/v1/models/").json()["headers"]
    assert seen["host"] == f"127.0.0.1:{site.port}"
    assert seen["x-forwarded-port"] == str(gateway.data[1])
    assert "x-forwarded-host" not in seen
    for rest, led in (("", "/"), ("?y", "/?y"), ("//evil.example/", "/.//evil.example/"),
                      ("/\\evil.example/", "/./\\evil.example/")):
        url = urllib.parse.quote(f"http://127.0.0.1:{site.port}{rest}", safe="")
        assert ask("/to?url=" + url).all("Location") == [led]


def test_two_locations_stay_as_they_are(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(response(b"", "302 Found", [
        ("Location", upstream.url + "/a"), ("location", upstream.url + "/b"),
        ("Content-Location", upstream.url + "/c")])))
    answer = gateways(one_model(upstream.url)).ask("GET", "/", host=HOST)
    assert answer.all("Location") == [upstream.url + "/a", upstream.url + "/b"]
    assert answer.all("Content-Location") == [f"http://{HOST}/c"]


def test_other_fields_that_name_an_endpoint_stay(gateways, upstreams):
    upstream = upstreams(handler=lambda exchange: exchange.send(response(b"", headers=[
        ("Refresh", f"0; url={upstream.url}/a"), ("Link", f"<{upstream.url}/b>; rel=next")])))
    answer = gateways(one_model(upstream.url)).ask("GET", "/", host=HOST)
    assert answer.get("Refresh") == f"0; url={upstream.url}/a"
    assert answer.get("Link") == f"<{upstream.url}/b>; rel=next"


@pytest.mark.parametrize("length", [253, 254, 300])
def test_a_host_of_any_length_is_led_somewhere_it_can_follow(gateways, site, length):
    host = ("a" * 50 + ".") * 10
    host = host[:length] + ":8080"
    answer = start(gateways, site.url, "endpoint").ask("GET", "/v1/models", host=host)
    assert answer.all("Location") == [f"http://{host}/v1/models/" if length < 256 else
                                      "/v1/models/"]


def test_stables_answer_after_a_failover_and_a_change_of_the_file(gateways, site):
    gateway = gateways(one_model(site.url, f"http://127.0.0.1:{lasting_port()}", 100))
    answer = gateway.ask("GET", "/v1/models", host=HOST)
    assert answer.get("X-Model-Version") == "comp-critic_v1"
    assert answer.all("Location") == [f"http://{HOST}/v1/models/"]
    gateway.edit_model(upstream={"host": {"name": "critic.internal"}})
    wait_until(lambda: gateway.ask("GET", "/v1/models/", host=HOST).json()["headers"]["host"]
               == "critic.internal", 10, "the new Host is sent")


@pytest.mark.parametrize("host,expected", [
    (None, None), ("endpoint", None), ({"name": "critic.internal"}, "critic.internal")])
def test_probes_ask_for_the_endpoint_or_the_name(gateways, upstreams, host, expected):
    upstream = upstreams()
    model = {"health": {"path": "/ready", "interval": "250ms", "timeout": "250ms"}}
    if host:
        model["upstream"] = {"host": host}
    gateways(one_model(upstream.url, model=model))
    probes = wait_until(lambda: [each for each in upstream.requests if each.target == "/ready"])
    assert probes[0].all("Host") == [expected or upstream.url.removeprefix("http://")]


def test_a_handshake_has_the_host_that_its_origin_has(gateways, upstreams):
    """Servers compare the two against requests from foreign sites."""
    upstream = upstreams()
    gateways(one_model(upstream.url)).ask("GET", "/socket", [
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Origin", f"http://{HOST}:8080")],
        host=f"{HOST}:8080")
    seen = upstream.requests[0]
    assert (seen.get("Upgrade"), seen.get("Host")) == ("websocket", f"{HOST}:8080")
    assert seen.get("Origin") == f"http://{HOST}:8080"
