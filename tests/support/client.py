"""An HTTP/1.1 client that hides nothing: it sends the bytes it is told to, and shows what it got."""

import json
import socket
import struct


class Response:
    """`headers` in order, as they came; `body` decoded from its framing; `ended_well` is False when
    the connection closed before the framing said so."""

    def __init__(self, status, reason, headers):
        self.status, self.reason, self.headers = status, reason, headers
        self.body, self.ended_well = b"", True

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r} ended_well={self.ended_well}>"


def parse_head(head):
    """(first line, [(name, value)]) of a head without its empty line."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [line.partition(":") for line in lines]
    return first, [(name, value.strip(" \t")) for name, _, value in fields]


class Client:
    """One connection. Reads have a deadline, so that a test ends when the gateway hangs."""

    def __init__(self, address, timeout=20):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, headers=(), body=None, host="gateway.test"):
        """Sends one request; headers are (name, value) pairs beside Host and Content-Length."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def _more(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def _until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                raise EOFError(f"closed before {mark!r}; had {self.buffer[:300]!r}")
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def read_bytes(self, count):
        """`count` bytes, or fewer at the end of the connection."""
        parts, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < count and self._more():
            parts.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        data = b"".join(parts)
        self.buffer = data[count:]
        return data[:count]

    def read_head(self):
        """The next response head, final or not."""
        first, headers = parse_head(self._until(b"\r\n\r\n"))
        version, status, *reason = first.split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), first
        return Response(int(status), "".join(reason), headers)

    def read_chunk(self):
        """The next chunk's data; b"" is the last chunk."""
        size = int(self._until(b"\r\n").split(b";")[0], 16)
        data = self.read_bytes(size)
        if len(data) < size:
            raise EOFError("closed inside a chunk")
        if size == 0:
            while self._until(b"\r\n"):
                pass
        else:
            assert self._until(b"\r\n") == b""
        return data

    def read_body(self, response, method="GET"):
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return
        if "chunked" in response.get("Transfer-Encoding", "").lower():
            parts = []
            try:
                while chunk := self.read_chunk():
                    parts.append(chunk)
            except EOFError:
                response.ended_well = False
            response.body = b"".join(parts)
        elif response.get("Content-Length") is not None:
            length = int(response.get("Content-Length"))
            response.body = self.read_bytes(length)
            response.ended_well = len(response.body) == length
        else:
            response.body = self.read_bytes(1 << 40)

    def read_response(self, method="GET"):
        """The next final response, whole."""
        response = self.read_head()
        while response.status < 200:
            response = self.read_head()
        self.read_body(response, method)
        return response

    def ask(self, method, target, headers=(), body=None, **options):
        self.request(method, target, headers, body, **options)
        return self.read_response(method)

    def is_closed(self):
        """Waits (until the deadline) for the other side to close, sending no more."""
        return self.read_bytes(1) == b""

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()


def ask(address, method, target, headers=(), body=None, **options):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.ask(method, target, headers, body, **options)
