#!/usr/bin/env bash
# The long versions of what `tests/run.sh` runs a short slice of. Each ends by itself and says what it
# measured (docs/testing.md).
#
#   tests/soak.sh            all of it but `sanitized`, about 50 minutes
#   tests/soak.sh kill       kill -9 of the real gateway at 200 random points of a rollout
#   tests/soak.sh lives      3000 seeds of kill -9, full disks and lost files, in process
#   tests/soak.sh latches [SECONDS]   new seeds of everything that may open a latch, for ten minutes
#   tests/soak.sh overload   four times the capacity for 30 seconds
#   tests/soak.sh faults     dying, hanging, resetting, refusing upstreams; full and harmed disks; ten
#                            thousand clients that poison the statistics
#   tests/soak.sh idle       10000 idle connections; 200 slow readers of 10 MiB
#   tests/soak.sh churn      100000 connections, 64 at a time
#   tests/soak.sh soak       ten minutes of 500 requests per second, malformed ones, a reload every 5 s,
#                            a weight change every second
#   tests/soak.sh sanitized  three minutes of the same at a low rate, under ASan and under TSan
#
# CANARY_SEED chooses other points, CANARY_SOAK_SECONDS and CANARY_SOAK_RATE another soak. Needs what
# tests/run.sh has built.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1 CANARY_GATEWAY=${CANARY_GATEWAY:-$PWD/build/release/canary-gateway}

# end_to_end FILE... [-k NAMES]: shows what the tests print.
end_to_end() { /usr/bin/python3 -m pytest -q -rP --show-capture=stdout -p no:cacheprovider "$@" | grep -v '^{"time'; }
long() { CANARY_LONG=1 end_to_end "$@"; }

kill_points() { CANARY_KILLS=${CANARY_KILLS:-200} end_to_end tests/e2e/test_plan.py -k kill_9; }
lives() { CANARY_SCENARIO_SEEDS=${CANARY_SCENARIO_SEEDS:-3000} build/dev/tests/scenario_lives; }
latches() { CANARY_LATCH_SECONDS=${CANARY_LATCH_SECONDS:-600} build/dev/tests/scenario_latches; }
overload() {
  CANARY_OVERLOAD_SECONDS=${CANARY_OVERLOAD_SECONDS:-30} end_to_end tests/e2e/test_overload.py -k capacity
}
faults() { long tests/e2e/test_fault_{upstreams,disks,poisoning}.py; }
idle() { long tests/e2e/test_fault_clients.py -k "idle or slow"; }
churn() { long tests/e2e/test_fault_clients.py -k thousand; }
soak() {
  CANARY_SOAK_SECONDS=${CANARY_SOAK_SECONDS:-600} CANARY_SOAK_RATE=${CANARY_SOAK_RATE:-500} \
    end_to_end tests/e2e/test_fault_soak.py
}
sanitized() {
  local seconds=${CANARY_SOAK_SECONDS:-180} rate=${CANARY_SOAK_RATE:-50} steady=()
  ! setarch -R true 2>/dev/null || steady=(setarch -R)
  for sanitizer in asan tsan; do
    echo "== $sanitizer"
    CANARY_SANITIZER=$sanitizer CANARY_GATEWAY=$PWD/build/$sanitizer/canary-gateway \
      CANARY_SOAK_SECONDS=$seconds CANARY_SOAK_RATE=$rate "${steady[@]}" \
      /usr/bin/env ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
      UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1 \
      /usr/bin/python3 -m pytest -q -rP -p no:cacheprovider tests/e2e/test_fault_soak.py |
      grep -v '^{"time'
  done
}

case "${1:-all}" in
  all) for part in kill_points lives latches overload faults idle churn soak; do $part; done ;;
  kill) kill_points ;;
  latches) CANARY_LATCH_SECONDS=${2:-600} latches ;;
  lives | overload | faults | idle | churn | soak | sanitized) "$1" ;;
  -h | --help) sed -n '2,22p' "$0" | sed 's/^# \{0,1\}//' ;;
  *) echo "soak.sh: unknown part '$1' (see --help)" >&2; exit 2 ;;
esac
