"""Runs the comparison that compare.sh describes."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile

import report
from proxies import ROOT, TOOLS, Backend, Machine, Proxy, all_proxies, gateway

OUT = ROOT / "build" / "loadtest"
WORKLOADS = {
    "a": {"what": "GET, 1 KiB answer, 64 connections"},
    "b": {"what": "POST 4 KiB, 1 KiB answer, 64 connections", "body": 4096},
    "c": {"what": "GET, 64 KiB answer, 64 connections", "answer": 65536, "small_floor": True},
    "d": {"what": "GET, 1 KiB answer, 1000 connections", "connections": 1000},
    "e": {"what": "GET, 1 KiB answer, 8 connections", "connections": 8},
    "f": {"what": "as a, two workers each", "workers": 2},
    "g": {"what": "GET, 1 KiB answer, a new connection per request, 64 at a time", "close": True},
}
IDLE_CONNECTIONS = 8000
OPEN_LOOP_RATE = 5000  # requests per second: well under what any of them can do here


@contextlib.contextmanager
def running(machine, answer, workers=1, floor=True, extra=lambda *_: []):
    """The backend and the proxies, for as long as the block lasts."""
    backend = Backend(machine, answer)
    proxies = []
    with tempfile.TemporaryDirectory() as directory:
        home = pathlib.Path(directory)
        try:
            proxies += all_proxies(machine, home, backend, workers, floor)
            proxies += extra(machine, home, backend)
            yield backend, proxies
        finally:
            for proxy in proxies:
                proxy.stop()
            backend.stop()


def measure(workload, options):
    """{proxy: requests per second, CPU per request}, of interleaved rounds."""
    workers = workload.get("workers", 1)
    machine = Machine(workers > 1, options.real_time)
    load = ["--connections", workload.get("connections", 64), "--body", workload.get("body", 0)]
    if workload.get("close"):
        load.append("--close")
    floor = workers == 1 and not workload.get("close")

    def extra(*where):
        if workers > 1:
            return [gateway(*where, name="gateway, one worker")]
        small = [TOOLS / "loadtest_floor", 16]
        return [Proxy("floor, 16 KiB", *where, small)] if workload.get("small_floor") else []

    with running(machine, workload.get("answer", 1024), workers, floor, extra) as (_, proxies):
        rounds = {proxy.name: [] for proxy in proxies}
        for proxy in proxies:
            machine.load(proxy.port, *load, "--seconds", 1)  # warm up
        for number in range(options.rounds):
            # Who comes first changes, so that no one has always the same neighbour.
            for proxy in proxies[number % len(proxies):] + proxies[:number % len(proxies)]:
                before = proxy.cpu_ns()
                seen = machine.load(proxy.port, *load, "--seconds", options.seconds)
                cpu = (proxy.cpu_ns() - before) / seen["requests"] / 1000
                rounds[proxy.name].append((seen["requests"] / seen["seconds"], cpu))
    return {name: {"requests_per_second": statistics.median(r for r, _ in runs),
                   "cpu_us": statistics.median(c for _, c in runs),
                   "cpu_us_rounds": [round(c, 3) for _, c in runs],
                   "spread": report.spread([c for _, c in runs])} for name, runs in rounds.items()}


def measure_latency(options):
    """{who: quantiles in microseconds} at a fixed open-loop rate; `direct` is without a proxy."""
    machine = Machine(real_time=options.real_time)
    load = ["--connections", 64, "--rate", OPEN_LOOP_RATE, "--seconds", options.seconds]
    with running(machine, 1024) as (backend, proxies):
        ports = {"direct": backend.port, **{proxy.name: proxy.port for proxy in proxies}}
        rounds = {name: [] for name in ports}
        for port in ports.values():
            machine.load(port, *load[:-1], 1)
        for _ in range(options.rounds):
            for name, port in ports.items():
                rounds[name].append(machine.load(port, *load))
    keys = ("p50_us", "p90_us", "p99_us", "p999_us")
    return {name: {key: statistics.median(run[key] for run in runs) for key in keys} |
            {"spread": report.spread([run["p50_us"] for run in runs])}
            for name, runs in rounds.items()}


def measure_idle(options):
    """{proxy: user memory per idle connection, in bytes}."""
    machine = Machine(real_time=options.real_time)
    with running(machine, 1024, floor=False) as (_, proxies):
        seen = {}
        for proxy in proxies:
            machine.load(proxy.port, "--connections", 64, "--seconds", 1)
            before = proxy.rss_bytes()
            holder = subprocess.Popen(
                [str(TOOLS / "loadtest_client"), str(proxy.port), "--idle", str(IDLE_CONNECTIONS)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if holder.stdout.readline() != "ready\n":
                raise SystemExit(f"{proxy.name} does not hold {IDLE_CONNECTIONS} connections")
            seen[proxy.name] = (proxy.rss_bytes() - before) / IDLE_CONNECTIONS
            holder.stdin.close()
            holder.wait()
    return seen


def about_this_run(options):
    def version(command):
        out = subprocess.run(command, capture_output=True, text=True, check=True)
        return (out.stdout or out.stderr).splitlines()[0].strip()

    return {"date": datetime.date.today().isoformat(), "cpus": os.cpu_count(),
            "kernel": platform.release(), "rounds": options.rounds, "seconds": options.seconds,
            "real_time": options.real_time, "load_average_before": round(os.getloadavg()[0], 1),
            "nginx": version(["/usr/sbin/nginx", "-v"]).split("/")[-1],
            "haproxy": version(["/usr/sbin/haproxy", "-v"]).split()[2]}


def main():
    parser = argparse.ArgumentParser(prog="loadtest/compare.sh")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--workloads", default="".join(WORKLOADS), help="such as ab or g")
    parser.add_argument("--real-time", action="store_true",
                        help="run everything at real-time priority (needs the right to)")
    parser.add_argument("--only", choices=["cpu", "latency", "idle"])
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    OUT.mkdir(parents=True, exist_ok=True)
    results = {"run": about_this_run(options), "workloads": {}}
    if options.only in (None, "cpu"):
        for name in options.workloads:
            print(f"{name}: {WORKLOADS[name]['what']} ...", flush=True)
            results["workloads"][name] = {"what": WORKLOADS[name]["what"],
                                          "proxies": measure(WORKLOADS[name], options)}
    if options.only in (None, "latency"):
        print(f"latency at {OPEN_LOOP_RATE} requests per second, open loop ...", flush=True)
        results["latency"] = {"rate": OPEN_LOOP_RATE, "proxies": measure_latency(options)}
    if options.only in (None, "idle"):
        print(f"memory of {IDLE_CONNECTIONS} idle connections ...", flush=True)
        results["idle"] = {"connections": IDLE_CONNECTIONS, "proxies": measure_idle(options)}
    results["run"]["load_average_after"] = round(os.getloadavg()[0], 1)
    (OUT / "compare.json").write_text(json.dumps(results, indent=2) + "\n")
    (OUT / "compare.md").write_text(report.markdown(results))
    (OUT / "compare.svg").write_text(report.chart(results))
    print("\n" + report.markdown(results))
    print(f"written to {OUT.relative_to(ROOT)}/compare.json, compare.md and compare.svg")


if __name__ == "__main__":
    main()
