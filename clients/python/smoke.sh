#!/bin/sh
# Tries the example against a server of its own, on free ports in a temporary directory:
# `DRIFTLINE=path/to/driftline PYTHON=venv/bin/python ./smoke.sh`.
set -eu
cd "$(dirname "$0")"
driftline=${DRIFTLINE:-driftline}
python=${PYTHON:-python3}
work=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server"; } || true; rm -rf "$work"; }
trap stop EXIT

PYTHON=$python ./generate.sh
: >"$work/stdout"
"$driftline" serve --data-dir "$work/data" --grpc-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 \
    >"$work/stdout" &
server=$!
tries=0
until address=$(sed -n 's|^gRPC on http://||p' "$work/stdout") && [ -n "$address" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || { echo "the server did not start" >&2; exit 1; }
    sleep 0.1
done

# Runs a script and shows its output; `expect` then looks for lines in it.
run() { echo "\$ python $*"; "$python" "$@" >"$work/answer"; cat "$work/answer"; }
expect() { grep -qF -- "$1" "$work/answer" || { echo "missing: $1" >&2; exit 1; }; }

run monitor.py "$address"
expect "reference training: 20000 rows"
expect "sent once: 40000 accepted, 0 duplicates"
expect "sent again: 0 accepted, 40000 duplicates"
expect "labels: 40000 matched, 0 waiting"
run errors.py "$address"
expect 'NOT_FOUND: there is no model "fruad", did you mean "fraud"?'
expect "field batch[0].amount: is a category column, must be numeric"
expect "field rows[0].prediction_id: "
expect "the window ends before it starts"
run alerts.py "$address"
expect 'field rule "drift": when: "> a lot" '
expect "applied once: 2 differences, revision 1"
expect "applied again: 0 differences, revision 1"
expect "  window: 1d"
expect 'rule="drift" feature=~"amount|age"'
run reflect.py "$address"
expect "StreamPredictions(stream StreamPredictionsRequest) returns (stream "
span='"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-03T00:00:00Z", "step": "86400s"'
run reflect.py "$address" driftline.v1.QueryService/QueryDrift \
    "{\"scope\": {\"model\": \"fraud\", $span}, \"features\": [\"amount\", \"country\"]}"
"$python" - "$work/answer" <<'END'
import json, sys
first, second = json.load(open(sys.argv[1]))["windows"]
values = [{r["feature"]: r["value"] for r in w["results"]} for w in (first, second)]
assert first["predictions"] == second["predictions"] == "20000", (first, second)
assert values[0]["amount"] < 0.01 and values[1]["amount"] > 1, values
assert values[0]["country"] < 0.01 and values[1]["country"] < 0.01, values
END

kill -TERM "$server"
wait "$server"
server=
echo "all as expected"
