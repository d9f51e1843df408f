"""A name server of our own, on a loopback address that nobody else has, and a process that asks it."""

import os
import socket
import struct
import subprocess
import threading
import time

import pytest

A, AAAA, NXDOMAIN, SERVFAIL = 1, 28, 3, 2


def read_name(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += question[at] + 1
    return ".".join(labels)


def namespace():
    """The command that gives a process mounts of its own; None where the kernel permits none."""
    for command in (["unshare", "-rm"], ["unshare", "-m"]):
        probe = [*command, "mount", "--bind", "/etc/resolv.conf", "/etc/resolv.conf"]
        try:
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            pass
    return None


class DnsServer:
    """Answers every A question with `addresses`, or with the code `failure`, after `delay` seconds.
    With a `zone`, a map of names to addresses, it knows no other name."""

    def __init__(self, directory, *addresses):
        self.addresses, self.failure, self.delay = list(addresses), 0, 0.0
        self.zone = None
        self.asked = 0
        self.questions = []  # (name, kind)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The port cannot be chosen, so the address is: one for each process of tests.
        self.host = "127.%d.%d.%d" % (53, os.getpid() >> 8 & 255, os.getpid() & 255)
        self.socket.bind((self.host, 53))
        self.resolv_conf = directory / "resolv.conf"
        self.search()
        self.hosts = directory / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.socket.settimeout(0.1)
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def search(self, *domains, ndots=1):
        """The search list that whoever asks is to go through."""
        self.resolv_conf.write_text(f"nameserver {self.host}\n"
                                    f"options timeout:8 attempts:1 ndots:{ndots}\n" +
                                    (f"search {' '.join(domains)}\n" if domains else ""))

    def prefix(self):
        """Of a command: it runs with our files in place of the system's. Where mounting them is not
        permitted, a library reads them instead."""
        own = namespace()
        if own:
            script = ('mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && '
                      'shift 2 && exec "$@"')
            return [*own, "sh", "-c", script, "sh", str(self.resolv_conf), str(self.hosts)]
        library = os.environ.get("CANARY_OWN_NAMES")
        if not library:
            pytest.skip("needs a mount namespace, or CANARY_OWN_NAMES (ctest sets it)")
        return ["env", f"LD_PRELOAD={library}", f"OWN_RESOLV_CONF={self.resolv_conf}",
                f"OWN_HOSTS={self.hosts}"]

    def _serve(self):
        while not self.closing:
            try:
                question, peer = self.socket.recvfrom(512)
            except socket.timeout:
                continue
            self.asked += 1
            threading.Thread(target=self._answer, args=(question, peer), daemon=True).start()

    def _answer(self, question, peer):
        addresses, failure = list(self.addresses), self.failure
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4:end - 2])[0]
        name = read_name(question)
        self.questions.append((name, kind))
        time.sleep(self.delay)
        if self.zone is not None:
            addresses = self.zone.get(name, [])
            failure = failure or (0 if addresses else NXDOMAIN)
        answers = [] if failure or kind != A else addresses
        reply = question[:2] + struct.pack("!HHHHH", 0x8180 | failure, 1, len(answers), 0, 0)
        reply += question[12:end]
        for address in answers:
            reply += struct.pack("!HHHIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton(address)
        try:
            self.socket.sendto(reply, peer)
        except OSError:
            pass

    def close(self):
        self.closing = True
        self.thread.join()
        self.socket.close()
