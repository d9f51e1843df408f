"""Everything at once for a long time: load, malformed requests, a reload every few seconds, a weight
change every second. CANARY_SOAK_SECONDS (6) of it, CANARY_SOAK_RATE requests per second. What a
process may still take while it gets warm is not a leak: memory is judged by its slope after the
first third."""

import os
import time

from flood import SMALL_BODIES, Flood
from gateway import SANITIZED
from trial import RATE, UNJUDGED, V2, Trial, under_trial

SECONDS = float(os.environ.get("CANARY_SOAK_SECONDS", "6"))
PER_SECOND = int(os.environ.get("CANARY_SOAK_RATE", str(RATE)))
LEAK = 1 << 20  # bytes per minute


def slope(samples):
    """Of a line through (seconds, value), by least squares: per minute."""
    n = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / n, sum(y for _, y in samples) / n
    over = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    return 60 * over / sum((x - mean_x) ** 2 for x, _ in samples)


def test_a_soak_leaves_nothing_behind(gateways, echoes, tmp_path):
    for echo in echoes:
        echo.behave(statuses={"/nothing": "404 Not Found"})
    gateway = gateways(under_trial(echoes[0].url, echoes[1].url, tmp_path, UNJUDGED, 50,
                                   data=SMALL_BODIES))
    trial = Trial(gateway, tmp_path, PER_SECOND)
    trial.fault()
    flood = Flood(gateway, threads=1, pause=0.02)
    began, second, memory, descriptors, reloads = time.monotonic(), 0, [], [], 0
    while (now := time.monotonic() - began) < SECONDS:
        second += 1
        assert gateway.set_flag(V2, 1 + second * 7 % 50).status == 200
        if second % 5 == 0:
            reloads += 1
            gateway.edit_model(canary={"rollout_percentage": 50 + reloads % 5})
            gateway.reload()
        memory.append((now, gateway.rss_bytes()))
        descriptors.append(gateway.descriptors())
        time.sleep(max(0.0, began + second - time.monotonic()))
    bad = flood.stop()
    settled = [sample for sample in memory if sample[0] >= SECONDS * 0.3]
    grows = slope(settled)
    print(f"{SECONDS:.0f} s, {bad} bad clients, {reloads} reloads, {second} weights: RSS "
          f"{memory[0][1] >> 10} -> {memory[-1][1] >> 10} KiB, {grows / 1024:.0f} KiB per minute "
          f"after {SECONDS * 0.3:.0f} s; descriptors {min(descriptors)}..{max(descriptors)}; "
          f"threads {trial.threads} -> {gateway.threads()}")
    if SECONDS >= 120 and not SANITIZED:
        assert grows < LEAK
    trial.finish()
    assert not trial.failures()
