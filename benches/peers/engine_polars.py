"""Polars: lazily over the Parquet files."""

from datetime import datetime, timedelta, timezone

import polars as pl

from dataset import ONE_FEATURE


def at(micros):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)


class Files:
    name = "polars"

    @staticmethod
    def answers(_):
        return True

    def __init__(self, data):
        self.data = data
        self.frame = pl.scan_parquet(data.files, hive_partitioning=True)
        self.labels = pl.scan_parquet(data.labels).select("prediction_id", "label")

    def within(self, window):
        start, end = at(window[0]), at(window[1])
        return self.frame.filter(
            pl.col("date").is_between(start.date(), end.date()),
            pl.col("ts") >= start,
            pl.col("ts") < end,
        )

    def counts(self, bins):
        return [
            pl.len().alias("n"),
            *[
                (pl.col(f) >= edge).sum().alias(f"{f}_{place}")
                for f, place, edge in bins.conditions
            ],
        ]

    def psi(self, window, bins):
        return bins.finish([self.within(window).select(self.counts(bins)).collect().row(0)])[0]

    def psi_series(self, window, bins):
        hours = self.frame.select("ts", *self.data.features).group_by(
            pl.col("ts").dt.truncate("1h")
        )
        rows = hours.agg(self.counts(bins)).sort("ts").collect().drop("ts")
        return bins.finish(rows.to_numpy())

    def ks_exact(self, window):
        from scipy import stats

        values = self.within(window).select(ONE_FEATURE).collect().to_series().to_numpy()
        return float(
            stats.ks_2samp(values, self.data.reference[ONE_FEATURE], method="asymp").statistic
        )

    def confusion(self, window):
        joined = self.within(window).join(self.labels, on="prediction_id")
        return joined.group_by("label", "prediction").agg(pl.len()).collect().rows()
