"""A model server as a process of its own, to be killed, stopped and misled. Its answer says who
answered and what was asked, so that a client can tell another's answer from its own:

    version, X-Request-Id, the target, the first word of the body, separated by spaces

It is told what to do on its standard input, one JSON object per line, and acknowledges each."""

import asyncio
import collections
import json
import random
import signal
import socket
import struct
import subprocess
import sys

from client import parse_head
from ports import lasting_port
from upstream import response
from waiting import die_with_parent

# What it can be told: how often (0..1) an answer is a 500 or a reset, how long it takes, whether it
# comes at all, and whether connections are taken. `statuses` maps a target to its status line.
WELL = {"error_rate": 0.0, "reset_rate": 0.0, "delay_ms": 0, "silent": False, "refuse": False,
        "statuses": {}}


class EchoServer:
    """Listens when the constructor returns. `start()` begins again on the same port."""

    def __init__(self, version):
        self.version, self.port, self.process = version, lasting_port(), None
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__, self.version, str(self.port)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self._answer()
        return self

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, f"{self.version} ended"
        return json.loads(line)

    def behave(self, **changes):
        """From the answer on; what is not named becomes well again."""
        self.process.stdin.write(json.dumps({**WELL, **changes}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def seen(self):
        """{request id: how often it was asked}, of this process."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Conversation(asyncio.Protocol):
    """One connection: requests in, answers out, in order."""

    def __init__(self, server):
        self.server, self.buffer, self.waits = server, b"", False
        self.paused, self.owed = False, 0

    def connection_made(self, transport):
        self.transport = transport
        self.server.open.add(transport)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.pay()

    def pay(self):
        """Writes what a large answer still owes, as fast as it is taken."""
        while self.owed and not self.paused:
            size = min(self.owed, 1 << 16)
            self.owed -= size
            self.transport.write(bytes(size))

    def connection_lost(self, _):
        self.server.open.discard(self.transport)

    def data_received(self, data):
        self.buffer += data
        self.serve()

    def take(self):
        """(method, target, id, body) of the next whole request, or None."""
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return None
        line, fields = parse_head(head)
        fields = {name.lower(): value for name, value in fields}
        length = int(fields.get("content-length", 0))
        if "transfer-encoding" in fields:
            end = rest.find(b"0\r\n\r\n")
            length = end + 5 if end >= 0 else len(rest) + 1
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        return *line.split(" ")[:2], fields.get("x-request-id", "-"), rest[:length]

    def serve(self):
        while not self.waits and (request := self.take()):
            self.server.seen[request[2]] += 1
            delay = self.server.mood["delay_ms"]
            if self.server.mood["silent"]:
                self.waits = True
            elif delay:
                self.waits = True
                asyncio.get_running_loop().call_later(delay / 1000, self.go_on, request)
            else:
                self.answer(*request)

    def go_on(self, request):
        self.waits = False
        if not self.transport.is_closing():
            self.answer(*request)
            self.serve()

    def answer(self, method, target, name, body):
        mood = self.server.mood
        if random.random() < mood["reset_rate"]:
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        status = mood["statuses"].get(target.split("?")[0])
        if not status:  # what asks the model may fail
            fails = method in ("GET", "POST") and random.random() < mood["error_rate"]
            status = "500 Broken" if fails else "200 OK"
        if target.startswith("/bytes/"):
            self.owed = int(target.removeprefix("/bytes/"))
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.owed)
            self.pay()
            return
        word = body.split(b" ", 1)[0].decode() or "-"
        text = f"{self.server.version} {name} {target} {word}"
        answer = response(text.encode(), status)
        self.transport.write(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                             if method == "HEAD" else answer)


class Server:
    def __init__(self, version, port):
        self.version, self.port = version, port
        self.seen, self.mood, self.open = collections.Counter(), dict(WELL), set()
        self.listener = None

    async def listen(self):
        self.listener = await asyncio.get_running_loop().create_server(
            lambda: Conversation(self), "127.0.0.1", self.port, backlog=512)

    async def obey(self, mood):
        self.mood = mood
        if mood["refuse"] and self.listener:
            self.listener.close()
            self.listener = None
            for transport in list(self.open):
                transport.abort()
        elif not mood["refuse"] and not self.listener:
            await self.listen()
        print("{}", flush=True)

    async def run(self):
        await self.listen()
        print("{}", flush=True)
        lines = asyncio.StreamReader(limit=1 << 20)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            if line.strip():
                await self.obey(json.loads(line))
            else:
                print(json.dumps(self.seen), flush=True)


if __name__ == "__main__":
    asyncio.run(Server(sys.argv[1], int(sys.argv[2])).run())
