#!/usr/bin/env bash
# The gateway in front of two real model servers, on this machine: builds it, starts everything,
# breaks the canary and shows how it is taken out. Ends only what it started itself.
#
#   deploy/quickstart.sh                 stays up afterwards, until Ctrl-C
#   deploy/quickstart.sh --once          ends by itself: status 0 if the story went as told, else 1
#     --port N        of the data listener   (8080; another one when it is taken)
#     --admin-port N  of the admin listener  (9901; another one when it is taken)
#     --no-install    do not look for missing packages
#     --no-build      use build/release as it is
set -euo pipefail
cd "$(dirname "$0")/.."

once=no install=yes build=yes port=8080 admin_port=9901
while [ $# -gt 0 ]; do
  case "$1" in
    --once) once=yes ;;
    --no-install) install=no ;;
    --no-build) build=no ;;
    --port) port=${2:?--port needs a number}; shift ;;
    --admin-port) admin_port=${2:?--admin-port needs a number}; shift ;;
    -h | --help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) echo "quickstart.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
  esac
  shift
done

work=$(mktemp -d -t canary-quickstart.XXXXXX)
pids=()
finish() {
  local status=$?
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "The logs are kept in $work" >&2; fi
  exit "$status"
}
interrupted=130  # exit status of a Ctrl-C: a failure until the story is told
trap finish EXIT
trap 'exit $interrupted' INT TERM

if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold='' plain=''; fi
step() { printf '\n%s\n' "$bold== $*$plain"; }
say() { printf '   %s\n' "$*"; }
indent() { sed 's/^/   /'; }
fail() { printf '\nquickstart.sh: %s\n' "$*" >&2; exit 1; }

# until_true SECONDS WHAT COMMAND...: polls ten times a second; fails the story when the time is up.
until_true() {
  local tries=$(($1 * 10)) what=$2
  shift 2
  until "$@"; do
    [ $((tries -= 1)) -gt 0 ] || fail "waited in vain: $what (see $work)"
    sleep 0.1
  done
}

# free_port WANTED TAKEN...: WANTED, or one that the kernel says is free.
free_port() {
  /usr/bin/python3 - "$@" <<'PYTHON'
import socket, sys
wanted, taken = int(sys.argv[1]), sys.argv[2:]
for port in (wanted, 0, 0, 0, 0, 0, 0, 0, 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        found = probe.getsockname()[1]
    if str(found) not in taken:
        print(found)
        break
PYTHON
}

choose_port() {  # choose_port NAME WANTED TAKEN... -> $chosen
  chosen=$(free_port "${@:2}")
  [ "$chosen" = "$2" ] || say "port $2 is taken: the $1 listens on $chosen instead"
}

field() {  # field PYTHON-EXPRESSION: of the JSON document `d` on standard input
  /usr/bin/python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"
}

step "1. Packages and the release build"
if [ "$install" = yes ]; then deploy/packages.sh quickstart; fi
if [ "$build" = yes ]; then
  cmake --preset release >"$work/cmake.log" || { cat "$work/cmake.log"; fail "cmake failed"; }
  cmake --build --preset release
fi
gateway=build/release/canary-gateway
[ -x "$gateway" ] || fail "there is no $gateway: run without --no-build"
say "$($gateway version)"

step "2. Two model servers: FastAPI and uvicorn, each with a regression trained just now"
start_model() {  # start_model VERSION PORT -> $chosen, the port
  choose_port "model server $1" "$2" "$port" "$admin_port"
  /usr/bin/python3 deploy/model_server/server.py --version "$1" --port "$chosen" \
    >"$work/$1.log" 2>&1 &
  pids+=($!)
}
start_model comp-critic_v1 9001; v1_port=$chosen
start_model comp-critic_v2 9002; v2_port=$chosen
for version in comp-critic_v1 comp-critic_v2; do
  until_true 30 "$version listens" grep -q listening "$work/$version.log"
  say "$(field "f\"{d['version']} on http://{d['address']}: mean absolute error {d['mae']} mpg\"" \
    < <(head -1 "$work/$version.log"))"
done

step "3. The gateway, on a copy of config/quickstart.yaml"
choose_port "data listener" "$port" "$v1_port" "$v2_port"; port=$chosen
choose_port "admin listener" "$admin_port" "$v1_port" "$v2_port" "$port"; admin_port=$chosen
config=$work/gateway.yaml data=http://127.0.0.1:$port admin=http://127.0.0.1:$admin_port
sed -e "s|127.0.0.1:8080|127.0.0.1:$port|" -e "s|127.0.0.1:9901|127.0.0.1:$admin_port|" \
  -e "s|127.0.0.1:9001|127.0.0.1:$v1_port|" -e "s|127.0.0.1:9002|127.0.0.1:$v2_port|" \
  -e "s|^state_dir:.*|state_dir: $work/state|" config/quickstart.yaml >"$config"
"$gateway" run -c "$config" 2>"$work/gateway.log" &
pids+=($!)
until_true 30 "the gateway is ready" curl -sf -o "$work/ready" "$admin/internal/readyz"
say "ready: data on $data, admin on $admin, configuration $config"

model_version() { curl -sS "$data/internal/model-version"; }
show() { say "\$ curl $data/internal/model-version"; say "$(model_version)"; }
weight_is() { model_version | grep -Eq "\"rollout_percentage\": ?$1(\.0)?[,}]"; }
load() { /usr/bin/python3 deploy/model_server/load.py "$data" "$@"; }

step "4. 2000 predictions, 10% of the users on v2"
show
load --requests 2000 --canary comp-critic_v2 --percentage 10 --no-failures | indent ||
  fail "the split or the answers are not as they should be"

step "5. The percentage edited in the file: 50%"
sed -i 's/rollout_percentage: 10 /rollout_percentage: 50 /' "$config"
say "$(grep rollout_percentage "$config" | sed 's/^ *//')"
until_true 15 "the gateway takes up 50%" weight_is 50
show
load --requests 2000 --first-user 2001 --canary comp-critic_v2 --percentage 50 --no-failures |
  indent || fail "the split or the answers are not as they should be"

step "6. v2 starts to fail: 3 of 10 of its answers are 500, under load"
load --seconds 60 >"$work/load.log" &
load_pid=$!
pids+=("$load_pid")
curl -sSf -o "$work/fault" -H 'Content-Type: application/json' -d '{"error_rate": 0.3}' \
  "http://127.0.0.1:$v2_port/_fault"
began=$(date +%s%N)
rollout() { curl -sS "$admin/internal/status" | field "d['models'][0]['rollout']['$1']"; }
rolled_back() { [ "$(rollout status)" = rolled_back ]; }
until_true 45 "the gateway rolls v2 back" rolled_back
took=$((($(date +%s%N) - began) / 100000000))
say "rolled back $((took / 10)).$((took % 10)) s later: $(rollout reason)"

step "7. Every request goes to v1, and stays there until a person says otherwise"
only_v1() { [ "$(model_version)" = '{"model":"comp-critic_v1"}' ]; }
until_true 10 "model-version names v1 alone" only_v1
show
served() { curl -sS "http://127.0.0.1:$v2_port/_stats" | field "d['requests']"; }
before=$(served)
kill -TERM "$load_pid"; wait "$load_pid" || true
unset 'pids[-1]'
indent <"$work/load.log"
load --requests 1000 --canary comp-critic_v2 --percentage 0 --no-failures | indent ||
  fail "requests failed or reached v2 after the rollback"
[ "$(served)" = "$before" ] || fail "v2 was asked $(($(served) - before)) times after the rollback"
say "v2 has not been asked once since model-version said v1"

step "It went as it should"
[ "$once" = no ] || exit 0  # nothing below answers any more
cat <<URLS | indent
predict    curl $data/v1/models/comp-critic:predict -d '{"instances":[[8,307,130,3504,12,1970]]}'
version    curl $data/internal/model-version
status     $gateway status --admin $admin
metrics    $admin/metrics
history    $admin/internal/history
try again  $gateway resume comp-critic --reason "v2 is mended" --admin $admin
file       $config
URLS
printf '\nEverything stays up until Ctrl-C.\n'
interrupted=0
wait -n || true
fail "a server ended by itself"
