"""Names of endpoints: every address counts, and a change of them costs no request."""

import time

import pytest

from dns_server import A, NXDOMAIN, SERVFAIL, DnsServer
from gateway import one_model
from load import Load, failures
from upstream import Upstream, response
from waiting import wait_until

ONE, TWO, THREE = "127.0.10.1", "127.0.10.2", "127.0.10.3"


class Servers:
    """The same port on several addresses; each answers with its own."""

    def __init__(self):
        self.by_address, self.port = {}, 0
        for address in (ONE, TWO, THREE):
            self.by_address[address] = Upstream(response(address.encode()), port=self.port,
                                                host=address)
            self.port = self.by_address[address].address[1]

    def served(self):
        return {address for address, upstream in self.by_address.items() if upstream.requests}

    def forget(self):
        for upstream in self.by_address.values():
            upstream.requests.clear()

    def connections(self, address):
        return len(self.by_address[address].open_connections())

    def close(self):
        for upstream in self.by_address.values():
            upstream.close()


@pytest.fixture
def servers():
    started = Servers()
    yield started
    started.close()


@pytest.fixture
def dns(tmp_path):
    server = DnsServer(tmp_path, ONE)
    yield server
    server.close()


def start(gateways, dns, servers, host="critic.test", **data):
    url = f"http://{host}:{servers.port}"
    return gateways(one_model(url, data={"dns_refresh": "1s", **data}), prefix=dns.prefix())


def endpoints(gateway):
    return gateway.model()["stable"]["endpoints"]


def addresses(gateway):
    return [each["address"].rpartition(":")[0] for each in endpoints(gateway) if each["address"]]


def test_a_name_stands_for_all_its_addresses(gateways, dns, servers):
    dns.addresses = [THREE, ONE, TWO]
    gateway = start(gateways, dns, servers)
    assert addresses(gateway) == [ONE, TWO, THREE]
    assert not failures(Load(gateway.data, "GET", requests=200).run())
    assert servers.served() == {ONE, TWO, THREE}
    assert servers.by_address[ONE].requests[0].get("Host") == "gateway.test"


def test_an_order_that_changes_changes_nothing(gateways, dns, servers):
    dns.addresses = [ONE, TWO]
    gateway = start(gateways, dns, servers)
    table = gateway.status()["table"]
    for _ in range(3):
        dns.addresses.reverse()
        asked = dns.asked
        wait_until(lambda: dns.asked > asked + 1, 10)
    assert gateway.status()["table"] == table


def test_a_new_address_is_used_and_the_old_one_drained_without_a_failed_request(
        gateways, dns, servers):
    gateway = start(gateways, dns, servers)
    load = Load(gateway.data, "GET").start()
    for old, new in ((ONE, TWO), (TWO, THREE), (THREE, ONE)):
        wait_until(lambda: servers.by_address[old].requests, 10, f"{old} serves")
        dns.addresses = [new]
        wait_until(lambda: addresses(gateway) == [new], 5, "within a refresh")
        wait_until(lambda: servers.connections(old) == 0, 5, "idle connections are closed soon")
        servers.forget()
        wait_until(lambda: len(servers.by_address[new].requests) > 50, 10)
        assert servers.served() == {new}
    assert not failures(load.stop())


def test_a_request_in_flight_to_an_address_that_is_withdrawn_ends_well(gateways, dns, servers):
    gateway = start(gateways, dns, servers)
    with gateway.client() as client:
        held = servers.by_address[ONE]
        waiting = []

        def hold(exchange):
            waiting.append(exchange)
            wait_until(lambda: addresses(gateway) == [TWO], 20)
            exchange.send(response(b"late"))

        held.handler = hold
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: waiting, 10)
        dns.addresses = [TWO]
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"late")
        wait_until(lambda: servers.connections(ONE) == 0, 5, "and is not kept")


@pytest.mark.parametrize("failure", [NXDOMAIN, SERVFAIL, None], ids=["NXDOMAIN", "SERVFAIL", "none"])
def test_a_name_that_fails_keeps_its_last_addresses(gateways, dns, servers, failure):
    """None: an answer without an address."""
    dns.addresses = [ONE, TWO]
    gateway = start(gateways, dns, servers)
    load = Load(gateway.data, "GET").start()
    dns.addresses, dns.failure = [], failure or 0
    told = gateway.wait_event("dns_failing", 20)
    assert (told["name"], told["kept"]) == ("critic.test", 2)
    asked = dns.asked
    wait_until(lambda: dns.asked > asked + 3, 20)
    assert addresses(gateway) == [ONE, TWO]
    dns.addresses, dns.failure = [TWO], 0
    gateway.wait_event("dns_answered", 20)
    wait_until(lambda: addresses(gateway) == [TWO], 5)
    assert not failures(load.stop())


def test_a_slow_answer_holds_up_no_request_and_no_other_name(gateways, dns, servers):
    gateway = start(gateways, dns, servers)
    load = Load(gateway.data, "GET").start()
    dns.delay = 5
    dns.addresses = [TWO]
    asked = dns.asked
    wait_until(lambda: dns.asked > asked, 10)
    counted = load.count()
    dns.hosts.write_text(f"127.0.0.1 localhost\n{THREE} other.test\n")
    gateway.edit_model(stable={"endpoints": [f"http://critic.test:{servers.port}",
                                             f"http://other.test:{servers.port}"]})
    wait_until(lambda: THREE in addresses(gateway), 4, "another name is answered meanwhile")
    wait_until(lambda: TWO in addresses(gateway), 20, "the slow answer arrives")
    results = load.stop()
    assert not failures(results)
    assert len(results) > counted + 100
    assert max(result.done_at - result.sent_at for result in results) < 3


def test_a_name_that_is_unknown_at_the_start_is_used_when_it_is_known(gateways, dns, servers):
    dns.failure = NXDOMAIN
    gateway = start(gateways, dns, servers)
    assert [each["state"] for each in endpoints(gateway)] == ["unresolved"]
    answer = gateway.ask()
    assert (answer.status, answer.json()["error"]["code"]) == (503, "no_healthy_endpoint")
    dns.failure = 0
    wait_until(lambda: gateway.ask().status == 200, 10)
    assert endpoints(gateway)[0]["healthy"]


# As in a pod: what has less than five dots is tried in each of these domains first.
DOMAINS = ("default.svc.test", "svc.test", "test", "internal.example")


@pytest.fixture
def pod(dns):
    dns.search(*DOMAINS, ndots=5)
    dns.zone = {"model.prod.svc.test": [ONE]}
    return dns


def rounds(dns, name, number):
    """Waits for so many more A questions for `name`; what was asked meanwhile."""
    begin = len(dns.questions)
    asked = lambda: [each for each in dns.questions[begin:] if each == (name, A)]
    wait_until(lambda: len(asked()) >= number, 30, f"{name} is asked {number} times")
    return dns.questions[begin:]


def test_the_name_that_answered_is_asked_and_not_the_search_list(gateways, pod, servers):
    gateway = start(gateways, pod, servers, host="model.prod")
    assert addresses(gateway) == [ONE]
    rounds(pod, "model.prod.svc.test", 2)
    later = rounds(pod, "model.prod.svc.test", 8)
    assert set(later) == {("model.prod.svc.test", A)}, "one question each, and no other name"
    assert gateway.ask().status == 200


def test_a_name_that_moves_to_another_domain_is_followed(gateways, pod, servers):
    gateway = start(gateways, pod, servers, host="model.prod")
    rounds(pod, "model.prod.svc.test", 3)
    pod.zone = {"model.prod.internal.example": [TWO]}
    wait_until(lambda: addresses(gateway) == [TWO], 5, "within a refresh")


def test_an_absolute_name_is_asked_as_it_stands_and_its_host_has_no_dot(gateways, pod, servers):
    url = f"http://model.prod.svc.test.:{servers.port}"
    gateway = gateways(one_model(url, model={"upstream": {"host": "endpoint"}},
                                 data={"dns_refresh": "1s"}), prefix=pod.prefix())
    assert addresses(gateway) == [ONE]
    rounds(pod, "model.prod.svc.test", 2)
    assert {name for name, _ in pod.questions} == {"model.prod.svc.test"}
    assert gateway.ask().status == 200
    assert {request.get("Host") for request in servers.by_address[ONE].requests} == \
        {f"model.prod.svc.test:{servers.port}"}


def test_a_name_that_nobody_has_is_asked_ever_less_often(gateways, pod, servers):
    pod.zone = {}
    start(gateways, pod, servers, host="model.prod")
    asked_at = []
    for _ in range(4):
        rounds(pod, "model.prod", 1)
        asked_at.append(time.monotonic())
    waits = [b - a for a, b in zip(asked_at, asked_at[1:])]
    assert waits[-1] > 3 and waits[-1] > waits[0], waits


def test_addresses_of_an_hosts_file_count_as_well(gateways, dns, servers):
    dns.hosts.write_text(f"{ONE} critic.test\n{THREE} critic.test\n")
    gateway = start(gateways, dns, servers)
    assert addresses(gateway) == [ONE, THREE]
    dns.hosts.write_text(f"{TWO} critic.test\n")
    wait_until(lambda: addresses(gateway) == [TWO], 5)
    assert dns.asked == 0
