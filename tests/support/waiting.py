"""Waiting for something to become true, with a bound and a reason."""

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
