#!/usr/bin/env bash
# Installs, builds and runs every test. What CI runs; needs nothing but a clone.
#
#   tests/run.sh             units; the same under ASan+UBSan and, where threads meet, under TSan;
#                            end-to-end tests on the release binary, on ASan's, a slice on TSan's
#   tests/run.sh --quick     units, and end-to-end tests on the release binary
#   tests/run.sh [--quick] -R PATTERN    only the tests whose names match (ctest's -R)
#     --strict               a warning of the compiler is an error in the release build, too
#     --no-install           do not look for missing packages
#
# Everything lands in build/; a second run builds only what changed. `ctest --test-dir build/dev`
# runs the tests again without building.
set -euo pipefail
cd "$(dirname "$0")/.."

ci=ON install=yes options=() select=()
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) ci=OFF ;;
    --no-install) install=no ;;
    --strict) options=(-DCMAKE_COMPILE_WARNING_AS_ERROR=ON) ;;
    -R) select=(-R "${2:?-R needs a pattern}"); shift ;;
    -h | --help) sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) echo "run.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done

jobs=$(nproc)
step() { printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"; }

# build PRESET [TARGET...]: configures and builds; cmake's own output shows the progress.
build() {
  local preset=$1
  shift
  step "building $preset"
  cmake --preset "$preset" "${options[@]}" >"build/configure-$preset.log" 2>&1 ||
    { cat "build/configure-$preset.log"; exit 1; }
  cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}

mkdir -p build
if [ "$install" = yes ]; then
  step "packages"
  deploy/packages.sh test
fi

build release
options=(-DCANARY_E2E_BINARY="$PWD/build/release/canary-gateway" -DCANARY_CI="$ci")
build dev
if [ "$ci" = ON ]; then
  options=()
  build asan
  build tsan canary-gateway tsan_units
  step "building fuzz"
  tests/fuzz.sh 0
fi

step "running the tests"
# Most end-to-end tests wait for clocks: two of them share a processor. What uses one fully says so to
# ctest (PROCESSORS) and has it alone.
exec ctest --test-dir build/dev -j $((2 * jobs)) --output-on-failure --no-tests=error "${select[@]}"
