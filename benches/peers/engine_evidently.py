"""Evidently's report over pandas frames read from the Parquet files, as its users write it.

It wants pandas below 3, so it runs under a Python of its own (requirements-evidently.txt), and is
asked once: a report of ten million rows takes minutes."""

import warnings
from datetime import datetime, timedelta, timezone

warnings.filterwarnings("ignore")

import glob
import os

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

METHODS = {"psi": "psi", "ks": "ks", "js": "jensenshannon", "wasserstein": "wasserstein"}


def at(micros):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)


class Files:
    name = "evidently"
    once = True

    @staticmethod
    def answers(what):
        return what.startswith("evidently")

    def __init__(self, data):
        self.data = data
        self.files = ds.dataset(data.paths(), format="parquet")
        self.definition = DataDefinition(numerical_columns=data.features)
        (reference,) = glob.glob(os.path.join(data.database, "references", "*.parquet"))
        self.reference = self.dataset(pq.read_table(reference, columns=data.features))

    def dataset(self, table):
        frame = table.to_pandas()
        for name in self.data.features:
            # Whole numbers are integers in a user's frame, and numpy gives those bins of their own.
            if (np.isfinite(frame[name]) & (frame[name] % 1 == 0)).all():
                frame[name] = frame[name].astype("int64")
        return Dataset.from_pandas(frame, data_definition=self.definition)

    def drift(self, method, window):
        within = (ds.field("ts") >= at(window[0])) & (ds.field("ts") < at(window[1]))
        current = self.dataset(self.files.to_table(columns=self.data.features, filter=within))
        preset = DataDriftPreset(columns=self.data.features, method=METHODS[method])
        report = Report([preset]).run(current, self.reference)
        values = {}
        for metric in report.dict()["metrics"]:
            for name in self.data.features:
                if f"column={name}," in metric["metric_name"]:
                    values[name] = float(metric["value"])
        return np.array([values[name] for name in self.data.features])
