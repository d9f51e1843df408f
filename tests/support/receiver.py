"""A receiver of notifications: a real HTTP server that keeps what it gets and behaves as badly as it
is told. Its behaviour may be changed at any time; `Receiver.again()` listens on the same port."""

import json
import threading

from upstream import Upstream, response
from waiting import wait_until


def ok(receiver, exchange):
    exchange.send(response(b"ok"))


def answering(status, headers=()):
    """Every message gets this status: "500 Internal Server Error"."""
    def behave(receiver, exchange):
        exchange.send(response(b"{}", status, headers))
    return behave


def redirecting(receiver, exchange):
    exchange.send(response(b"", "302 Found", [("Location", receiver.url + "/elsewhere")]))


def huge(receiver, exchange):
    """Accepts the message, and says so in more bytes than anybody will read."""
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    try:
        for _ in range(1000):
            exchange.send(b"x" * 100_000)
            receiver.sent += 100_000
    except OSError:  # the gateway has read enough
        receiver.cut = True
    exchange.close()


def held(receiver, exchange):
    """No answer until release(), or for ever."""
    receiver.released.wait(60)
    exchange.send(response(b"ok"))


def failing(times, behave=answering("500 Internal Server Error")):
    """The first messages fail, those after them do not."""
    left = [times]

    def once(receiver, exchange):
        left[0] -= 1
        (behave if left[0] >= 0 else ok)(receiver, exchange)
    return once


class Message:
    def __init__(self, exchange):
        self.path, self.bytes = exchange.target, exchange.body
        self.headers = {name.lower(): value for name, value in exchange.headers}
        self.body = json.loads(exchange.body)

    @property
    def id(self):
        return self.headers.get("webhook-id")

    @property
    def kind(self):
        return self.body["data"]["kind"]


class Receiver(Upstream):
    def __init__(self, behave=ok, port=0):
        self.behave, self.messages = behave, []
        self.released, self.sent, self.cut = threading.Event(), 0, False
        super().__init__(handler=self._receive, port=port)

    def _receive(self, exchange):
        exchange.read_body()
        message = Message(exchange)
        with self.lock:
            self.messages.append(message)
            behave = self.behave
        behave(self, exchange)

    def again(self, behave=ok):
        """A new receiver on the port of this one, which was closed."""
        return Receiver(behave, self.address[1])

    def release(self):
        self.released.set()

    def close(self):
        self.release()
        super().close()

    def of_kind(self, kind):
        with self.lock:
            return [message for message in self.messages if message.kind == kind]

    def wait_for(self, count=1, seconds=30):
        wait_until(lambda: len(self.messages) >= count, seconds, f"{count} messages came")
        return list(self.messages)

    def wait_for_kind(self, kind, count=1, seconds=30):
        wait_until(lambda: len(self.of_kind(kind)) >= count, seconds, f"{count} {kind} came")
        return self.of_kind(kind)
