"""The gateway as a process: its configuration, its log lines, its listeners, its end."""

import copy
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import yaml

from client import Client, ask
from waiting import die_with_parent, wait_until

BINARY = os.environ.get("CANARY_GATEWAY") or str(
    pathlib.Path(__file__).parents[2] / "build" / "release" / "canary-gateway")
SANITIZER = os.environ.get("CANARY_SANITIZER", "none")
SANITIZED = SANITIZER != "none"
REQUESTS = "canary_gateway_requests_total"
REPORTS = ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer",
           "ERROR: LeakSanitizer", "AddressSanitizer:DEADLYSIGNAL")


def merge(base, changes):
    """A copy of `base` with nested dicts merged; None removes a key."""
    result = copy.deepcopy(base)
    for key, value in (changes or {}).items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def one_model(stable, canary=None, percentage=0, model=None, **top):
    """A configuration with the model comp-critic on every path; ports are the kernel's choice."""
    description = {"match": [{"path_prefix": "/"}],
                   "stable": {"version": "comp-critic_v1", "endpoints": [stable]}}
    if canary:
        description["canary"] = {"version": "comp-critic_v2", "endpoints": [canary],
                                 "rollout_percentage": percentage}
    base = {"data": {"listen": "127.0.0.1:0", "workers": 2}, "admin": {"listen": "127.0.0.1:0"},
            "models": {"comp-critic": merge(description, model)}}
    return merge(base, top)


class Gateway:
    """Owns a directory with gateway.yaml and state/. Ready when the constructor returns, unless
    `wait` is False."""

    def __init__(self, directory, config=None, wait=True, environment=None, arguments=(),
                 prefix=()):
        self.directory = pathlib.Path(directory)
        self.path = self.directory / "gateway.yaml"
        self.arguments, self.environment = list(arguments), environment or {}
        self.prefix = list(prefix)  # a command that becomes the gateway
        if config is not None:
            self.write(config)
        self.process, self.expected = None, 0
        self.start(wait)

    # -- configuration

    def write(self, config):
        """Puts the file in place as editors do: written aside, renamed over the old one."""
        if isinstance(config, dict):
            config = merge({"state_dir": str(self.directory / "state")}, config)
            self.config = config
            config = yaml.safe_dump(config, sort_keys=False)
        aside = self.path.with_suffix(".new")
        aside.write_text(config)
        aside.rename(self.path)

    def edit(self, **changes):
        """Changes keys of the configuration that was written last."""
        self.write(merge(self.config, changes))

    def edit_model(self, **changes):
        self.edit(models={"comp-critic": changes})

    # -- process

    def start(self, wait=True):
        assert self.process is None or self.process.poll() is not None
        self.changed = threading.Condition(threading.RLock())
        self.lines, self.events, self.addresses = [], [], {}
        self.process = subprocess.Popen(
            [*self.prefix, BINARY, "run", "-c", str(self.path), *self.arguments], stderr=subprocess.PIPE,
            env={**os.environ, **self.environment}, text=True, errors="replace",
            preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if wait:
            try:
                self.wait_event("ready", 60 if SANITIZED else 20)
            except AssertionError:
                self.process.kill()
                raise
        return self

    def _read(self, stream):
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            with self.changed:
                self.lines.append(line)
                if isinstance(event, dict):
                    self.events.append(event)
                    if event.get("event") == "listening":
                        host, _, port = event["address"].rpartition(":")
                        self.addresses[event["listener"]] = (host.strip("[]"), int(port))
                self.changed.notify_all()
        stream.close()

    def wait_event(self, name, seconds=10, after=0, **fields):
        """The first log line of that event, with these fields, at or after the position `after`."""
        def find():
            for event in self.events[after:]:
                if event.get("event") == name and fields.items() <= event.items():
                    return event
            return None

        ends_at = time.monotonic() + seconds
        with self.changed:
            while not (event := find()):
                left = ends_at - time.monotonic()
                over = self.process.poll() is not None and not self.reader.is_alive()
                if left <= 0 or over:
                    raise AssertionError(f"no event {name} {fields}; the log:\n{self.log()}")
                self.changed.wait(min(left, 0.2))
        return event

    def position(self):
        """Of the log's end: what comes next is `after` it."""
        with self.changed:
            return len(self.events)

    def log(self):
        return "".join(self.lines[-200:])

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=40):
        """Until it ended by itself; the exit status."""
        status = self.process.wait(seconds)
        self.reader.join(10)
        return status

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.wait()

    def restart(self):
        """A new process on the same files; it chooses new ports."""
        return self.start()

    def finish(self):
        """At the end of a test: whatever happened, no report of a sanitizer and a clean exit."""
        running = self.process.poll() is None
        status = self.stop() if running else self.wait()
        print(self.log())
        for report in REPORTS:
            assert not any(report in line for line in self.lines), self.log()
        if running:
            assert status == 0, f"exit status {status}"

    # -- talking to it

    @property
    def data(self):
        return self.addresses["data"]

    @property
    def admin(self):
        return self.addresses["admin"]

    def client(self, **options):
        return Client(self.data, **options)

    def ask(self, method="GET", target="/", headers=(), body=None, **options):
        return ask(self.data, method, target, headers, body, **options)

    def admin_ask(self, method, target, body=None, headers=()):
        host = "%s:%d" % self.admin
        fields = list(headers)
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            fields.append(("Content-Type", "application/json"))
        return ask(self.admin, method, target, fields, data, host=host)

    def set_flag(self, version, percentage, **more):
        return self.admin_ask("PUT", f"/internal/flags/{version}",
                              {"rollout_percentage": percentage, **more})

    def status(self):
        answer = self.admin_ask("GET", "/internal/status")
        assert answer.status == 200, answer
        return answer.json()

    def model(self, index=0):
        return self.status()["models"][index]

    def model_version(self):
        return self.ask("GET", "/internal/model-version").json()

    def wait_effective(self, percentage, seconds=15):
        wait_until(lambda: self.model()["weight"]["effective"] == percentage, seconds,
                   f"the effective weight becomes {percentage}")

    def wait_applied(self, percentage, seconds=15):
        """Until model-version, which knows what every worker has in force, shows the percentage."""
        def shown():
            body = self.model_version()
            if "canary" in body:
                return body["canary"]["rollout_percentage"] == percentage
            return percentage == (100 if body["model"].endswith("_v2") else 0)

        wait_until(shown, seconds, f"model-version shows {percentage}%")

    def wait_applied_wholly(self, version, seconds=15):
        """Until model-version names that version alone."""
        wait_until(lambda: self.model_version() == {"model": version}, seconds,
                   f"model-version names {version} alone")

    def reload(self, config=None):
        """Writes the configuration, if one is given, and asks for it to be taken up now."""
        if config is not None:
            self.write(config)
        answer = self.admin_ask("POST", "/internal/reload", {})
        assert answer.status == 200, answer
        return answer

    def metrics(self):
        answer = self.admin_ask("GET", "/metrics")
        assert answer.status == 200, answer
        return Metrics(answer.body.decode())

    def outcomes(self, **labels):
        """{outcome: count} of the requests so far."""
        counts = {}
        for name, have, value in self.metrics().samples:
            if name == REQUESTS and value and labels.items() <= have.items():
                counts[have["outcome"]] = counts.get(have["outcome"], 0) + int(value)
        return counts

    def wait_outcomes(self, expected, **labels):
        """A request is recorded when it ends, which its client may see a moment earlier."""
        wait_until(lambda: self.outcomes(**labels) == expected, 5,
                   f"{expected} {labels}, now {self.outcomes(**labels)}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu_seconds(self):
        """Of processor time, used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


class Metrics:
    """The metrics page, parsed: sum of a metric's samples whose labels include the given ones."""

    def __init__(self, text):
        self.text, self.samples = text, []
        for line in text.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            name, _, value = line.rpartition(" ")
            labels = {}
            if "{" in name:
                name, _, inside = name.partition("{")
                for pair in filter(None, inside.rstrip("}").split('",')):
                    key, _, text_value = pair.partition('="')
                    labels[key.strip()] = text_value.rstrip('"')
            self.samples.append((name, labels, float(value)))

    def sum(self, name, **labels):
        return sum(value for sample, have, value in self.samples
                   if sample == name and labels.items() <= have.items())

    def has(self, name):
        return any(sample == name for sample, _, _ in self.samples)
