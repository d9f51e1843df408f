"""Ports that a test binds more than once."""

import pathlib
import random
import socket

RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def lasting_port(host="127.0.0.1"):
    """A free port that the kernel gives to no outgoing connection: while nobody listens there for a
    moment, no other test's client can come to sit on it."""
    first, last = map(int, RANGE.read_text().split())
    ports = range(max(1024, first - 20000), first) or range(first, last)
    while True:
        port = random.choice(ports)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
