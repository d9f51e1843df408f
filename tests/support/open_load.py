"""Open-loop load from a process of its own: requests are sent when they are due, whether or not
earlier ones were answered, GETs and POSTs in turn, each under an id of its own. What became of each
is the truth that the gateway's numbers are compared with. Speaks to upstreams of `echo_server`."""

import asyncio
import collections
import json
import signal
import subprocess
import sys
import time

from client import parse_head
from waiting import die_with_parent

PATIENCE = 30  # seconds until a client gives up
AT_ONCE = 1000  # requests that may wait: where more are due this process is too slow, and is late
IDLE = 20  # seconds that a connection may be kept: less than the gateway keeps it

# `due_at` and `done_at` are CLOCK_MONOTONIC; `version` is X-Model-Version; `code` is that of the
# gateway's own answers; `error` is how the connection failed; `wrong` says what was not as asked.
Asked = collections.namedtuple("Asked", "id method due_at done_at status version code error wrong")


class OpenLoad:
    """Runs until stop(), which returns every Asked."""

    def __init__(self, address, rate, directory, name="load"):
        self.path = directory / f"{name}.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, __file__, address[0], str(address[1]), str(rate), str(self.path), name],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        assert self.process.stdout.readline() == "running\n"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE + 30)
        assert self.process.returncode == 0
        return [Asked(*json.loads(line)) for line in self.path.read_text().splitlines()]


def quantile(results, share):
    """Of the latencies, in ms, from the moment at which each was due."""
    times = sorted(result.done_at - result.due_at for result in results)
    return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


class Caller:
    def __init__(self, host, port, rate, path, name):
        self.address, self.rate, self.name = (host, port), rate, name
        self.idle, self.stopping = collections.deque(), asyncio.Event()
        self.file = open(path, "w", encoding="utf-8")

    async def connection(self):
        while self.idle:
            reader, writer, since = self.idle.pop()  # the one that was used last
            if time.monotonic() - since < IDLE and not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self.address)

    async def exchange(self, request):
        """(status, {field: value}, body, error)."""
        status, fields, body, writer = 0, {}, b"", None
        try:
            reader, writer = await self.connection()
            writer.write(request)
            line, pairs = parse_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
            status, fields = int(line.split(" ")[1]), {key.lower(): value for key, value in pairs}
            body = await reader.readexactly(int(fields["content-length"]))
            if fields.get("connection", "").lower() == "close":
                writer.close()
            else:
                self.idle.append((reader, writer, time.monotonic()))
            return status, fields, body, None
        except (OSError, EOFError, asyncio.CancelledError) as problem:
            if writer:
                writer.transport.abort()
            return status, fields, body, f"{type(problem).__name__}: {problem}"

    async def ask(self, number, due_at):
        name, method = f"{self.name}-{number}", "POST" if number % 2 else "GET"
        target = f"/echo?{name}"
        body = (name + " ").ljust(200 + 37 * number % 3000, "x").encode() if number % 2 else b""
        head = (f"{method} {target} HTTP/1.1\r\nHost: gateway.test\r\nX-Request-Id: {name}\r\n"
                f"X-User-Id: {name}\r\nContent-Length: {len(body)}\r\n\r\n")
        asked = asyncio.ensure_future(self.exchange(head.encode() + body))
        done, _ = await asyncio.wait([asked], timeout=PATIENCE)
        if not done:
            asked.cancel()
        status, fields, answer, error = await asked
        version, code, wrong = fields.get("x-model-version"), None, None
        if status and fields.get("x-request-id") != name:
            wrong = f"the id {fields.get('x-request-id')}"
        if not error and status in (200, 500):
            expected = f"{version} {name} {target} {name if body else '-'}"
            if answer.decode("latin-1") != expected:
                wrong = f"{answer[:200]!r} instead of {expected!r}"
        elif not error:
            code = json.loads(answer)["error"]["code"]
        self.file.write(json.dumps(Asked(name, method, due_at, time.monotonic(), status, version,
                                         code, error, wrong)) + "\n")

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        print("running", flush=True)
        began, number, asking = time.monotonic(), 0, set()
        while not self.stopping.is_set():
            number += 1
            due_at = began + number / self.rate
            await asyncio.sleep(max(0.0, due_at - time.monotonic()))
            if len(asking) >= AT_ONCE:
                await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            task = loop.create_task(self.ask(number, due_at))
            asking.add(task)
            task.add_done_callback(asking.discard)
        if asking:
            await asyncio.wait(asking)
        for _, writer, _ in self.idle:
            writer.close()
        self.file.close()


if __name__ == "__main__":
    asyncio.run(Caller(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:]).run())
