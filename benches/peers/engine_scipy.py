"""pyarrow, numpy and scipy: what a Python user does who has no database."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow.dataset as ds
from scipy import stats

from dataset import HOUR, ONE_FEATURE


def at(micros):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)


class Files:
    name = "scipy"

    def __init__(self, data):
        self.data = data
        self.files = ds.dataset(data.paths(), format="parquet")

    @staticmethod
    def answers(what):
        return not what.startswith("confusion")

    def read(self, window, columns):
        within = (ds.field("ts") >= at(window[0])) & (ds.field("ts") < at(window[1]))
        return self.files.to_table(columns=columns, filter=within)

    def psi(self, window, bins):
        table = self.read(window, self.data.features)
        values = []
        for name in self.data.features:
            edges = bins.edges[name]
            places = np.searchsorted(edges, table[name].to_numpy(), side="right")
            values.append(bins.of_counts(name, np.bincount(places, minlength=len(edges) + 1)))
        return np.array(values)

    def psi_series(self, window, bins):
        table = self.read(window, ["ts", *self.data.features])
        hours = (
            table["ts"].to_numpy().astype("datetime64[us]").astype(np.int64) - window[0]
        ) // HOUR
        count = (window[1] - window[0]) // HOUR
        values = np.empty((count, len(self.data.features)))
        for column, name in enumerate(self.data.features):
            edges = bins.edges[name]
            places = np.searchsorted(edges, table[name].to_numpy(), side="right")
            counts = np.bincount(
                hours * (len(edges) + 1) + places, minlength=count * (len(edges) + 1)
            )
            values[:, column] = bins.of_counts(name, counts.reshape(count, -1))
        return values

    def ks_exact(self, window):
        values = self.read(window, [ONE_FEATURE])[ONE_FEATURE].to_numpy()
        return float(
            stats.ks_2samp(values, self.data.reference[ONE_FEATURE], method="asymp").statistic
        )
