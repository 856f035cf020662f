"""scikit-learn over the Parquet files: predictions and labels joined by pyarrow, measures from rows."""

import numpy as np
import pyarrow.dataset as ds
from sklearn import metrics

from engine_scipy import Files as ScipyFiles

POSITIVE = "1"


class Files(ScipyFiles):
    name = "sklearn"

    @staticmethod
    def answers(what):
        return what.startswith(("confusion", "classes", "scores"))

    def __init__(self, data):
        super().__init__(data)
        self.labels = ds.dataset(data.labels, format="parquet")

    def labelled(self, window, columns):
        rows = self.read(window, ["prediction_id", *columns])
        labels = self.labels.to_table(columns=["prediction_id", "label"])
        joined = rows.join(labels, keys="prediction_id", join_type="inner")
        return [
            joined[name].to_numpy() if name == "score" else joined[name].to_numpy().astype(str)
            for name in ["label", *columns]
        ]

    def confusion(self, window):
        labels, predictions = self.labelled(window, ["prediction"])
        classes = np.unique(np.concatenate([labels, predictions]))
        counts = metrics.confusion_matrix(labels, predictions, labels=classes)
        return [
            (truth, predicted, int(count))
            for truth, row in zip(classes, counts)
            for predicted, count in zip(classes, row)
            if count
        ]

    def classes(self, window):
        labels, predictions = self.labelled(window, ["prediction"])
        return np.array(
            [
                metrics.accuracy_score(labels, predictions),
                metrics.f1_score(labels, predictions, average="macro"),
            ]
        )

    def scores(self, window):
        labels, scores = self.labelled(window, ["score"])
        positive = labels == POSITIVE
        return np.array(
            [
                metrics.roc_auc_score(positive, scores),
                metrics.average_precision_score(positive, scores),
                metrics.log_loss(positive, scores),
                metrics.brier_score_loss(positive, scores),
            ]
        )
