#!/bin/sh
# Fuzzes each target of tests/fuzz for some seconds: tests/fuzz.sh [seconds per target, 60; 0: builds
# them and no more]
# What it learns stays in build/fuzz; an input that breaks something is left there and named.
set -eu
seconds=${1:-60}
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/fuzz
targets="fuzz_request_head fuzz_response_head fuzz_chunked_body fuzz_request_stream fuzz_config"

(cd "$root" && cmake --preset fuzz >/dev/null)
# shellcheck disable=SC2086 # one argument per target
cmake --build "$build" --target $targets

[ "$seconds" -gt 0 ] || exit 0
for target in $targets; do
  echo "== $target, $seconds s"
  mkdir -p "$build/corpus/$target"
  dict=http
  [ "$target" != fuzz_config ] || dict=config
  "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 \
    -print_final_stats=0 -verbosity=0 -dict="$root/tests/fuzz/$dict.dict" \
    -artifact_prefix="$build/$target-" "$build/corpus/$target" "$root/tests/fuzz/corpus/$target"
done
