"""Clients with bad habits: what they do is their own fault, whatever the version that gets it. In
front of `echo_server`, whose /nothing must be a 404."""

import threading


def malformed(client):
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
    assert client.read_response().status == 400


def too_large(client):
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
    assert client.read_response().status == 413


def grows_too_large(client):
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"186a1\r\n" + b"x" * 0x186a1 + b"\r\n")
    assert client.read_response().status == 413


def bad_chunk(client):
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nz\r\n")
    assert client.read_response().status == 400


def leaves_in_mid_body(client):
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
    client.reset()


def leaves_before_the_answer(client):
    client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    client.reset()


def asks_for_what_there_is_not(client):
    assert client.ask("GET", "/nothing").status == 404


def asks_nothing_of_the_model(client):
    assert client.ask("OPTIONS", "/a").status == 200
    assert client.ask("HEAD", "/a").status == 200


SMALL_BODIES = {"limits": {"request_body": 100_000}}  # what the gateway's `data` must say
HABITS = [malformed, too_large, grows_too_large, bad_chunk, leaves_in_mid_body,
          leaves_before_the_answer, asks_for_what_there_is_not, asks_nothing_of_the_model]


class Flood:
    """Clients with every bad habit in turn, until `count` were seen or it is stopped."""

    def __init__(self, gateway, count=1 << 60, threads=4, pause=0.0):
        self.gateway, self.count, self.left = gateway, count, count
        self.lock, self.pause = threading.Lock(), pause
        self.stopping, self.problems = threading.Event(), []
        self.threads = [threading.Thread(target=self._work) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _work(self):
        while not self.stopping.is_set():
            with self.lock:
                self.left -= 1
                number = self.left
            if number < 0 or self.stopping.wait(self.pause):
                return
            try:
                with self.gateway.client() as client:
                    HABITS[number % len(HABITS)](client)
            except Exception as problem:  # noqa: BLE001 - told by join()
                self.problems.append(problem)

    def join(self):
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems[:3]

    def stop(self):
        """How many there were."""
        self.stopping.set()
        self.join()
        return self.count - self.left
