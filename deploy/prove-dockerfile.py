#!/usr/bin/python3
"""Carries out the Dockerfile without a container engine, in fresh Debian 12 roots, as root.

    deploy/prove-dockerfile.py [--keep]

Each stage gets a root of its own from debootstrap. COPY copies, RUN runs in it, and in the end the
image's command is started as the image's user, its health check is asked, and it is told to stop.
Exit status 0 when every step went well. What a container engine adds (namespaces, the overlay, the
network) is not proved. Takes about five minutes and 1.5 GB; needs debootstrap and apt's sources.
"""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[1]
CONFIG = """
data: { listen: "127.0.0.1:0" }
models:
  proof:
    match: [{ path_prefix: / }]
    stable: { version: proof_v1, endpoints: ["http://127.0.0.1:9"] }
"""


def instructions(path):
    """[(INSTRUCTION, rest)] with continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.strip().split(None, 1)) for line in joined.splitlines() if line.strip()]


def run(*command, **options):
    print("   $", shlex.join(map(str, command)), flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)


def apt_mirror():
    """The mirror that this machine's own apt uses for Debian's main archive."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout
    return next(line.split()[0] for line in targets.splitlines() if line.endswith(" bookworm"))


class Stage:
    def __init__(self, base, root):
        self.root, self.workdir, self.user = root, "/", "0"
        self.entrypoint, self.command, self.health = [], [], None
        run("cp", "-a", base, root)
        run("mount", "--bind", "/proc", root / "proc")

    def inside(self, path):
        return self.root / str(pathlib.PurePosixPath(self.workdir) / path).lstrip("/")

    def chroot(self, *command, user="0"):
        return ["chroot", f"--userspec={user}", str(self.root), "/usr/bin/env", "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *command]

    def copy(self, arguments, stages):
        source = SOURCE
        if arguments[0].startswith("--from="):
            source = stages[arguments.pop(0).removeprefix("--from=")].root
        what, where = arguments
        target = self.inside(where)
        if what == ".":
            files = subprocess.run(["git", "-C", source, "ls-files", "-z"], check=True,
                                   capture_output=True).stdout
            target.mkdir(parents=True, exist_ok=True)
            run("tar", "-C", source, "--null", "-T", "-", "-cf", target / "context.tar",
                input=files)
            run("tar", "-C", target, "-xf", target / "context.tar")
            (target / "context.tar").unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            run("cp", "-a", f"{source}/{what.lstrip('/')}", target)

    def close(self):
        subprocess.run(["umount", self.root / "proc"], check=False)


def carry_out(work, stages):
    """Every instruction of the Dockerfile; returns the last stage."""
    base = work / "base"
    run("debootstrap", "--variant=minbase", "bookworm", base, apt_mirror(),
        stdout=subprocess.DEVNULL)
    for part in ("sources.list", "sources.list.d", "apt.conf.d", "auth.conf.d", "keyrings"):
        if (pathlib.Path("/etc/apt") / part).exists():
            run("cp", "-rT", f"/etc/apt/{part}", base / "etc/apt" / part)
    shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    stage = None
    for name, rest in instructions(SOURCE / "Dockerfile"):
        print(f"== {name} {rest}", flush=True)
        if name == "FROM":
            stage = Stage(base, work / f"stage{len(stages)}")
            stages[rest.split(" AS ")[-1]] = stage
        elif name == "WORKDIR":
            stage.workdir = rest
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            stage.copy(shlex.split(rest), stages)
        elif name == "RUN":
            script = f"cd {shlex.quote(stage.workdir)} && {rest}"
            subprocess.run(stage.chroot("/bin/sh", "-c", script), check=True)
        elif name == "USER":
            stage.user = f"{rest}:{rest}"
        elif name == "HEALTHCHECK":
            stage.health = json.loads(rest[rest.index("CMD ") + 4:])
        elif name == "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        elif name == "CMD":
            stage.command = json.loads(rest)
        elif name not in ("VOLUME", "EXPOSE", "STOPSIGNAL"):
            sys.exit(f"prove-dockerfile.py: {name} is not known here")
    return stage


def start_and_stop(stage):
    """The image's command as the image's user, asked by its health check, ended by SIGTERM."""
    config = stage.inside("/etc/canary-gateway/gateway.yaml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(CONFIG)
    print("== start", stage.entrypoint + stage.command, "as", stage.user, flush=True)
    process = subprocess.Popen(stage.chroot(*stage.entrypoint, *stage.command, user=stage.user))
    try:
        for _ in range(100):
            health = subprocess.run(stage.chroot(*stage.health, user=stage.user), check=False,
                                    capture_output=True, text=True)
            if health.returncode == 0 or process.poll() is not None:
                break
            time.sleep(0.1)
        owner = os.stat(f"/proc/{process.pid}").st_uid
        print(f"   health check: {health.returncode}; runs as uid {owner}")
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
    if health.returncode or status or owner == 0:
        sys.exit(f"prove-dockerfile.py: health {health.returncode}, exit status {status}, "
                 f"uid {owner}: {health.stdout}{health.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="do not remove the roots")
    options = parser.parse_args()
    work, stages = pathlib.Path(tempfile.mkdtemp(prefix="canary-image.")), {}
    try:
        start_and_stop(carry_out(work, stages))
    finally:
        for stage in stages.values():
            stage.close()
        if options.keep:
            print("kept:", work)
        elif not any(os.path.ismount(stage.root / "proc") for stage in stages.values()):
            shutil.rmtree(work)
    print("The Dockerfile's steps went well.")


if __name__ == "__main__":
    main()
