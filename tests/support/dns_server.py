"""A name server of our own, on a loopback address that nobody else has, and a process that asks it."""

import os
import socket
import struct
import threading
import time

A, NXDOMAIN, SERVFAIL = 1, 3, 2


class DnsServer:
    """Answers every A question with `addresses`, or with the code `failure`, after `delay` seconds."""

    def __init__(self, directory, *addresses):
        self.addresses, self.failure, self.delay = list(addresses), 0, 0.0
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The port cannot be chosen, so the address is: one for each process of tests.
        self.host = "127.%d.%d.%d" % (53, os.getpid() >> 8 & 255, os.getpid() & 255)
        self.socket.bind((self.host, 53))
        self.resolv_conf = directory / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {self.host}\noptions timeout:8 attempts:1\n")
        self.hosts = directory / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.socket.settimeout(0.1)
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def prefix(self):
        """Of a command: it runs with our files in place of the system's, in a namespace of its own."""
        script = ('mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && '
                  'shift 2 && exec "$@"')
        return ["unshare", "-rm", "sh", "-c", script, "sh", str(self.resolv_conf), str(self.hosts)]

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
        time.sleep(self.delay)
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4:end - 2])[0]
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
