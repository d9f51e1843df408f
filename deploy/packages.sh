#!/usr/bin/env bash
# Installs the packages that one purpose needs, and nothing where they are there already.
# Knows Debian 12 and 13 and Ubuntu 24.04; elsewhere it lists what is needed and installs nothing.
#
#   deploy/packages.sh run            the libraries that a built gateway links
#   deploy/packages.sh build          compile the gateway
#   deploy/packages.sh quickstart     the model servers and tools of deploy/quickstart.sh
#   deploy/packages.sh test           all that tests/run.sh uses (includes build and quickstart)
#   deploy/packages.sh coverage       what tests/coverage.sh uses beside that
#   deploy/packages.sh loadtest       the peers of loadtest/compare.sh
#   deploy/packages.sh platforms      what tests/platforms.sh uses to make other systems' roots
#
# Several purposes may be named at once. Needs root (or sudo) only when something is missing.
set -euo pipefail

usage() { sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'; }

unknown_system() {
  cat >&2 <<NEEDED
packages.sh: the package names of this system ($release) are not known here. Install these yourself:
  to build     a C++20 compiler (GCC 12 to 14 and clang 14 to 19 are tried), CMake 3.25, Ninja, git;
               with headers: Boost 1.81 to 1.83, yaml-cpp 0.7 or 0.8, prometheus-cpp 1.0 (core),
               spdlog 1.10 to 1.15 with fmt, CLI11 2, SQLite 3, OpenSSL 3; ccache saves time
  to try it    curl, pgrep, Python 3 with numpy, FastAPI and uvicorn
  to test it   Catch2 2 or 3, rapidcheck, clang with the sanitizers and libFuzzer, llvm-symbolizer,
               promtool, strace, sqlite3, valgrind, libfaketime,
               Python 3 with pytest, jsonschema, yaml and websockets
then say --no-install to deploy/quickstart.sh and tests/run.sh.
NEEDED
  exit 1
}

release=$(. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}")
boost=libboost-dev
case "$release" in
  debian-12)
    boost=libboost1.81-dev # its default is 1.74
    libraries=(libyaml-cpp0.7 libspdlog1.10 libfmt9 libssl3)
    ;;
  debian-13) libraries=(libyaml-cpp0.8 libspdlog1.15 libfmt10 libssl3t64) ;;
  ubuntu-24.04) libraries=(libyaml-cpp0.8 libspdlog1.12 libfmt9 libssl3t64) ;;
  *) libraries=() ;;
esac

run=("${libraries[@]}" libprometheus-cpp-core1.0 libsqlite3-0 ca-certificates)
build=(
  g++ cmake ninja-build ccache git ca-certificates
  "$boost" libyaml-cpp-dev prometheus-cpp-dev libspdlog-dev libfmt-dev
  libcli11-dev libsqlite3-dev libssl-dev
)
quickstart=(curl procps python3 python3-numpy python3-fastapi python3-uvicorn)
tests=(
  catch2 librapidcheck-dev clang libclang-rt-dev llvm
  prometheus python3-pytest python3-jsonschema python3-yaml python3-websockets strace sqlite3 valgrind
  libfaketime
)
coverage=(gcovr)
loadtest=(nginx-light haproxy python3)
platforms=(debootstrap iproute2)

wanted=()
for purpose in "$@"; do
  case "$purpose" in
    run) wanted+=("${run[@]}") ;;
    build) wanted+=("${build[@]}") ;;
    quickstart) wanted+=("${build[@]}" "${quickstart[@]}") ;;
    test) wanted+=("${build[@]}" "${quickstart[@]}" "${tests[@]}") ;;
    coverage) wanted+=("${coverage[@]}") ;;
    loadtest) wanted+=("${loadtest[@]}") ;;
    platforms) wanted+=("${platforms[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "packages.sh: unknown purpose '$purpose'" >&2; usage >&2; exit 2 ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || { usage >&2; exit 2; }
[ ${#libraries[@]} -gt 0 ] || unknown_system

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "packages.sh: these packages are missing and need root to install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "packages.sh: installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
