"""One gateway between raw sockets, for tables of cases: what the client sent, what the upstream
saw, what the client got, and whom it was charged to. Every case leaves the bench as it found it,
and charges are compared as exact sums: a second one for a request is seen by the next case."""

import collections
import contextlib
import re
import socket

from client import parse_head
from gateway import REQUESTS, SANITIZED, Gateway, merge, one_model
from upstream import Upstream, response
from waiting import wait_until

REFUSED = "canary_gateway_refused_requests_total"
# Long enough for a sanitizer on a busy machine, short enough to be waited for.
SOON = "1s" if SANITIZED else "300ms"
QUICK = {"connect": SOON, "first_byte": SOON, "idle": SOON}
# What the gateway says of itself in a request, each of it once.
OWN = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
       "x-request-id"}


class Bench:
    """`answers` maps a request's target to its answer's bytes or a handler(exchange); `ok` else."""

    def __init__(self, directory, data=None, model=None):
        self.answers = {}
        self.upstream = Upstream(handler=self._answer)
        self.gateway = Gateway(directory, merge(
            one_model(self.upstream.url, model=merge({"timeouts": QUICK}, model)),
            {"data": merge({"workers": 1}, data)}))
        self.charged, self.refused = collections.Counter(), collections.Counter()

    def _answer(self, exchange):
        answer = self.answers.get(exchange.target, response(b"ok"))
        if callable(answer):
            return answer(exchange)
        exchange.read_body()
        exchange.send(answer)

    def client(self, **options):
        return self.gateway.client(**options)

    @contextlib.contextmanager
    def watching(self):
        """The list of requests that reach the upstream meanwhile."""
        seen, before = [], len(self.upstream.requests)
        yield seen
        seen += self.upstream.requests[before:]

    def charge(self, **outcomes):
        """So many more requests were recorded for the version with these outcomes; no others."""
        self.charged.update(outcomes)
        self.settle()

    def refuse(self, status, count=1):
        """So many more were answered by the gateway before a version was picked; no others."""
        self.refused[str(status)] += count
        self.settle()

    def counts(self):
        charged, refused = collections.Counter(), collections.Counter()
        for name, labels, value in self.gateway.metrics().samples:
            if name == REQUESTS and value:
                charged[labels["outcome"]] += int(value)
            if name == REFUSED and value:
                refused[labels["code"]] += int(value)
        return charged, refused

    def settle(self):
        wanted = (self.charged, self.refused)
        try:
            wait_until(lambda: self.counts() == wanted, 5 if SANITIZED else 2, "the charges")
        except AssertionError:
            self.charged, self.refused = self.counts()  # one case's failure is not the next one's
            raise AssertionError(f"wanted {wanted}, charged {self.counts()}") from None

    def serves_on(self):
        """The next client is answered, by an answer of its own."""
        answer = self.gateway.ask("GET", "/serves-on")
        assert (answer.status, answer.body) == (200, b"ok"), answer
        self.charge(ok=1)

    def close(self):
        self.gateway.finish()
        self.upstream.close()


def forwarded(exchange):
    """The head as the upstream saw it, [request line, field line, ...], without what the gateway
    says of itself, once it is checked that it says that, and says it once."""
    line, fields = parse_head(exchange.head)
    # A client that names no host leaves the endpoint's.
    endpoint = exchange.connection.owner.url.removeprefix("http://")
    assert exchange.all("Host") == [exchange.get("X-Forwarded-Host", endpoint)]
    assert exchange.all("Via")[-1] in ("1.1 canary-gateway", "1.0 canary-gateway")
    fields.remove(("Via", exchange.all("Via")[-1]))
    own = [name.lower() for name, _ in fields if name.lower() in OWN]
    assert len(own) == len(set(own)) and OWN - {"x-forwarded-host"} <= set(own), fields
    return [line, *(f"{name}: {value}" for name, value in fields
                    if name.lower() not in OWN | {"host"})]


def plain_chunks(raw):
    """The data of a chunked body that has no extension, no trailer, and nothing behind its end."""
    data = b""
    while not raw.startswith(b"0"):
        match = re.match(rb"([1-9a-f][0-9a-f]*)\r\n", raw)
        size, start = int(match[1], 16), match.end()
        data += raw[start:start + size]
        assert raw[start + size:start + size + 2] == b"\r\n", raw
        raw = raw[start + size + 2:]
    assert raw == b"0\r\n\r\n", raw
    return data


def drain(client, seconds=5):
    """Every byte until the gateway closes, and how it closed: "end" or "reset"."""
    client.socket.settimeout(seconds)
    received, client.buffer = client.buffer, b""
    try:
        while data := client.socket.recv(1 << 16):
            received += data
    except ConnectionResetError:
        return received, "reset"
    except socket.timeout:
        return received, "open"
    return received, "end"


def cut(data, size=1):
    """The same bytes in pieces."""
    return [data[at:at + size] for at in range(0, len(data), size)]
