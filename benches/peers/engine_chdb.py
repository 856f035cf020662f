"""chDB, ClickHouse in this process: over the Parquet files."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
from chdb import session

from dataset import HOUR, ONE_FEATURE


def between(window, column="ts"):
    at = lambda micros: f"fromUnixTimestamp64Micro({micros}, 'UTC')"
    return f"{column} >= {at(window[0])} and {column} < {at(window[1])}"


def days(window):
    day = lambda micros: f"toDate(fromUnixTimestamp64Micro({micros}, 'UTC'), 'UTC')"
    return f"date >= {day(window[0])} and date <= {day(window[1])}"


def counts(bins):
    return ", ".join(["count()", *[f"countIf({f} >= {edge!r})" for f, _, edge in bins.conditions]])


class Files:
    name = "chdb"

    @staticmethod
    def answers(_):
        return True

    def __init__(self, data):
        self.session = session.Session()
        self.session.query(f"set max_threads = {os.cpu_count()}")
        self.session.query("set use_hive_partitioning = 1")
        self.source = f"file('{os.path.abspath(data.files)}', Parquet)"
        self.labels = f"file('{os.path.abspath(data.labels)}', Parquet)"
        path = os.path.abspath(os.path.join(data.database, "..", "scratch-reference.parquet"))
        pq.write_table(pa.table({"x": data.reference[ONE_FEATURE]}), path)
        self.session.query("create database d")
        self.session.query("create table d.reference (x Float64) engine = MergeTree order by x")
        self.session.query(f"insert into d.reference select x from file('{path}', Parquet)")
        os.remove(path)

    def run(self, sql):
        return [
            line.split("\t") for line in str(self.session.query(sql, "TSV")).strip().split("\n")
        ]

    def numbers(self, sql):
        return [[float(cell) for cell in row] for row in self.run(sql)]

    def where(self, window, column="ts"):
        return f"{between(window, column)} and {days(window)}"

    def psi(self, window, bins):
        return bins.finish(
            self.numbers(f"select {counts(bins)} from {self.source} where {self.where(window)}")
        )[0]

    def psi_series(self, window, bins):
        bucket = f"intDiv(toUnixTimestamp64Micro(ts), {HOUR})"
        rows = self.numbers(
            f"select {bucket} as h, {counts(bins)} from {self.source} group by h order by h"
        )
        return bins.finish([row[1:] for row in rows])

    def ks_exact(self, window):
        (row,) = self.run(f"""
            select tupleElement(kolmogorovSmirnovTest('two-sided', 'asymp')(x, s), 1) from (
                select assumeNotNull({ONE_FEATURE}) as x, 0 as s from {self.source}
                    where {self.where(window)}
                union all select x, 1 as s from d.reference)""")
        return float(row[0])

    def confusion(self, window):
        rows = self.run(f"""
            select l.label, p.prediction, count() from {self.source} as p
                inner join {self.labels} as l
            on p.prediction_id = l.prediction_id where {self.where(window, "p.ts")}
            group by l.label, p.prediction""")
        return [(label, prediction, int(count)) for label, prediction, count in rows]
