"""Waiting for something to become true, with a bound and a reason."""

import ctypes
import signal
import time


def wait_until(condition, seconds=10, what="the condition", every=0.01):
    """Polls; returns the first true value. Fails the test when the time is up."""
    ends_at = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > ends_at:
            raise AssertionError(f"waited {seconds} s in vain: {what}; last value {value!r}")
        time.sleep(every)


def die_with_parent():
    """For subprocess's preexec_fn: the child is killed when the tests end in whatever way."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
