#!/usr/bin/env bash
# CPU per request of the gateway beside nginx and HAProxy, interleaved in one run.
#
#   loadtest/compare.sh [--rounds N] [--seconds S] [--workloads a,b,c,e]
#
# Installs the peers (Debian packages), builds what is missing, prints a table and writes it to
# build/loadtest/. Proxies run on CPU 0, the load and the backend on CPU 1: keep the machine quiet.
set -euo pipefail
cd "$(dirname "$0")/.."
deploy/packages.sh build loadtest
cmake --preset release >/dev/null
cmake --build --preset release --target canary-gateway loadtest_backend
exec /usr/bin/python3 loadtest/compare.py "$@"
