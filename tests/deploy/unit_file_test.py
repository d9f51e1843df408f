#!/usr/bin/env python3
"""The systemd unit is as closed as it says: systemd's own judge looks at it, and what is opened is
written down here. Usage: unit_file_test.py SOURCE_DIR; exit status 77 where systemd is not installed."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
MOST_EXPOSED = 1.2  # systemd's scale: 0 is closed, 10 is open; "OK" is below 5

# What systemd would also close, and why it is open.
OPEN = {
    "RestrictAddressFamilies=~AF_(INET|INET6)": "it serves HTTP",
    "RestrictAddressFamilies=~AF_UNIX": "the resolver of names (nss-resolve, nscd)",
    "RestrictAddressFamilies=~AF_NETLINK": "the resolver of names asks which families there are",
    "PrivateNetwork=": "it serves HTTP",
    "IPAddressDeny=": "clients and versions are anywhere; the operator's firewall knows them",
    "SystemCallFilter=~@resources": "workers are pinned to CPUs, the descriptor limit is raised",
    "RootDirectory=/RootImage=": "ProtectSystem=strict leaves nothing to write to",
    "DeviceAllow=": "ProtectClock's own entry, which grants nothing without a capability",
}
# What no judge looks at.
REQUIRED = ["LimitCORE=0", "MemoryMax=80%", "UMask=0077", "StateDirectoryMode=0700",
            "LimitNOFILE=65536", "Restart=on-failure"]


def main():
    unit = Path(sys.argv[1]) / "deploy/canary-gateway.service"
    missing = [line for line in REQUIRED if line not in unit.read_text().splitlines()]
    assert not missing, f"the unit lacks {missing}"
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        print("systemd-analyze is not installed")
        return SKIPPED
    said = subprocess.run([analyze, "security", "--offline=true", "--no-pager", str(unit)],
                          capture_output=True, text=True, timeout=60)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    if score is None:  # older than 250: no --offline
        print(said.stdout + said.stderr)
        return SKIPPED
    failed = set(re.findall(r"^✗ (\S+)", said.stdout, re.MULTILINE))
    assert failed <= set(OPEN), f"open without a reason: {sorted(failed - set(OPEN))}"
    assert float(score.group(1)) <= MOST_EXPOSED, said.stdout
    return 0


if __name__ == "__main__":
    sys.exit(main())
