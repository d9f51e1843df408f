#!/usr/bin/env bash
# Proves that a clone needs nothing but Debian: makes a minimal root with debootstrap, clones the
# committed state into it, installs packages and runs the tests there. The root has no /etc/hosts, no
# /etc/resolv.conf, no network but loopback, no right to mount, and no namespaces.
#
#   tests/bare.sh [OPTION...] [ARGUMENT OF run.sh...]
#     --release CODENAME   bookworm (default), or trixie: builds the release preset and tries it,
#                          because the tests need Debian 12
#     --root DIRECTORY     use and keep this root; made when it is not there
#
# Needs root, debootstrap and iproute2. About 3 GB. CCACHE_DIR (default ~/.cache/ccache) is shared.
set -euo pipefail
cd "$(dirname "$0")/.."

release=bookworm root=
while [ $# -gt 0 ]; do
  case "$1" in
    --release) release=${2:?--release needs a codename}; shift 2 ;;
    --root) root=${2:?--root needs a directory}; shift 2 ;;
    -h | --help) sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) break ;;
  esac
done
case "$release" in
  bookworm) purpose=test ;;
  trixie) purpose=build ;;
  *) echo "bare.sh: unknown release '$release' (bookworm or trixie)" >&2; exit 2 ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "bare.sh: needs root, for debootstrap and chroot" >&2; exit 1; }
for tool in debootstrap ip; do
  command -v "$tool" >/dev/null || { echo "bare.sh: $tool is missing" >&2; exit 1; }
done

keep=yes
[ -n "$root" ] || { root=$(mktemp -d /var/tmp/bare.XXXXXX) keep=no; }
mkdir -p "$root"
root=$(realpath "$root")
mounted=()
mount_in() {
  local target=$root/${*: -1}
  mkdir -p "$target"
  mount "${@:1:$#-1}" "$target"
  mounted=("$target" "${mounted[@]}")
}
clean_up() {
  for target in "${mounted[@]}"; do umount -l "$target"; done
  [ "$keep" = yes ] || rm -rf --one-file-system "$root"
}
trap clean_up EXIT
inside() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    CCACHE_DIR=/ccache "$@"
}

[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$release" "$root"
mount_in -t proc proc proc
mount_in --rbind /dev dev
mount --make-rslave "$root/dev"
mkdir -p "${CCACHE_DIR:=$HOME/.cache/ccache}"
mount_in --bind "$CCACHE_DIR" ccache

rm -rf "$root/src/.git" "$root/src.new"
git clone -q --no-hardlinks . "$root/src.new"
mkdir -p "$root/src"
find "$root/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
find "$root/src.new" -mindepth 1 -maxdepth 1 -exec mv -t "$root/src" {} +
rmdir "$root/src.new"

cp /etc/resolv.conf "$root/etc/resolv.conf"
inside /src/deploy/packages.sh "$purpose"
rm -f "$root/etc/hosts" "$root/etc/resolv.conf"
printf '#!/bin/sh\necho "unshare: not permitted on a bare machine" >&2\nexit 1\n' \
  >"$root/usr/bin/unshare"

if [ "$release" = trixie ]; then
  inside sh -ec 'cd /src && cmake --preset release && cmake --build --preset release
    build/release/canary-gateway --version && build/release/canary-gateway check config/minimal.yaml'
  exit
fi
# shellcheck disable=SC2016  # the inner shell's own words
unshare -n sh -ec 'ip link set lo up; exec setpriv --bounding-set=-sys_admin "$@"' sh \
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  CCACHE_DIR=/ccache /src/tests/run.sh --no-install "$@"
