"""The data that all peers read: the files of a driftline data directory, and windows over them.

What `driftline bench query --data-dir DIR` leaves behind:

    DIR/dataset.json                       rows, features, days, seed
    DIR/labelled/segments/**/*.parquet     predictions, one directory per model, version and day
    DIR/labelled/references/*.parquet      the reference
    DIR/labels.parquet                     labels: prediction_id, ts, label
"""

import glob
import json
import os
import time

import numpy as np
import pyarrow.parquet as pq

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_767_225_600_000_000  # 2026-01-01, in microseconds
SHARE_MIN = 1e-4  # the smallest share of a bin in PSI, as in driftline
BINS = 10
OTHER_BINS = 7  # bins that were not foreseen when the data was written
ONE_FEATURE = "f00"


class Dataset:
    def __init__(self, directory):
        with open(os.path.join(directory, "dataset.json")) as file:
            shape = json.load(file)["shape"]
        self.rows, self.days, self.seed = shape["rows"], shape["days"], shape["seed"]
        self.binary = shape.get("binary", False)
        self.database = os.path.join(directory, "labelled")
        self.files = os.path.join(self.database, "segments", "**", "*.parquet")
        self.labels = os.path.join(directory, "labels.parquet")
        self.features = [f"f{n:02d}" for n in range(shape["features"])]
        self.end = START + self.days * DAY
        (reference,) = glob.glob(os.path.join(self.database, "references", "*.parquet"))
        table = pq.read_table(reference, columns=self.features)
        self.reference = {name: np.sort(table[name].to_numpy()) for name in self.features}
        self.bins = Bins(self, BINS)
        self.other_bins = Bins(self, OTHER_BINS)

    def paths(self):
        return sorted(glob.glob(self.files, recursive=True))

    def windows(self, what, count=1_000):
        """Windows of a question, drawn at random: on minutes, and on hours for measures of scores."""
        random = np.random.default_rng([self.seed, *what.encode()])
        length = length_of(what, self)
        unit = HOUR if what.startswith("scores") else MINUTE
        slack = (self.end - START - length) // unit
        if slack * unit >= HOUR:
            for start in random.integers(0, slack + 1, count):
                yield START + int(start) * unit, START + int(start) * unit + length
        else:  # nearly all of the data: some of it is cut off at both ends
            cut = length // unit // 60
            for begin, end in random.integers(0, cut + 1, (count, 2)):
                yield START + int(begin) * unit, self.end - int(end) * unit


def length_of(what, data):
    number, unit = what.rsplit("_", 1)[1][:-1], what[-1]
    if "series" in what:
        return data.end - START
    return int(number) * {"h": HOUR, "d": DAY}[unit]


class Bins:
    """Quantile bins of the reference, closed on the left, and PSI over them."""

    def __init__(self, data, parts):
        shares = np.arange(1, parts) / parts
        self.features = data.features
        self.edges = {}
        self.shares = {}
        for name, values in data.reference.items():
            edges = np.unique(np.quantile(values, shares, method="linear"))
            counts = np.bincount(
                np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1
            )
            self.edges[name] = edges
            self.shares[name] = np.maximum(counts / counts.sum(), SHARE_MIN)
        self.conditions = [
            (name, place, float(edge))
            for name in data.features
            for place, edge in enumerate(self.edges[name])
        ]

    def finish(self, rows):
        """PSI by window and feature. Each row is the number of predictions of a window, then for
        each feature and edge how many values are not below the edge."""
        rows = np.asarray(rows, dtype=float)
        values, column = np.empty((len(rows), len(self.features))), 1
        for place, name in enumerate(self.features):
            above = rows[:, column : column + len(self.edges[name])]
            column += above.shape[1]
            bounds = np.hstack([rows[:, :1], above, np.zeros((len(rows), 1))])
            values[:, place] = self.of_counts(name, bounds[:, :-1] - bounds[:, 1:])
        return values

    def of_counts(self, name, counts):
        shares = np.maximum(counts / counts.sum(axis=-1, keepdims=True), SHARE_MIN)
        reference = self.shares[name]
        return ((shares - reference) * np.log(shares / reference)).sum(axis=-1)


class Clock:
    """Wall and CPU time, all threads of this process."""

    def __enter__(self):
        self.started, self.cpu_started = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall_ms = (time.perf_counter() - self.started) * 1e3
        self.cpu_ms = (time.process_time() - self.cpu_started) * 1e3
