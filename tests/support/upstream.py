"""A scripted model server on a raw socket: keeps what it saw, answers with the bytes it is told.

    Upstream(answer=response(b"ok"))   the same for every request
    Upstream(handler=function)         function(exchange) per request: it sends, waits, closes
"""

import socket
import struct
import threading

from client import parse_head
from ports import lasting_port


def response(body=b"", status="200 OK", headers=()):
    """The bytes of a response with a Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Exchange:
    """One request on one connection. `read_body()` is the handler's to call."""

    def __init__(self, connection, head):
        self.connection, self.head = connection, head
        self.offset = connection.arrived - len(connection.buffer) - len(head) - 4
        self.line, self.headers = parse_head(head)
        self.method, self.target, _ = self.line.split(" ")
        self.body = b""

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def read_body(self):
        """Reads the body by its framing and keeps it in `body`; raises EOFError when it is cut."""
        if self.get("Transfer-Encoding"):
            parts = []
            while size := int(self.connection.until(b"\r\n"), 16):
                parts.append(self.connection.exactly(size))
                assert self.connection.until(b"\r\n") == b""
            while self.connection.until(b"\r\n"):
                pass
            self.body = b"".join(parts)
        elif self.get("Content-Length"):
            self.body = self.connection.exactly(int(self.get("Content-Length")))
        return self.body

    def raw(self):
        """Every byte from this request's first on, as they came (the connection's first 1 MiB)."""
        return bytes(self.connection.received[self.offset:])

    def send(self, data):
        self.connection.socket.sendall(data)

    def close(self):
        self.connection.close()

    def reset(self):
        self.connection.reset()

    def client_gone(self, seconds=10):
        """Waits for the gateway to close this connection; True when it did."""
        self.connection.socket.settimeout(seconds)
        try:
            return self.connection.socket.recv(1) == b""
        except socket.timeout:
            return False
        except OSError:
            return True


class Connection:
    def __init__(self, accepted, owner):
        self.socket, self.owner = accepted, owner
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.open = b"", True
        self.received, self.arrived = bytearray(), 0

    def more(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError("the gateway closed the connection")
        self.owner.count_bytes(len(data))
        self.arrived += len(data)
        self.received += data[:max(0, (1 << 20) - len(self.received))]
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def exactly(self, count):
        parts, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < count:
            self.more()
            parts.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        data = b"".join(parts)
        self.buffer = data[count:]
        return data[:count]

    def close(self):
        self.open = False
        try:  # wakes a thread that is in recv
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def reset(self):
        self.open = False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Upstream:
    """Listens from the start; a thread per connection. `requests` are the exchanges seen so far."""

    def __init__(self, answer=None, handler=None, port=0, host="127.0.0.1"):
        self.answer = answer if answer is not None else response(b"ok")
        self.handler = handler or self._answer_all
        self.requests, self.connections, self.bytes = [], [], 0
        self.lock = threading.Lock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port or lasting_port(host)))
        self.listener.listen(512)
        self.address = self.listener.getsockname()
        self.url = "http://%s:%d" % self.address
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(accepted, self)
            with self.lock:
                self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while connection.open:
                exchange = Exchange(connection, connection.until(b"\r\n\r\n"))
                with self.lock:
                    self.requests.append(exchange)
                self.handler(exchange)
        except (EOFError, OSError):
            pass
        finally:
            connection.close()

    def _answer_all(self, exchange):
        exchange.read_body()
        exchange.send(self.answer)

    def count_bytes(self, count):
        with self.lock:
            self.bytes += count

    def open_connections(self):
        with self.lock:
            return [connection for connection in self.connections if connection.open]

    def close(self):
        """Refuses from now on, and closes what is open."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.accepting.join(5)
        for connection in self.open_connections():
            connection.close()


class FullBacklog:
    """A listener that never accepts, its backlog full: connecting to it hangs."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.fillers = [socket.socket() for _ in range(4)]
        for filler in self.fillers:
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())

    def accept_all(self, quiet_seconds=3):
        """Lets everybody in; the bytes that came, once no more connections come."""
        self.listener.settimeout(quiet_seconds)
        for filler in self.fillers:
            filler.close()
        received = b""
        try:
            while True:
                accepted, _ = self.listener.accept()
                accepted.settimeout(0.5)
                try:
                    while data := accepted.recv(4096):
                        received += data
                except OSError:
                    pass
                accepted.close()
        except socket.timeout:
            return received

    def close(self):
        for filler in [*self.fillers, self.listener]:
            filler.close()


def refused_url():
    """A URL on which nothing listens: its port stays bound, without a listener, with `holder`."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return "http://127.0.0.1:%d" % holder.getsockname()[1], holder
