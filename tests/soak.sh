#!/usr/bin/env bash
# The long versions of what `tests/run.sh` runs a short slice of. Ends by itself.
#
#   tests/soak.sh            all of it, about half an hour
#   tests/soak.sh kill       kill -9 of the real gateway at 200 random points of a rollout
#   tests/soak.sh lives      3000 seeds of kill -9, full disks and lost files, in process
#   tests/soak.sh overload   four times the capacity for 30 seconds
#
# CANARY_SEED chooses other points. Needs what tests/run.sh has built.
set -euo pipefail
cd "$(dirname "$0")/.."

kill_points() {
  CANARY_KILLS=${CANARY_KILLS:-200} CANARY_GATEWAY="$PWD/build/release/canary-gateway" \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_plan.py -k kill_9
}
lives() { CANARY_SCENARIO_SEEDS=${CANARY_SCENARIO_SEEDS:-3000} build/dev/tests/scenario_lives; }

overload() {
  CANARY_OVERLOAD_SECONDS=${CANARY_OVERLOAD_SECONDS:-30} \
    CANARY_GATEWAY="$PWD/build/release/canary-gateway" \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_overload.py -k capacity
}

case "${1:-all}" in
  all) kill_points; lives; overload ;;
  overload) overload ;;
  kill) kill_points ;;
  lives) lives ;;
  -h | --help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//' ;;
  *) echo "soak.sh: unknown part '$1' (see --help)" >&2; exit 2 ;;
esac
