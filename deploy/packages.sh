#!/usr/bin/env bash
# Installs the Debian packages that one purpose needs, and nothing where they are there already.
# Knows Debian 12 and 13; the tests need Debian 12 (Catch2 2, clang 14).
#
#   deploy/packages.sh run            the libraries that a built gateway links
#   deploy/packages.sh build          compile the gateway
#   deploy/packages.sh quickstart     the model servers and tools of deploy/quickstart.sh
#   deploy/packages.sh test           all that tests/run.sh uses (includes build and quickstart)
#   deploy/packages.sh coverage       what tests/coverage.sh uses beside that
#   deploy/packages.sh loadtest       the peers of loadtest/compare.sh
#
# Several purposes may be named at once. Needs root (or sudo) only when something is missing.
set -euo pipefail

release=$(. /etc/os-release && echo "${ID:-}-${VERSION_ID:-}")
case "$release" in
  debian-12) boost=libboost1.81-dev libraries=(libyaml-cpp0.7 libspdlog1.10 libfmt9 libssl3) ;;
  debian-13) boost=libboost1.83-dev libraries=(libyaml-cpp0.8 libspdlog1.15 libfmt10 libssl3t64) ;;
  *) echo "packages.sh: knows the packages of Debian 12 and 13, and this is $release" >&2; exit 1 ;;
esac

run=("${libraries[@]}" libprometheus-cpp-core1.0 libsqlite3-0 ca-certificates)
build=(
  g++ cmake ninja-build ccache git ca-certificates
  "$boost" libyaml-cpp-dev prometheus-cpp-dev libspdlog-dev libfmt-dev
  libcli11-dev libsqlite3-dev libssl-dev
)
quickstart=(curl procps python3 python3-numpy python3-fastapi python3-uvicorn)
tests=(
  catch2 librapidcheck-dev clang-14 libclang-rt-14-dev llvm-14
  prometheus python3-pytest python3-jsonschema python3-yaml python3-websockets strace sqlite3 valgrind
  libfaketime
)
coverage=(gcovr)
loadtest=(nginx-light haproxy python3)

usage() { sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//'; }

wanted=()
for purpose in "$@"; do
  case "$purpose" in
    run) wanted+=("${run[@]}") ;;
    build) wanted+=("${build[@]}") ;;
    quickstart) wanted+=("${build[@]}" "${quickstart[@]}") ;;
    test)
      [ "$release" = debian-12 ] || {
        echo "packages.sh: the tests need Debian 12 (Catch2 2, clang 14); this is $release" >&2
        exit 1
      }
      wanted+=("${build[@]}" "${quickstart[@]}" "${tests[@]}")
      ;;
    coverage) wanted+=("${coverage[@]}") ;;
    loadtest) wanted+=("${loadtest[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "packages.sh: unknown purpose '$purpose'" >&2; usage >&2; exit 2 ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || { usage >&2; exit 2; }

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
