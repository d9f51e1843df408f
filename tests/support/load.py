"""Load from threads of this process, each with one connection. Every request is remembered."""

import json
import signal
import subprocess
import sys
import threading
import time

from client import Client
from waiting import die_with_parent


class Result:
    __slots__ = ("sent_at", "done_at", "status", "version", "error", "body")

    def __init__(self, sent_at, done_at, status, version, error, body):
        self.sent_at, self.done_at = sent_at, done_at
        self.status, self.version, self.error, self.body = status, version, error, body

    def failed(self):
        return self.error is not None or self.status != 200

    def __repr__(self):
        return f"<{self.status} {self.version} {self.error} {self.body[:120]!r}>"


class Load:
    """Runs until stop(), or until `requests` have been made. A connection that the gateway closes
    with `Connection: close` is opened anew; any other end of a connection is a failed request."""

    def __init__(self, address, method="POST", target="/", headers=(), body=b"", connections=4,
                 requests=None, user=None):
        self.address, self.method, self.target = address, method, target
        self.headers, self.body, self.user = list(headers), body, user
        self.left = requests if requests is not None else 1 << 60
        self.made = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.results = []
        self.threads = [threading.Thread(target=self._work, daemon=True)
                        for _ in range(connections)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def run(self):
        """All requests; returns the results."""
        return self.start().join()

    def join(self, seconds=300):
        ends_at = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, ends_at - time.monotonic()))
            assert not thread.is_alive(), "the load did not end"
        return self.results

    def stop(self):
        self.stopping.set()
        return self.join()

    def count(self):
        with self.lock:
            return len(self.results)

    def _next(self):
        with self.lock:
            if self.left <= 0 or self.stopping.is_set():
                return None
            self.left -= 1
            self.made += 1
            return self.made

    def _work(self):
        client = None
        while (number := self._next()) is not None:
            headers = self.headers
            if self.user:
                headers = [*headers, ("X-User-Id", self.user(number))]
            sent_at = time.monotonic()
            status, version, error, body = 0, None, None, b""
            try:
                client = client or Client(self.address)
                answer = client.ask(self.method, self.target, headers, self.body)
                status, version, body = answer.status, answer.get("X-Model-Version"), answer.body
                if not answer.ended_well:
                    error = "truncated"
                if error or (answer.get("Connection") or "").lower() == "close":
                    client.close()
                    client = None
            except (OSError, EOFError) as problem:
                error = f"{type(problem).__name__}: {problem}"
                if client:
                    client.close()
                client = None
            with self.lock:
                self.results.append(
                    Result(sent_at, time.monotonic(), status, version, error, body))
        if client:
            client.close()


def failures(results):
    return [result for result in results if result.failed()]


def by_version(results):
    counts = {}
    for result in results:
        counts[result.version] = counts.get(result.version, 0) + 1
    return counts


class LoadProcess:
    """GETs from a process of its own, so that the test's own work does not slow them down.
    stop() returns how many there were and the first failures, as text."""

    def __init__(self, address, connections=4):
        self.process = subprocess.Popen(
            [sys.executable, __file__, address[0], str(address[1]), str(connections)],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self.process.stdout.readline() == "running\n"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        report, _ = self.process.communicate(timeout=60)
        report = json.loads(report)
        return report["count"], report["failures"]


def main():
    host, port, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    load = Load((host, port), "GET", "/", connections=connections)
    signal.signal(signal.SIGTERM, lambda *_: load.stopping.set())
    load.start()
    while load.count() < 100 and not load.stopping.is_set():
        time.sleep(0.01)
    print("running", flush=True)
    load.stopping.wait()
    results = load.join()
    print(json.dumps({"count": len(results),
                      "failures": [repr(result) for result in failures(results)[:10]]}))


if __name__ == "__main__":
    main()
