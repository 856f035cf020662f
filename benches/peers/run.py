#!/usr/bin/env python3
"""Asks DuckDB, chDB, Polars, scipy, scikit-learn and Evidently what `driftline bench query` and
`bench slices` ask, of the very same files in the same run, and prints how many times as much CPU
time they take.

    pip install -r requirements.txt
    ./run.py --driftline ../../target/release/driftline --rows 1000000 [--data-dir DIR]
             [--evidently PYTHON]

The data directory is made by driftline and kept if it is named; measures of scores are of a model of
two classes in DIR-binary. Each engine runs in a process of its own. Every engine's answer to one
window of each question is compared with driftline's; the run fails where they differ by more than
1e-9, and where an answer that should come from partials alone read a row. CPU time is user and system
of all threads; wall time depends on what else the machine does. Take a million rows or more: segments of
fewer share files, which other readers do not know. A ratio above 1 means that driftline
takes less.

Evidently wants an older pandas, so PYTHON is that of an environment with requirements-evidently.txt;
without it Evidently is left out. Its PSI and JS are over bins that depend on the window, so what is
compared with its answers is driftline's `--as evidently`, which reads rows and whose CPU time,
process and opening included, stands beside. Its ks is a p-value, that of a limit, compared with the one
of `--exact` to 2e-3. The ratio is to the answer that driftline gives from partials by its own definition.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone

import numpy as np

from dataset import START, Clock, Dataset

ENGINES = {
    "duckdb": ("engine_duckdb", "Files"),
    "duckdb-table": ("engine_duckdb", "Table"),
    "duckdb-rollup": ("engine_duckdb", "Rollup"),
    "chdb": ("engine_chdb", "Files"),
    "polars": ("engine_polars", "Files"),
    "scipy": ("engine_scipy", "Files"),
    "sklearn": ("engine_sklearn", "Files"),
    "evidently": ("engine_evidently", "Files"),
}
# What driftline asks as evidently for the same numbers, and the question of its own beside.
EVIDENTLY = {
    "psi": (["--as", "evidently", "--method", "psi"], "psi_window"),
    "js": (["--as", "evidently", "--method", "js"], "js"),
    "wasserstein": (["--as", "evidently", "--method", "wasserstein_norm"], "wasserstein"),
    "ks": (["--exact", "--method", "ks"], "ks_fast"),
}
# Questions whose answers come from partials and nothing else.
FROM_PARTIALS = ("psi_", "confusion", "classes", "js", "ks_fast", "scores")
SCORES = ["roc_auc", "pr_auc", "log_loss", "brier"]
RUNS_MIN, RUNS_MAX = 3, 50
CPU_WANTED_MS = 2_000
TOLERANCE = 1e-9
# scipy's p-value of KS for large samples is a limit that driftline's does not take.
TOLERANCE_OF_P = 2e-3


def questions(data):
    """Those of driftline, by the same names."""
    week = min(data.days, 7)
    if data.binary:
        yield from [f"scores_{days}d" for days in sorted({week, data.days})]
        return
    lengths = ["1h", *[f"{days}d" for days in (1, 7, 30) if days < data.days], f"{data.days}d"]
    yield from [f"psi_window_{length}" for length in lengths]
    yield from [
        f"psi_series_{24 * data.days}h",
        f"confusion_{week}d",
        f"classes_{week}d",
        f"ks_exact_{week}d",
        f"rescan_{week}d",
        *[f"evidently_{method}_{data.days}d" for method in EVIDENTLY],
    ]


def asker(engine, data, what):
    """What asks an engine a question of a window; none where it has no answer."""
    if not engine.answers(what):
        return None
    if what.startswith("psi_window"):
        return lambda window: engine.psi(window, data.bins)
    if what.startswith("rescan"):
        return lambda window: engine.psi(window, data.other_bins)
    if what.startswith("psi_series"):
        return lambda _: engine.psi_series((START, data.end), data.bins)
    if what.startswith("evidently"):
        drift = getattr(engine, "drift", None)
        return drift and (lambda window: drift(what.split("_")[1], window))
    return getattr(engine, "ks_exact" if what.startswith("ks_exact") else what.split("_")[0], None)


def plain(answer):
    """An answer as JSON holds it."""
    if isinstance(answer, np.ndarray):
        return [float(value) for value in answer.ravel()]
    if isinstance(answer, list):
        return sorted(
            [str(label), str(prediction), int(count)] for label, prediction, count in answer
        )
    return [float(answer)]


def measure(name, directory):
    """Runs one engine in this process and prints a line for each question."""
    data = Dataset(directory)
    module, kind = ENGINES[name]
    with Clock() as clock:
        engine = getattr(importlib.import_module(module), kind)(data)
    print(
        json.dumps(
            {
                "engine": name,
                "what": "prepare",
                "cpu_ms": clock.cpu_ms,
                "wall_ms_p50": clock.wall_ms,
            }
        ),
        flush=True,
    )
    for what in questions(data):
        ask = asker(engine, data, what)
        if ask is None:
            continue
        windows = data.windows(what)
        first = next(windows)
        walls, cpus = [], []

        def run(window):
            with Clock() as clock:
                answer = ask(window)
            walls.append(clock.wall_ms)
            cpus.append(clock.cpu_ms)
            return answer

        if getattr(engine, "once", False):
            answer = plain(run(first))
        else:
            answer = plain(ask(first))  # warms up as well
            while len(cpus) < RUNS_MIN or (len(cpus) < RUNS_MAX and sum(cpus) < CPU_WANTED_MS):
                run(next(windows))
        line = {
            "engine": name,
            "what": what,
            "cpu_ms": sum(cpus) / len(cpus),
            "wall_ms_p50": float(np.median(walls)),
            "wall_ms_p99": float(np.quantile(walls, 0.99)),
            "runs": len(cpus),
        }
        if getattr(engine, "exact", True):
            line |= {"window": first, "answer": answer}
        print(json.dumps(line), flush=True)


def text_of(micros):
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)).isoformat()


def ask_driftline(driftline, data, query):
    """A report of driftline's own, and the CPU time of the process that gave it."""
    command = [driftline, "--data-dir", data.database, "--format", "json", "query", *query]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), cpu * 1e3


def own_query(data, what, window):
    """The command that asks driftline the same."""
    if what.startswith("psi_series"):
        window = (START, data.end)
    scope = ["--model", "bench", "--from", text_of(window[0]), "--to", text_of(window[1])]
    if what.startswith("confusion"):
        return ["performance", *scope]
    if what.startswith("classes"):
        return ["performance", *scope, "--metric", "accuracy", "--metric", "f1"]
    if what.startswith("scores"):
        return ["performance", *scope, *[word for name in SCORES for word in ("--metric", name)]]
    names = data.features[:1] if what.startswith("ks_exact") else data.features
    query = ["drift", *scope, *[word for name in names for word in ("--feature", name)]]
    if what.startswith("evidently"):
        return [*query, *EVIDENTLY[what.split("_")[1]][0]]
    if what.startswith("ks_exact"):
        return [*query, "--method", "ks", "--exact"]
    query += ["--method", "psi"]
    if what.startswith("rescan"):
        query += ["--bins", str(len(data.other_bins.edges[data.features[0]]) + 1)]
    if what.startswith("psi_series"):
        query += ["--step", "1h"]
    return query


def own_answer(driftline, data, what, window):
    """What driftline says of a window, exactly, and the CPU time of saying it."""
    query = own_query(data, what, window)
    report, cpu_ms = ask_driftline(
        driftline, data, query + (["--exact"] if what.startswith("scores") else [])
    )
    results = [result for window in report["windows"] for result in window["results"]]
    if what.startswith("confusion"):
        confusion = report["windows"][0]["confusion"]
        cells = [
            [truth, predicted, count]
            for truth, row in zip(confusion["classes"], confusion["counts"])
            for predicted, count in zip(confusion["classes"], row)
        ]
        return sorted(cell for cell in cells if cell[2]), cpu_ms
    if what.startswith("classes"):
        wanted = {("accuracy", None), ("f1", "macro")}
        results = [r for r in results if (r["metric"], r["class"]) in wanted]
    if what.startswith("scores"):
        results = [r for r in results if r["metric"] in SCORES]
    key = "p_value" if what.startswith("evidently_ks") else "value"
    return [result[key] for result in results], cpu_ms


def fast_answer_is_right(driftline, data, what, window, exact):
    """Whether the answer from partials read no row, and is as near the exact one as it says."""
    query = own_query(data, what, window)
    if not what.startswith("psi_series"):
        query = [*query, "--explain"]
    report, _ = ask_driftline(driftline, data, query)
    rows = report.get("rows_scanned", report.get("explain", {}).get("rows", 0))
    near = True
    if what.startswith("scores"):
        results = [r for r in report["windows"][0]["results"] if r["metric"] in SCORES]
        near = all(
            abs(result["value"] - value) <= result["error_bound"] + TOLERANCE
            for result, value in zip(results, exact)
        )
    return rows, near


def same(got, want, tolerance=TOLERANCE):
    if len(got) != len(want):
        return False
    if got and isinstance(got[0], list):
        return got == want
    return all(abs(a - b) <= tolerance * max(1, abs(b)) for a, b in zip(got, want))


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ]
        print("  ".join(cells).rstrip(), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--driftline", help="the program, built for release")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data-dir", help="kept, and used again; a temporary one if not given")
    parser.add_argument(
        "--engines", default=",".join(ENGINES), help="some of " + ", ".join(ENGINES)
    )
    parser.add_argument("--evidently", help="the Python that has Evidently")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        return measure(args.engine, args.data_dir)
    if not args.driftline:
        parser.error("--driftline is needed")
    with tempfile.TemporaryDirectory() as temporary:
        return compare(args, args.data_dir or os.path.join(temporary, "data"))


def bench(args, driftline, kind, directory):
    """Lets driftline make the data and ask; its figures by question."""
    command = [driftline, "bench", kind, "--data-dir", directory, "--format", "json"]
    for name in ("rows", "days", "seed"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}


def beside(what, data):
    """The name of driftline's own question."""
    if what.startswith("evidently"):
        return f"{EVIDENTLY[what.split('_')[1]][1]}_{data.days}d"
    return what


def asked(name, directory, args):
    """Lines of one engine, run in a process of its own."""
    python = args.evidently if name == "evidently" else sys.executable
    inner = [python, os.path.abspath(__file__), "--engine", name, "--data-dir", directory]
    process = subprocess.Popen(inner, stdout=subprocess.PIPE, text=True)
    yield from map(json.loads, process.stdout)
    if process.wait() != 0:
        sys.exit(f"{name} failed")


def compare(args, directory):
    driftline = os.path.abspath(args.driftline)
    engines = args.engines.split(",")
    sets = [("query", directory, engines)]
    if "sklearn" in engines:
        sets.append(("slices", directory.rstrip("/") + "-binary", ["sklearn"]))
    if "evidently" in engines and not args.evidently:
        print("without --evidently PYTHON Evidently is left out", file=sys.stderr)
        engines.remove("evidently")
    rows = [["what", "engine", "CPU ms", "p50 ms", "driftline CPU ms", "ratio", "just opened"]]
    wrong = 0
    for kind, directory, engines in sets:
        own = bench(args, driftline, kind, directory)
        data = Dataset(directory)
        for name in engines:
            for line in asked(name, directory, args):
                row, differs = judge(line, driftline, data, own)
                rows.append(row)
                wrong += differs
    head, rest = rows[0], sorted(rows[1:], key=lambda row: row[0])
    table([head, *rest])
    return 1 if wrong else 0


def judge(line, driftline, data, own):
    """Prints a line of an engine with driftline's beside it; its row of the table, and whether they
    differ or rows were read."""
    name, what = line["engine"], line["what"]
    answer, window = line.pop("answer", None), line.pop("window", None)
    mine = own.get(beside(what, data), {}).get("cpu_ms")
    cold = own.get(f"{beside(what, data)}_cold", {}).get("cpu_ms")
    line = {"bench": "peers", "rows": data.rows} | line
    if mine:
        line |= {"driftline_cpu_ms": mine, "ratio": line["cpu_ms"] / mine}
        line |= {"ratio_cold": line["cpu_ms"] / cold}
    differs = False
    if answer is not None:
        exact, cpu_ms = own_answer(driftline, data, what, window)
        tolerance = TOLERANCE_OF_P if what.startswith("evidently_ks") else TOLERANCE
        line["same"] = same(answer, exact, tolerance)
        if what.startswith("evidently"):
            line["driftline_same_cpu_ms"] = cpu_ms
            line["largest_difference"] = max(abs(a - b) for a, b in zip(answer, exact))
        if what.startswith(FROM_PARTIALS):
            line["driftline_rows_read"], near = fast_answer_is_right(
                driftline, data, what, window, exact
            )
            if line["driftline_rows_read"] or not near:
                differs = True
                print(f"driftline read rows, or is far off, in {what} of {window}", file=sys.stderr)
        if not line["same"]:
            differs = True
            print(f"{name} and driftline differ in {what} of {window}", file=sys.stderr)
    print(json.dumps(line), flush=True)
    number = lambda key: f"{line[key]:,.2f}" if key in line else ""
    ratio = lambda key: f"{line[key]:,.1f} x" if key in line else ""
    own_ms = f"{mine:,.3f}" if mine else ""
    row = [what, name, number("cpu_ms"), number("wall_ms_p50"), own_ms]
    return [*row, ratio("ratio"), ratio("ratio_cold")], differs


if __name__ == "__main__":
    sys.exit(main())
