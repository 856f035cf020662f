#!/usr/bin/env python3
"""Shows that DuckDB, pandas and Polars read the segments of a database with no help: they agree on
the number of rows, on the sum of a column and on the types.

    ./read_parquet.py DATA_DIR [COLUMN]

DATA_DIR is the directory given to `driftline serve --data-dir`; COLUMN is a column of numbers, by
default the first after the time.
"""

import glob
import math
import os
import sys

import duckdb
import pandas as pd
import polars as pl

# What each library calls the types that the files have.
KINDS = {
    "time": (
        "TIMESTAMP WITH TIME ZONE",
        "datetime64[us, UTC]",
        "Datetime(time_unit='us', time_zone='UTC')",
    ),
    "number": ("DOUBLE", "float64", "Float64"),
    "text": ("VARCHAR", "str", "String"),
    "boolean": ("BOOLEAN", "bool", "Boolean"),
    "id": ("UUID", "object", "Binary"),
}


def kind_of(library, name):
    return next((kind for kind, names in KINDS.items() if names[library] == name), name)


def with_duckdb(files, column):
    connection = duckdb.connect()
    source = f"read_parquet('{files}', union_by_name = true)"
    rows, total = connection.execute(f'select count(*), sum("{column}") from {source}').fetchone()
    types = connection.execute(f"describe select * from {source}").fetchall()
    return rows, total, {row[0]: kind_of(0, row[1]) for row in types}


def with_pandas(files, column):
    frame = pd.concat([pd.read_parquet(path) for path in glob.glob(files, recursive=True)])
    return (
        len(frame),
        frame[column].sum(),
        {name: kind_of(1, str(kind)) for name, kind in frame.dtypes.items()},
    )


def with_polars(files, column):
    frame = pl.scan_parquet(files)
    rows, total = frame.select(pl.len(), pl.col(column).sum()).collect().row(0)
    return (
        rows,
        total,
        {name: kind_of(2, str(kind)) for name, kind in frame.collect_schema().items()},
    )


def main(directory, column=None):
    files = os.path.join(directory, "segments", "**", "*.parquet")
    if not glob.glob(files, recursive=True):
        sys.exit(f"no segments in {directory}")
    column = column or pl.scan_parquet(files).collect_schema().names()[2]
    answers = {
        name: read(files, column)
        for name, read in [
            ("duckdb", with_duckdb),
            ("pandas", with_pandas),
            ("polars", with_polars),
        ]
    }
    for name, (rows, total, types) in answers.items():
        print(f"{name:<7} {rows} rows, sum of {column} {total!r}, {len(types)} columns")
    first = answers["duckdb"]
    in_files = set(answers["pandas"][2])
    for name, (rows, total, types) in answers.items():
        assert rows == first[0], f"{name} has {rows} rows, not {first[0]}"
        assert math.isclose(total, first[1], rel_tol=1e-9, abs_tol=1e-6), (
            f"{name} sums to {total}, not {first[1]}"
        )
        # Directory names become columns in some libraries; they are not in the files.
        for column in in_files:
            assert types[column] == first[2][column], (
                f"{name} has {column} as {types[column]}, not {first[2][column]}"
            )
    kinds = sorted(set(first[2][name] for name in in_files))
    print(f"all agree: {len(in_files)} columns of the kinds {', '.join(kinds)}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:3])
