#!/bin/sh
# Makes a database in which every panel of the dashboards has something to show: the month of `driftline demo`,
# a challenger beside its model, two metric series, and a rule or two that fire.
#
#   fill.sh DRIFTLINE DIR
#
# DRIFTLINE is the program and DIR the database, which must not be there yet. Needs a shell and awk.
set -eu
driftline=$1
dir=$2
here=$(cd "$(dirname "$0")" && pwd)
rows=$(mktemp -d)
trap 'rm -rf "$rows"' EXIT

# The month of the demo ends with the last midnight, in UTC.
end=$(($(date +%s) / 86400 * 86400))
"$driftline" demo --data-dir "$dir" >/dev/null
awk -v end="$end" -f "$here/challenger.awk" >"$rows/challenger.csv"
awk -v end="$end" -f "$here/series.awk" >"$rows/series.csv"
"$driftline" import predictions --data-dir "$dir" --model fraud-demo --version 2 "$rows/challenger.csv" >/dev/null
"$driftline" import series --data-dir "$dir" --model fraud-demo --version 1 "$rows/series.csv" >/dev/null
"$driftline" rules apply --data-dir "$dir" --by demo "$here/rules.toml" >/dev/null
