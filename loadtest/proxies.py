"""The processes of the comparison: proxies from their templates in peers/, backend, floor, load."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RELEASE = ROOT / "build" / "release"
TOOLS = RELEASE / "loadtest"


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


class Machine:
    """Where things run: proxies on one processor and load and backend on the other, or, when the
    proxies have two workers, everything on both. `real_time` keeps the neighbours out."""

    def __init__(self, shared=False, real_time=False):
        self.proxy_cpus, self.load_cpus = ("0,1", "0,1") if shared else ("0", "1")
        self.prefix = ["chrt", "-r", "10"] if real_time else []

    def start(self, command, cpus, **options):
        return subprocess.Popen([*self.prefix, "taskset", "-c", cpus, *map(str, command)],
                                **options)

    def load(self, port, *options):
        """Runs the load generator to its end; what it says."""
        command = [*self.prefix, "taskset", "-c", self.load_cpus, TOOLS / "loadtest_client", port,
                   *options]
        out = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                             check=False)
        if out.returncode != 0:
            raise SystemExit(out.stderr)
        seen = json.loads(out.stdout)
        if seen["errors"] > 0:
            raise SystemExit(f"{seen['errors']} errors at port {port}: {out.stdout}")
        return seen


class Backend:
    def __init__(self, machine, answer_bytes):
        self.port = free_port()
        self.process = machine.start([TOOLS / "loadtest_backend", self.port, answer_bytes],
                                     machine.load_cpus)
        wait_for(self.port, self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Proxy:
    """One proxy under test. `template` is a file of peers/, or None for the floor."""

    def __init__(self, name, machine, directory, backend, command, template=None, workers=1):
        self.name, self.port = name, free_port()
        home = directory / name
        home.mkdir()
        if template:
            text = (ROOT / "loadtest" / "peers" / template).read_text()
            for key, value in (("port", self.port), ("backend", backend.port), ("dir", home),
                               ("workers", workers)):
                text = text.replace(f"@{key}@", str(value))
            (home / template).write_text(text)
            command = [*command, home / template]
        else:
            command = [*command, self.port, backend.port]
        self.process = machine.start(command, machine.proxy_cpus, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)

    def pids(self):
        """The process and its children (nginx's workers)."""
        pids = [self.process.pid]
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                pids.append(int(stat.parent.name))
        return pids

    def cpu_ns(self):
        """CPU time of all its threads so far, in nanoseconds (/proc/PID/task/*/schedstat)."""
        return sum(int(task.read_text().split()[0]) for pid in self.pids()
                   for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def rss_bytes(self):
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                    for pid in self.pids())
        return pages * os.sysconf("SC_PAGESIZE")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def gateway(machine, directory, backend, workers=1, name="gateway"):
    return Proxy(name, machine, directory, backend, [RELEASE / "canary-gateway", "run", "-c"],
                 "gateway.yaml", workers)


def all_proxies(machine, directory, backend, workers=1, floor=True):
    proxies = [
        gateway(machine, directory, backend, workers),
        Proxy("nginx", machine, directory, backend, ["/usr/sbin/nginx", "-c"], "nginx.conf",
              workers),
        Proxy("haproxy", machine, directory, backend, ["/usr/sbin/haproxy", "-f"], "haproxy.cfg",
              workers),
    ]
    if floor:
        proxies.append(Proxy("floor", machine, directory, backend, [TOOLS / "loadtest_floor"]))
    return proxies
