"""Faults of the kernel's making: system calls of a running process that fail from now on."""

import re
import subprocess

from waiting import die_with_parent


class FailingSync:
    """fsync and fdatasync of the process answer EIO while this is entered, as a dying disk's."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.strace = subprocess.Popen(
            ["strace", "-f", "-p", str(self.pid), "-e", "trace=fsync,fdatasync",
             "-e", "inject=fsync,fdatasync:error=EIO"],
            stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        first = self.strace.stderr.readline()
        assert re.search("attached", first), first
        return self

    def __exit__(self, *_):
        self.strace.terminate()
        self.strace.communicate(timeout=10)
