#!/usr/bin/env python3
"""What a request costs in user space, in instructions under callgrind: a figure that repeats, as
times do not. It may not rise above the budget. What raises it says in docs/performance.md what for.

  instructions_test.py            measures, and fails where a budget is exceeded
  instructions_test.py --lower    also writes what is lower than the budget into budget.json

CANARY_GATEWAY names the binary; it should be the release build's.
"""

import argparse
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "support"))
from gateway import BINARY  # noqa: E402
from ports import lasting_port  # noqa: E402
from waiting import die_with_parent, wait_until  # noqa: E402

BUDGET = HERE / "budget.json"
# How far two runs of the same binary may differ. How often the loop goes round for a connection
# depends on which of its packets come together.
TOLERANCE = {"get": 0.01, "post_4k": 0.01, "chunked_answer": 0.01, "new_connection": 0.05}
WARM_UP, REQUESTS = 200, 1000

HEAD = "Host: 127.0.0.1\r\nX-User-Id: user-17\r\nAccept: */*\r\nUser-Agent: loadtest\r\n"
GET = f"GET /v1/predict HTTP/1.1\r\n{HEAD}\r\n".encode()
CLOSE = f"GET /v1/predict HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()
POST = (f"POST /v1/predict HTTP/1.1\r\n{HEAD}Content-Length: 4096\r\n\r\n".encode() + b"x" * 4096)
CHUNKED = f"GET /chunked HTTP/1.1\r\n{HEAD}\r\n".encode()
WORKLOADS = {"get": GET, "post_4k": POST, "chunked_answer": CHUNKED, "new_connection": CLOSE}

PLAIN_ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: uvicorn\r\n"
                b"Content-Length: 1024\r\n\r\n" + b"x" * 1024)
CHUNKED_ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n" + b"200\r\n" + b"x" * 512 + b"\r\n"
                  b"200\r\n" + b"x" * 512 + b"\r\n0\r\n\r\n")

CONFIG = """
data: {{ listen: "127.0.0.1:{port}", workers: 1 }}
admin: {{ listen: "127.0.0.1:0" }}
state_dir: {directory}/state
models:
  bench:
    match: [{{ path_prefix: / }}]
    stable: {{ version: bench_v1, endpoints: ["http://127.0.0.1:{upstream}"] }}
    canary: {{ version: bench_v2, endpoints: ["http://127.0.0.1:{upstream}"], rollout_percentage: 10 }}
    sticky: [{{ header: X-User-Id }}]
    slo: {{ latency_p95: 200ms }}
    upstream: {{ keepalive_idle: 60s }}
"""


def receive_message(connection, before=b""):
    """One whole message and what is behind it, or nothing at the end of the connection."""
    text = before
    while b"\r\n\r\n" not in text:
        more = connection.recv(1 << 16)
        if not more:
            return None
        text += more
    head, _, body = text.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    if length:
        while len(body) < int(length[1]):
            body += connection.recv(1 << 16)
    elif b"Transfer-Encoding: chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 16)
    return head, body


def serve(connection):
    with contextlib.suppress(OSError), connection:
        while message := receive_message(connection):
            chunked = message[0].startswith(b"GET /chunked")
            connection.sendall(CHUNKED_ANSWER if chunked else PLAIN_ANSWER)


def accept(listener):
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(port, request, times):
    connection = None
    for _ in range(times):
        connection = connection or connect(port)
        connection.sendall(request)
        head, _ = receive_message(connection)
        assert head.startswith(b"HTTP/1.1 200"), head
        if request is CLOSE:
            assert connection.recv(1) == b""
            connection = None


class Callgrind:
    """The gateway under callgrind, one file of counts per dump and thread."""

    def __init__(self, directory, upstream):
        self.directory, self.port = pathlib.Path(directory), lasting_port()
        config = self.directory / "gateway.yaml"
        config.write_text(CONFIG.format(port=self.port, upstream=upstream, directory=directory))
        self.dumps = 0
        self.log = open(self.directory / "log", "w+")
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--separate-threads=yes",
             f"--callgrind-out-file={directory}/counts", BINARY, "run", "-c", config],
            stderr=self.log, preexec_fn=die_with_parent)
        wait_until(self.listens, 60, "the gateway listens under callgrind")

    def listens(self):
        assert self.process.poll() is None, (self.directory / "log").read_text()
        with contextlib.suppress(OSError):
            connect(self.port).close()
            return True
        return False

    def control(self, action):
        subprocess.run(["callgrind_control", action, str(self.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def count(self, request):
        """Instructions per request of the one worker: the thread with the most of them."""
        ask(self.port, request, WARM_UP)
        self.control("-z")
        ask(self.port, request, REQUESTS)
        self.control("-d")
        self.dumps += 1
        totals = [int(re.search(r"^totals: (\d+)", path.read_text(), re.M)[1])
                  for path in self.directory.glob(f"counts.{self.dumps}-*")]
        return max(totals) / REQUESTS

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def measure():
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    with tempfile.TemporaryDirectory() as directory, listener:
        gateway = Callgrind(directory, listener.getsockname()[1])
        try:
            return {name: round(gateway.count(request)) for name, request in WORKLOADS.items()}
        finally:
            gateway.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lower", action="store_true", help="write lower figures into the budget")
    options = parser.parse_args()
    budget = json.loads(BUDGET.read_text())
    seen = measure()
    exceeded = False
    for name, count in seen.items():
        most = budget.get(name)
        over = most is not None and count > most * (1 + TOLERANCE[name])
        exceeded |= over
        print(f"{name:16} {count:7} instructions per request, budget {most}"
              + (": exceeded" if over else ""))
        if most is None or count < most:
            budget[name] = count
    if options.lower:
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    if exceeded:
        print("A request costs more than it did. What it buys belongs into docs/performance.md; "
              "else find it with callgrind_annotate.")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
