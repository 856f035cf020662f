#!/usr/bin/env python3
"""Asks DuckDB, chDB, Polars and scipy what `driftline bench query` asks, of the very same files in
the same run, and prints how many times as much CPU time they take.

    pip install -r requirements.txt
    ./run.py --driftline ../../target/release/driftline --rows 1000000 [--data-dir DIR]

The data directory is made by driftline and kept if it is named. Each engine runs in a process of
its own. Every engine's answer to one window of each question is compared with driftline's; the run
fails where they differ by more than 1e-9. CPU time is user and system of all threads; wall time
depends on what else the machine does. A ratio above 1 means that driftline takes less.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from dataset import START, Clock, Dataset

ENGINES = {
    "duckdb": ("engine_duckdb", "Files"),
    "duckdb-table": ("engine_duckdb", "Table"),
    "duckdb-rollup": ("engine_duckdb", "Rollup"),
    "chdb": ("engine_chdb", "Files"),
    "polars": ("engine_polars", "Files"),
    "scipy": ("engine_scipy", "Files"),
}
RUNS_MIN, RUNS_MAX = 3, 50
CPU_WANTED_MS = 2_000
TOLERANCE = 1e-9


def questions(data):
    """Those of driftline, by the same names."""
    week = min(data.days, 7)
    lengths = ["1h", *[f"{days}d" for days in (1, 7, 30) if days < data.days], f"{data.days}d"]
    yield from [f"psi_window_{length}" for length in lengths]
    yield from [
        f"psi_series_{24 * data.days}h",
        f"confusion_{week}d",
        f"ks_exact_{week}d",
        f"rescan_{week}d",
    ]


def asker(engine, data, what):
    if what.startswith("psi_window"):
        return lambda window: engine.psi(window, data.bins)
    if what.startswith("rescan"):
        return lambda window: engine.psi(window, data.other_bins)
    if what.startswith("psi_series"):
        return lambda _: engine.psi_series((START, data.end), data.bins)
    if what.startswith("ks_exact"):
        return engine.ks_exact
    return engine.confusion


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
        if not engine.answers(what):
            continue
        ask = asker(engine, data, what)
        windows = data.windows(what)
        first = next(windows)
        answer = plain(ask(first))  # warms up as well
        walls, cpus = [], []
        while len(cpus) < RUNS_MIN or (len(cpus) < RUNS_MAX and sum(cpus) < CPU_WANTED_MS):
            window = next(windows)
            with Clock() as clock:
                ask(window)
            walls.append(clock.wall_ms)
            cpus.append(clock.cpu_ms)
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


def own_answer(driftline, data, what, window):
    """What driftline says of a window."""
    from datetime import datetime, timedelta, timezone

    text = lambda micros: (
        datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)
    ).isoformat()
    if what.startswith("psi_series"):
        window = (START, data.end)
    scope = ["--model", "bench", "--from", text(window[0]), "--to", text(window[1])]
    if what.startswith("confusion"):
        query = ["performance", *scope]
    else:
        query = ["drift", *scope, "--method", "ks" if what.startswith("ks") else "psi"]
        names = data.features[:1] if what.startswith("ks") else data.features
        query += [word for name in names for word in ("--feature", name)]
        if what.startswith("ks"):
            query += ["--exact"]
        if what.startswith("rescan"):
            query += ["--bins", str(len(data.other_bins.edges[data.features[0]]) + 1)]
        if what.startswith("psi_series"):
            query += ["--step", "1h"]
    command = [driftline, "--data-dir", data.database, "--format", "json", "query", *query]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if what.startswith("confusion"):
        confusion = report["windows"][0]["confusion"]
        cells = [
            [truth, predicted, count]
            for truth, row in zip(confusion["classes"], confusion["counts"])
            for predicted, count in zip(confusion["classes"], row)
        ]
        return sorted(cell for cell in cells if cell[2])
    return [result["value"] for window in report["windows"] for result in window["results"]]


def same(got, want):
    if len(got) != len(want):
        return False
    if got and isinstance(got[0], list):
        return got == want
    return all(abs(a - b) <= TOLERANCE * max(1, abs(b)) for a, b in zip(got, want))


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
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        return measure(args.engine, args.data_dir)
    if not args.driftline:
        parser.error("--driftline is needed")
    with tempfile.TemporaryDirectory() as temporary:
        return compare(args, args.data_dir or os.path.join(temporary, "data"))


def compare(args, directory):
    driftline = os.path.abspath(args.driftline)
    command = [
        driftline,
        "bench",
        "query",
        "--rows",
        str(args.rows),
        "--days",
        str(args.days),
        "--seed",
        str(args.seed),
        "--data-dir",
        directory,
        "--format",
        "json",
    ]
    lines = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    own = {line["what"]: line for line in map(json.loads, lines)}
    for line in lines:
        print(line, flush=True)
    data = Dataset(directory)
    rows = [["what", "engine", "CPU ms", "p50 ms", "driftline CPU ms", "ratio", "just opened"]]
    differs = 0
    for name in args.engines.split(","):
        inner = [
            sys.executable,
            os.path.abspath(__file__),
            "--engine",
            name,
            "--data-dir",
            directory,
        ]
        process = subprocess.Popen(inner, stdout=subprocess.PIPE, text=True)
        for line in map(json.loads, process.stdout):
            what, answer, window = line["what"], line.pop("answer", None), line.pop("window", None)
            mine = own.get(what, {}).get("cpu_ms")
            cold = own.get(f"{what}_cold", {}).get("cpu_ms")
            line = {"bench": "peers", "rows": data.rows} | line
            if mine:
                line |= {
                    "driftline_cpu_ms": mine,
                    "ratio": line["cpu_ms"] / mine,
                    "ratio_cold": line["cpu_ms"] / cold,
                }
            if answer is not None:
                line["same"] = same(answer, own_answer(driftline, data, what, window))
                if not line["same"]:
                    differs += 1
                    print(f"{name} and driftline differ in {what} of {window}", file=sys.stderr)
            print(json.dumps(line), flush=True)
            number = lambda key: f"{line[key]:,.2f}" if key in line else ""
            ratio = lambda key: f"{line[key]:,.1f} x" if key in line else ""
            rows.append(
                [
                    what,
                    name,
                    number("cpu_ms"),
                    number("wall_ms_p50"),
                    f"{mine:,.3f}" if mine else "",
                    ratio("ratio"),
                    ratio("ratio_cold"),
                ]
            )
        if process.wait() != 0:
            sys.exit(f"{name} failed")
    head, rest = rows[0], sorted(rows[1:], key=lambda row: row[0])
    table([head, *rest])
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
