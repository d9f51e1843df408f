#!/usr/bin/env bash
# CPU per request, latency and idle memory of the gateway beside nginx, HAProxy and the floor,
# interleaved in one run.
#
#   loadtest/compare.sh [--rounds N] [--seconds S] [--workloads abcdefg] [--real-time]
#                       [--only cpu|latency|idle]
#
# Installs the peers (Debian packages), builds what is missing, prints tables and writes them to
# build/loadtest/ (compare.json, compare.md, compare.svg). About ten minutes. Proxies run on CPU 0,
# load and backend on CPU 1: keep the machine quiet.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -h | --help) sed -n '2,11p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;; esac
deploy/packages.sh build loadtest
cmake --preset release >/dev/null
cmake --build --preset release --target canary-gateway loadtest_tools
PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 loadtest/compare.py "$@"
