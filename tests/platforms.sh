#!/usr/bin/env bash
# Proves the README's two commands on every supported system: makes a minimal root with debootstrap,
# clones the committed state into it and runs `deploy/quickstart.sh --once` and `tests/run.sh --quick`.
# The tests run as on a bare machine: no /etc/hosts, no /etc/resolv.conf, no network but loopback, no
# right to mount, no namespaces.
#
#   tests/platforms.sh [OPTION...] [SYSTEM...]
#     SYSTEM              debian-12, debian-13 or ubuntu-24.04; without one, both of Debian
#     --full              the whole suite, with sanitizers and fuzzing
#     -R PATTERN          only the tests whose names match, and no quickstart
#     --roots DIRECTORY   keep the roots here and use them again
#     --mirror URL        the archive to make new roots from; otherwise this machine's apt's, or
#                         debootstrap's own
#
# Needs root. About 3 GB for each system, and as much time as two builds and the tests; the compiler
# cache (CCACHE_DIR, or ~/.cache/ccache) is shared with the roots. The output is also written to
# build/platforms/SYSTEM.log.
set -euo pipefail
cd "$(dirname "$0")/.."

roots='' mirror='' systems=() suite=(--quick) selected=() quickstart=yes verdicts=()
while [ $# -gt 0 ]; do
  case "$1" in
    --full) suite=() ;;
    -R) selected=(-R "${2:?-R needs a pattern}") quickstart=no; shift ;;
    --roots) roots=${2:?--roots needs a directory}; shift ;;
    --mirror) mirror=${2:?--mirror needs a URL}; shift ;;
    -h | --help) sed -n '2,18p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    debian-12 | debian-13 | ubuntu-24.04) systems+=("$1") ;;
    *) echo "platforms.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done
[ ${#systems[@]} -gt 0 ] || systems=(debian-12 debian-13)
suite+=("${selected[@]}")
[ "$(id -u)" -eq 0 ] || { echo "platforms.sh: needs root, for debootstrap and chroot" >&2; exit 1; }
deploy/packages.sh platforms

keep=yes
[ -n "$roots" ] || { roots=$(mktemp -d /var/tmp/platforms.XXXXXX) keep=no; }
mkdir -p "$roots" build/platforms "${CCACHE_DIR:=$HOME/.cache/ccache}"
roots=$(realpath "$roots")

step() { printf '\n== %s: %s (%d s so far)\n' "$system" "$*" "$SECONDS"; }

# The archive of a distribution that this machine's own apt uses; nothing when it uses none.
archive() {
  [ -z "$mirror" ] || { echo "$mirror"; return; }
  apt-get indextargets --format "\$(LABEL) \$(SITE)" 'Created-By: Packages' |
    awk -v label="$1" '$1 == label && !found++ { print $2 }'
}

make_root() {
  case "$system" in
    debian-12) arguments=(bookworm "$root" "$(archive Debian)") ;;
    debian-13) arguments=(trixie "$root" "$(archive Debian)") ;;
    # All releases of Ubuntu since gutsy are made alike; an old debootstrap has not heard of noble.
    ubuntu-24.04) arguments=("--components=main,universe" noble "$root" "$(archive Ubuntu)" gutsy) ;;
  esac
  debootstrap --variant=minbase "${arguments[@]}"
  apt-config dump | grep -E '^Acquire::https?::Proxy ' >"$root/etc/apt/apt.conf.d/90proxy" || true
  touch "$root/made"
}

mount_all() {
  mkdir -p "$root/ccache"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --make-rslave "$root/dev"
  mount --bind "$CCACHE_DIR" "$root/ccache"
}

leave_root() {
  umount -lR "$root/ccache" "$root/dev" "$root/proc" 2>/dev/null || true
  [ "$keep" = yes ] || rm -rf --one-file-system "$root"
}

clone() {
  [ -d "$root/src" ] || git clone -q --no-hardlinks . "$root/src"
  git -C "$root/src" fetch -q "$PWD" HEAD
  git -C "$root/src" reset -q --hard FETCH_HEAD
}

# Runs a command in the root.
inside() {
  "${prefix[@]}" chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 CCACHE_DIR=/ccache "$@"
}

# From now on the root lacks what a bare machine lacks.
make_bare() {
  rm -f "$root/etc/hosts" "$root/etc/resolv.conf"
  printf '#!/bin/sh\necho "unshare: not permitted on a bare machine" >&2\nexit 1\n' \
    >"$root/usr/bin/unshare"
  # shellcheck disable=SC2016  # the inner shell's own words
  prefix=(unshare -n sh -ec 'ip link set lo up; exec setpriv --bounding-set=-sys_admin "$@"' sh)
}

prove() {
  trap leave_root EXIT
  [ -e "$root/made" ] || { step debootstrap; rm -rf --one-file-system "$root"; make_root; }
  mount_all
  clone
  prefix=()
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if [ "$quickstart" = yes ]; then
    step "deploy/quickstart.sh --once"
    inside /src/deploy/quickstart.sh --once
  fi
  step "the tests' packages"
  inside /src/deploy/packages.sh test
  step "tests/run.sh ${suite[*]}"
  make_bare
  inside /src/tests/run.sh "${suite[@]}"
}

status=0
for system in "${systems[@]}"; do
  root=$roots/$system log=build/platforms/$system.log
  # A subshell that is no condition keeps its `set -e`.
  set +e
  (set -e; prove) 2>&1 | tee "$log"
  result=${PIPESTATUS[0]}
  set -e
  warnings=$(grep -c ' warning: ' "$log" || true)
  verdicts+=("$system: $([ "$result" -eq 0 ] && echo passed || echo FAILED), $warnings warnings")
  [ "$result" -eq 0 ] && [ "$warnings" -eq 0 ] || status=1
done
[ "$keep" = yes ] || rmdir "$roots"
printf '\n'
printf '%s\n' "${verdicts[@]}"
exit "$status"
