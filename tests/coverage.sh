#!/usr/bin/env bash
# Which lines and branches of gateway/ the tests run: a table per room, and pages in
# build/coverage/html. What it showed and what was made of it: docs/testing.md.
#
#   tests/coverage.sh              all units, and a slice of the end-to-end tests
#   tests/coverage.sh ROOM...      the units of these rooms and the same slice; only their rows count
#
# CANARY_COVERAGE_E2E names other end-to-end files ("http_passed drain"), or none ("").
set -euo pipefail
cd "$(dirname "$0")/.."
slice=${CANARY_COVERAGE_E2E-http_answers http_dialogue http_limits http_passed http_refused smuggling \
failures streaming tunnel routing split weight rollback reload drain admin observation notify}
build=build/coverage jobs=$(nproc)

deploy/packages.sh coverage
mkdir -p build
cmake --preset coverage >build/configure-coverage.log
if [ $# -gt 0 ]; then units=("${@/#/unit_}"); else
  mapfile -t units < <(cd tests/unit && printf 'unit_%s\n' *)
fi
cmake --build --preset coverage -j "$jobs" --target canary-gateway "${units[@]}"
find "$build" -name '*.gcda' -delete

for unit in "${units[@]}"; do
  echo "== $unit"
  "$build/tests/$unit" 2>/dev/null | tail -n 3
done
files=()
for name in $slice; do files+=("tests/e2e/test_$name.py"); done
if [ ${#files[@]} -gt 0 ]; then
  echo "== end to end: $slice"
  # Counting slows the gateway down, as a sanitizer does: the tests give it time.
  CANARY_GATEWAY=$PWD/$build/canary-gateway CANARY_SANITIZER=coverage PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 -m pytest -q -p no:cacheprovider "${files[@]}" | tail -n 5
fi

mkdir -p "$build/html"
gcovr --root . --object-directory "$build" --filter gateway/ --exclude-throw-branches \
  --exclude-unreachable-branches --html-details "$build/html/index.html" \
  --json-summary "$build/summary.json" --print-summary
/usr/bin/python3 - "$build/summary.json" <<'PYTHON'
import collections, json, sys

rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
for file in json.load(open(sys.argv[1], encoding="utf-8"))["files"]:
    row = rooms[file["filename"].split("/")[1]]
    for at, key in enumerate(("line_covered", "line_total", "branch_covered", "branch_total")):
        row[at] += file[key]
print(f"{'room':12} {'lines':>15} {'branches':>15}")
for room, (lines, all_lines, branches, all_branches) in sorted(rooms.items()):
    print(f"{room:12} {lines:5} of {all_lines:5} {100 * lines / max(all_lines, 1):3.0f}%"
          f"{branches:5} of {all_branches:5} {100 * branches / max(all_branches, 1):3.0f}%")
PYTHON
echo "pages: $build/html/index.html"
