#!/usr/bin/env bash
# Asks a served demo with the real promtool, and lets a real Prometheus scrape and federate it.
#
#   clients/prometheus/smoke.sh [DRIFTLINE]
#
# DRIFTLINE is the program, target/release/driftline by default. PROMTOOL and PROMETHEUS name theirs;
# without them the script says so and ends well.
set -euo pipefail

driftline=${1:-target/release/driftline}
promtool=${PROMTOOL:-$(command -v promtool || true)}
prometheus=${PROMETHEUS:-$(command -v prometheus || true)}
if [[ -z $promtool || -z $prometheus ]]; then
    echo "skipped: promtool and prometheus are not installed"
    exit 0
fi

dir=$(mktemp -d)
pids=()
end() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap end EXIT

: >"$dir/serve.log"
"$driftline" demo --data-dir "$dir/db" >"$dir/demo.log"
"$driftline" serve --data-dir "$dir/db" --grpc-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 \
    --metrics-window 1d >"$dir/serve.log" &
pids+=($!)
for _ in $(seq 100); do
    url=$(sed -n 's/^HTTP on \(http:[^ ]*\).*/\1/p' "$dir/serve.log")
    [[ -n $url ]] && break
    sleep 0.1
done
echo "driftline answers on $url"

# Runs a command and checks that its output has a text.
expect() {
    local want=$1
    shift
    local got
    got=$("$@" 2>&1) || { echo "failed: $*: $got"; exit 1; }
    if [[ $got != *"$want"* ]]; then
        echo "failed: $* gives no $want: $got"
        exit 1
    fi
    echo "ok: ${*:2}"
}

now=$(date +%s)
expect "scalar: 2" "$promtool" query instant "$url" '1+1'
expect 'feature="amount"' "$promtool" query instant "$url" 'topk(3, driftline_psi{window="7d"})'
expect 'driftline_accuracy{' "$promtool" query instant "$url" 'driftline_accuracy{window="7d"}'
expect 'quantile="0.99"' "$promtool" query instant "$url" 'driftline_latency_seconds{window="1d"}'
expect " @[" "$promtool" query range --start=$((now - 604800)) --end="$now" --step=6h "$url" \
    'max(driftline_psi{window="1d"})'
expect 'feature="amount"' "$promtool" query series --match='driftline_psi' "$url"
expect "fraud-demo" "$promtool" query labels "$url" model
expect "driftline_psi" "$promtool" query labels "$url" __name__

expect 'slice="phone"' "$promtool" query instant "$url" 'driftline_predictions{by="device",window="7d"}'
expect 'side="reference"' "$promtool" query instant "$url" \
    'driftline_feature_share{feature="amount",window="7d"}'

# The rules are read, and the server evaluates each of them.
here=$(dirname "$0")
"$promtool" check rules "$here/rules.yml" >/dev/null
echo "ok: check rules"
sed -n 's/^ *expr: //p' "$here/rules.yml" | while read -r rule; do
    expect "" "$promtool" query instant "$url" "$rule"
done

# The lint must find nothing.
curl -sf -H 'Accept: text/plain' "$url/metrics" >"$dir/metrics.txt"
"$promtool" check metrics <"$dir/metrics.txt"
echo "ok: check metrics"

address=${url#http://}
cat >"$dir/prometheus.yml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
  - {job_name: driftline, static_configs: [{targets: ["$address"]}]}
  - job_name: federated
    honor_labels: true
    metrics_path: /federate
    params: {"match[]": ['driftline_psi{window="7d"}', 'driftline_accuracy{window="7d"}']}
    static_configs: [{targets: ["$address"]}]
rule_files: ["$(realpath "$here")/rules.yml"]
YAML
"$promtool" check config "$dir/prometheus.yml" >/dev/null
port=${PROMETHEUS_PORT:-19090}
"$prometheus" --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
    --web.listen-address="127.0.0.1:$port" >"$dir/prometheus.log" 2>&1 &
pids+=($!)
other="http://127.0.0.1:$port"
for _ in $(seq 30); do
    sleep 1
    got=$("$promtool" query instant "$other" 'count(up == 1)' 2>/dev/null || true)
    [[ $got == *"=> 2"* ]] && break
done
expect 'job="driftline"} => 1' "$promtool" query instant "$other" 'up{job="driftline"}'
expect 'job="federated"} => 1' "$promtool" query instant "$other" 'up{job="federated"}'
expect 'window="1d"' "$promtool" query instant "$other" 'driftline_psi{job="driftline"}'
expect 'window="7d"' "$promtool" query instant "$other" 'driftline_accuracy{window="7d"}'
echo "all of it works"
