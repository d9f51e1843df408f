"""Crowds of clients: that are idle, that come and go, that read too slowly. CANARY_LONG=1 is the
whole crowd."""

import contextlib
import socket
import threading
import time

from client import Client
from gateway import SANITIZED
from trial import LONG, UNJUDGED, Trial, under_trial

PER_IDLE = 20 << 10  # bytes
PER_SLOW = 128 << 10


def start(gateways, echoes, directory, **top):
    gateway = gateways(under_trial(echoes[0].url, echoes[1].url, directory, UNJUDGED, **top))
    return Trial(gateway, directory)


def connect(address, source, receives=None):
    """From one of the loopback addresses, for each has only so many ports."""
    connected = socket.socket()
    if receives:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    connected.bind((f"127.0.0.{source}", 0))
    connected.settimeout(30)
    connected.connect(address)
    return connected


def test_idle_connections_are_cheap_and_end_at_their_timeout(gateways, echoes, tmp_path):
    count = 10_000 if LONG else 300 if SANITIZED else 1500
    trial = start(gateways, echoes, tmp_path,
                  data={"timeouts": {"header": "60s", "keepalive_idle": "10s" if LONG else "5s"},
                        "limits": {"connections": 16_000}})
    gateway = trial.gateway
    trial.fault()
    before = gateway.rss_bytes()
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(gateway.data, 1 + number % 4))
                for number in range(count)]
        for connected in idle:
            connected.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connected.recv(4096).startswith(b"HTTP/1.1 200")
        assert gateway.descriptors() >= count
        each = (gateway.rss_bytes() - before) / count
        print(f"{count} idle connections, {each / 1024:.1f} KiB each")
        assert each <= PER_IDLE or SANITIZED
        for connected in idle:
            assert connected.recv(1) == b"", "closed by the gateway"
    trial.finish()
    assert not trial.failures()


def test_connections_come_and_go_by_the_thousand(gateways, echoes, tmp_path):
    count, threads = 100_000 if LONG else 500 if SANITIZED else 3000, 64 if LONG else 8
    trial = start(gateways, echoes, tmp_path)
    trial.fault()
    problems = []

    def churn(source):
        for _ in range(count // threads):
            try:
                with connect(trial.gateway.data, source) as connected:
                    connected.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while more := connected.recv(4096):
                        answer += more
                    assert answer.startswith(b"HTTP/1.1 200") and b"_v" in answer, answer
            except (OSError, AssertionError) as problem:
                problems.append(problem)

    began = time.monotonic()
    workers = [threading.Thread(target=churn, args=(2 + number % 8,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(f"{count} connections in {time.monotonic() - began:.1f} s")
    assert not problems, (len(problems), problems[:3])
    trial.finish()
    assert not trial.failures()


def test_slow_readers_of_large_answers_take_bounded_memory(gateways, echoes, tmp_path):
    """10 MiB each; they read 1 KiB per second. Workers keep some of the buffers for the next crowd,
    which needs no more."""
    count, lasts = (200, 10) if LONG else (40, 1)
    trial = start(gateways, echoes, tmp_path)
    trial.fault()
    gateway, before = trial.gateway, trial.gateway.rss_bytes()
    for crowd in range(2):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(connect(gateway.data, 2 + number % 8, 4096))
                    for number in range(count)]
            for connected in slow:
                connected.sendall(b"GET /bytes/10485760 HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(lasts):
                for connected in slow:
                    assert connected.recv(1024)
                time.sleep(1)
            each = (gateway.rss_bytes() - before) / count
            print(f"crowd {crowd}: {count} slow readers, {each / 1024:.1f} KiB each")
            assert each <= PER_SLOW or SANITIZED
            with Client(gateway.data) as hasty:
                answer = hasty.ask("GET", "/bytes/10485760")
                assert len(answer.body) == 10485760, "the quick are served"
        if crowd == 0:
            trial.rss = gateway.rss_bytes()
    trial.finish()
    assert not trial.failures()
