"""DuckDB: over the Parquet files, over a table of its own, and over an hourly roll-up.

Counts are taken with `count_if(x >= edge)`, many times faster than `count(*) filter (where ..)`,
and PSI is finished in numpy: the whole formula in SQL costs more to parse than to run."""

import os

import duckdb
import numpy as np

from dataset import HOUR, ONE_FEATURE


def at(micros):
    return f"make_timestamptz({micros})"


def between(window, column="ts"):
    return f"{column} >= {at(window[0])} and {column} < {at(window[1])}"


def days(window):
    """Lets the reader skip the directories of other days."""
    return f"date >= cast({at(window[0])} as date) and date <= cast({at(window[1])} as date)"


def counts(bins, names=False):
    named = lambda feature, place: f"::double as {feature}_{place}" if names else ""
    columns = [f"count_if({f} >= {edge!r}){named(f, place)}" for f, place, edge in bins.conditions]
    return ", ".join(["count(*)" + ("::double as n" if names else ""), *columns])


def connect():
    connection = duckdb.connect(config={"threads": os.cpu_count()})
    connection.execute("set timezone = 'UTC'")
    return connection


class Files:
    """No import: DuckDB reads the segments as they are."""

    name = "duckdb"

    def __init__(self, data):
        self.data = data
        self.connection = connect()
        self.source = f"read_parquet('{data.files}', hive_partitioning = true)"
        self.labels = f"read_parquet('{data.labels}')"
        self.load()
        reference = data.reference[ONE_FEATURE]
        self.connection.execute(
            "create temp table reference as select unnest(?::double[]) as x", [reference.tolist()]
        )

    @staticmethod
    def answers(_):
        return True

    def load(self):
        pass

    def where(self, window, column="ts"):
        return f"{between(window, column)} and {days(window)}"

    def run(self, sql):
        return self.connection.execute(sql).fetchall()

    def psi(self, window, bins):
        rows = self.run(f"select {counts(bins)} from {self.source} where {self.where(window)}")
        return bins.finish(rows)[0]

    def psi_series(self, window, bins):
        bucket = f"epoch_us(ts) // {HOUR}"
        rows = self.run(
            f"select {bucket} as h, {counts(bins)} from {self.source} group by h order by h"
        )
        return bins.finish([row[1:] for row in rows])

    def ks_exact(self, window):
        return self.run(f"""
            select max(abs(a / na - b / nb)) from (
                select x, sum(sum(s)) over (order by x) as a,
                    sum(sum(1 - s)) over (order by x) as b,
                    sum(sum(s)) over () as na, sum(sum(1 - s)) over () as nb
                from (select {ONE_FEATURE} as x, 1.0 as s from {self.source}
                    where {self.where(window)}
                    union all select x, 0.0 from reference) group by x)""")[0][0]

    def confusion(self, window):
        return self.run(f"""
            select label, prediction, count(*) from {self.source} as p join {self.labels} as l
            using (prediction_id) where {self.where(window, "p.ts")} group by all""")


class Table(Files):
    """The same rows imported into a table of DuckDB, ordered by time."""

    name = "duckdb-table"

    def load(self):
        self.connection.execute(
            "create table p as select * exclude (date, model, version) "
            f"from {self.source} order by ts"
        )
        self.connection.execute(f"create table l as select prediction_id, label from {self.labels}")
        self.source, self.labels = "p", "l"

    def where(self, window, column="ts"):
        return between(window, column)


class Rollup(Files):
    """Counts by hour that a user keeps by hand: windows are rounded to hours, which is less than
    was asked."""

    name = "duckdb-rollup"
    exact = False

    @staticmethod
    def answers(what):
        return what.startswith("psi") and what != "psi_window_1h"

    def load(self):
        bins = self.data.bins
        self.connection.execute(
            f"create table hours as select epoch_us(ts) // {HOUR} as h, {counts(bins, names=True)} "
            f"from {self.source} group by h order by h"
        )
        columns = ["n", *[f"{feature}_{place}" for feature, place, _ in bins.conditions]]
        self.columns = ", ".join(columns)
        sums = ", ".join(f"sum({column})" for column in columns)
        self.connection.execute(f"prepare ask as select {sums} from hours where h >= $1 and h < $2")

    def psi(self, window, bins):
        return bins.finish(self.run(f"execute ask({window[0] // HOUR}, {window[1] // HOUR})"))[0]

    def psi_series(self, window, bins):
        return bins.finish(np.array(self.run(f"select {self.columns} from hours order by h")))
