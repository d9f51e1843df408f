"""Runs the comparison that compare.sh describes."""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = ROOT / "build" / "release"
OUT = ROOT / "build" / "loadtest"
PROXY_CPU, LOAD_CPU = "0", "1"

# name: (what it is, connections, backend's answer in bytes, request body in bytes)
WORKLOADS = {
    "a": ("GET, 1 KiB answer, 64 connections", 64, 1024, 0),
    "b": ("POST 4 KiB, 1 KiB answer, 64 connections", 64, 1024, 4096),
    "c": ("GET, 64 KiB answer, 64 connections", 64, 65536, 0),
    "e": ("GET, 1 KiB answer, 8 connections", 8, 1024, 0),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


class Peer:
    """One proxy under test, from its template in peers/."""

    def __init__(self, name, template, command, directory, backend):
        self.name, self.port = name, free_port()
        home = directory / name
        home.mkdir()
        text = (ROOT / "loadtest" / "peers" / template).read_text()
        for key, value in (("port", self.port), ("backend", backend), ("dir", home)):
            text = text.replace(f"@{key}@", str(value))
        config = home / template
        config.write_text(text)
        self.process = subprocess.Popen(
            ["taskset", "-c", PROXY_CPU, *command, str(config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)

    def cpu_ns(self):
        """CPU time of the process and its children (nginx's worker), in nanoseconds."""
        pids = [self.process.pid]
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                pids.append(int(stat.parent.name))
        total = 0
        for pid in pids:
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=40)


def load(port, connections, body, seconds, directory):
    script = directory / "post.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {body})\n')
    command = ["taskset", "-c", LOAD_CPU, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
               "-H", "X-User-Id: user-17", "-H", "Accept: */*", "-H", "User-Agent: loadtest"]
    if body:
        command += ["-s", str(script)]
    out = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True,
                         check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    return int(re.search(r"(\d+) requests in", out)[1])


def measure(workload, rounds, seconds, directory):
    _, connections, size, body = WORKLOADS[workload]
    backend_port = free_port()
    backend = subprocess.Popen(["taskset", "-c", LOAD_CPU, str(RELEASE / "loadtest" /
                                "loadtest_backend"), str(backend_port), str(size)])
    wait_for(backend_port, backend)
    home = directory / workload
    home.mkdir()
    peers = [
        Peer("gateway", "gateway.yaml", [str(RELEASE / "canary-gateway"), "run", "-c"], home,
             backend_port),
        Peer("nginx", "nginx.conf", ["/usr/sbin/nginx", "-c"], home, backend_port),
        Peer("haproxy", "haproxy.cfg", ["/usr/sbin/haproxy", "-f"], home, backend_port),
    ]
    seen = {peer.name: [] for peer in peers}
    try:
        for peer in peers:
            load(peer.port, connections, body, 1, directory)  # warm up
        for _ in range(rounds):
            for peer in peers:
                before = peer.cpu_ns()
                requests = load(peer.port, connections, body, seconds, directory)
                seen[peer.name].append((requests / seconds,
                                        (peer.cpu_ns() - before) / requests / 1000))
    finally:
        for peer in peers:
            peer.stop()
        backend.terminate()
        backend.wait()
    return {name: {"requests_per_second": statistics.median(r for r, _ in runs),
                   "cpu_us_per_request": statistics.median(c for _, c in runs),
                   "cpu_us_spread": max(c for _, c in runs) - min(c for _, c in runs)}
            for name, runs in seen.items()}


def table(results):
    lines = ["| workload | proxy | req/s | CPU us/request | of nginx's | spread |",
             "|---|---|---|---|---|---|"]
    for workload, peers in results.items():
        base = peers["nginx"]["cpu_us_per_request"]
        for name, seen in peers.items():
            cpu = seen["cpu_us_per_request"]
            noisy = " (noisy)" if seen["cpu_us_spread"] > 0.1 * cpu else ""
            lines.append(f"| {workload}: {WORKLOADS[workload][0]} | {name} | "
                         f"{seen['requests_per_second']:.0f} | {cpu:.2f} | {cpu / base:.2f} | "
                         f"{seen['cpu_us_spread']:.2f}{noisy} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="loadtest/compare.sh")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        for workload in options.workloads.split(","):
            print(f"{workload}: {WORKLOADS[workload][0]} ...", flush=True)
            results[workload] = measure(workload, options.rounds, options.seconds,
                                        pathlib.Path(directory))
    (OUT / "compare.json").write_text(json.dumps(results, indent=2))
    (OUT / "compare.md").write_text(table(results) + "\n")
    print(table(results))
    print(f"load average at the end: {os.getloadavg()[0]:.1f}; medians of {options.rounds} "
          f"interleaved rounds of {options.seconds} s; written to build/loadtest/")


if __name__ == "__main__":
    main()
