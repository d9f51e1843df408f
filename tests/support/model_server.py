"""The model servers of deploy/model_server as real processes: FastAPI on uvicorn, numpy inside."""

import json
import pathlib
import subprocess
import sys

from client import ask
from waiting import die_with_parent

SERVER = pathlib.Path(__file__).parents[2] / "deploy" / "model_server" / "server.py"
PREDICT = "/v1/models/comp-critic:predict"
CAR = json.dumps({"instances": [[8, 307, 130, 3504, 12, 1970]]}).encode()
JSON_BODY = [("Content-Type", "application/json")]


class ModelServer:
    """Listens when the constructor returns."""

    def __init__(self, version):
        self.version = version
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), "--version", version], stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        assert line, f"{version} did not start"
        host, port = json.loads(line)["address"].split(":")
        self.address = (host, int(port))
        self.url = f"http://{host}:{port}"

    def stats(self):
        return ask(self.address, "GET", "/_stats", [("Connection", "close")]).json()

    def requests(self):
        return self.stats()["requests"]

    def fault(self, **fault):
        answer = ask(self.address, "POST", "/_fault", JSON_BODY, json.dumps(fault).encode())
        assert answer.status == 200, answer

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
