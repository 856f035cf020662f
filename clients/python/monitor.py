"""A thin Driftline client over the generated stubs, and a model's life with it.

Copy the class and change the rest: `python monitor.py ADDRESS` makes a fraud model, sets its
reference, streams two days of predictions whose second day has drifted, labels them and asks.
"""

import random
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from driftline.v1 import ingest_pb2, ingest_pb2_grpc, model_pb2, model_pb2_grpc, query_pb2
from driftline.v1 import query_pb2_grpc, types_pb2
from driftline.v1.types_pb2 import CategoryColumn, Column, LabelBatch, NumericColumn
from driftline.v1.types_pb2 import PredictionBatch

IN_FLIGHT = 8  # Batches sent and not yet answered; the server reads no more of one stream.
RECEIVE_BYTES = 128 << 20  # The longest answer of a query; grpcio stops at 4 MiB by itself.


def micros(time: datetime) -> int:
    """Microseconds since 1970, without the rounding of `timestamp()`."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def validity(values: Sequence[object]) -> bytes:
    """One bit per value, least significant first, 0 where it is None; empty if none is."""
    if None not in values:
        return b""
    bits = sum(1 << row for row, value in enumerate(values) if value is not None)
    return bits.to_bytes((len(values) + 7) // 8, "little")


def numbers(values: Sequence[float | None]) -> NumericColumn:
    """A column of numbers; None is null."""
    filled = [0.0 if value is None else value for value in values]
    return NumericColumn(values=filled, validity=validity(values))


def texts(values: Sequence[str | None]) -> CategoryColumn:
    """A column of texts, each sent once; None is null."""
    codes: dict[str, int] = {}
    rows = [0 if value is None else codes.setdefault(value, len(codes)) for value in values]
    return CategoryColumn(dictionary=list(codes), codes=rows, validity=validity(values))


def exchange(method: Callable[..., Any], requests: Iterable[Any]) -> Iterator[Any]:
    """Sends numbered batches, some ahead of their answers, and yields the answers in order.

    To the server each call is a sender of its own: its name and numbers say what was sent before.
    """
    producer = uuid.uuid4().hex
    free = threading.Semaphore(IN_FLIGHT)
    ended = threading.Event()
    sent: deque[int] = deque()

    def send() -> Iterator[Any]:
        for sequence, request in enumerate(requests):
            free.acquire()
            if ended.is_set():
                return
            request.producer_id, request.sequence = producer, sequence
            sent.append(sequence)
            yield request

    answers = method(send())
    try:
        for answer in answers:
            assert answer.sequence == sent.popleft(), "answers come in order"
            free.release()
            yield answer
        assert not sent, f"no answer to batches {list(sent)}"
    finally:
        answers.cancel()
        ended.set()
        free.release()  # The sender may wait for an answer that will not come.


class Monitor:
    """The calls that a monitored model needs. Errors are grpc.RpcError, see errors.py.

    After a broken connection send the same batches again: rows are known by their ids.
    """

    def __init__(self, address: str) -> None:
        options = [("grpc.max_receive_message_length", RECEIVE_BYTES)]
        channel = grpc.insecure_channel(address, options)
        self.models = model_pb2_grpc.ModelServiceStub(channel)
        self.ingest = ingest_pb2_grpc.IngestServiceStub(channel)
        self.queries = query_pb2_grpc.QueryServiceStub(channel)

    def set_reference(
        self, model: str, name: str, batches: Iterable[PredictionBatch]
    ) -> types_pb2.Reference:
        def requests() -> Iterator[model_pb2.SetReferenceRequest]:
            header = model_pb2.ReferenceHeader(model=model, name=name)
            yield model_pb2.SetReferenceRequest(header=header)
            for batch in batches:
                yield model_pb2.SetReferenceRequest(batch=batch)

        return self.models.SetReference(requests()).reference

    def write_predictions(
        self, model: str, version: str, batches: Iterable[PredictionBatch]
    ) -> tuple[int, int]:
        """Stores predictions; rows accepted, and rows that were known already."""
        request = ingest_pb2.StreamPredictionsRequest
        requests = (request(model=model, version=version, batch=batch) for batch in batches)
        answers = list(exchange(self.ingest.StreamPredictions, requests))
        return sum(answer.accepted for answer in answers), sum(a.duplicates for a in answers)

    def write_labels(self, model: str, batches: Iterable[LabelBatch]) -> tuple[int, int]:
        """Stores labels; those that found their prediction, and those that wait for it."""
        request = ingest_pb2.StreamLabelsRequest
        requests = (request(model=model, batch=batch) for batch in batches)
        answers = list(exchange(self.ingest.StreamLabels, requests))
        return sum(answer.matched for answer in answers), sum(a.waiting for a in answers)


def predictions(start: datetime, mean: float, prefix: str) -> Iterator[PredictionBatch]:
    """A day of made-up predictions, column by column; every tenth country is null."""
    rows, size, source = 20_000, 2_048, random.Random(prefix)
    for first in range(0, rows, size):
        part = range(first, min(first + size, rows))
        amounts = [source.lognormvariate(mean, 0.5) for _ in part]
        countries = [None if row % 10 == 0 else source.choice(["de", "fr", "it"]) for row in part]
        yield PredictionBatch(
            prediction_ids=[f"{prefix}-{row}" for row in part],
            times_micros=[micros(start + row * timedelta(days=1) / rows) for row in part],
            features=[
                Column(name="amount", numeric=numbers(amounts)),
                Column(name="country", category=texts(countries)),
            ],
            prediction=Column(category=texts(["1" if a > 40 else "0" for a in amounts])),
            score=numbers([a / (a + 40) for a in amounts]),
        )


def truth(batch: PredictionBatch) -> LabelBatch:
    """The labels of a batch, an hour later."""
    return LabelBatch(
        prediction_ids=batch.prediction_ids,
        times_micros=[time + 3_600_000_000 for time in batch.times_micros],
        labels=Column(category=texts(["1" if s > 0.55 else "0" for s in batch.score.values])),
    )


def shown(result: Any) -> str:
    """A value of a result. An absent one would read as 0, so ask whether it is there."""
    return f"{result.value:.4f}" if result.HasField("value") else result.undefined


def main(address: str) -> None:
    client, model = Monitor(address), "fraud"
    start, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
    features = [
        types_pb2.Field(name="amount", kind=types_pb2.KIND_NUMERIC),
        types_pb2.Field(name="country", kind=types_pb2.KIND_CATEGORICAL),
    ]
    schema = types_pb2.Schema(task=types_pb2.TASK_BINARY, features=features, positive_class="1")
    client.models.CreateModel(model_pb2.CreateModelRequest(name=model, schema=schema))
    made = client.set_reference(model, "training", predictions(start - day, 3.0, "reference"))
    print(f"reference {made.name}: {made.rows} rows")

    batches = [*predictions(start, 3.0, "first"), *predictions(start + day, 3.6, "second")]
    for attempt in ("once", "again"):
        accepted, duplicates = client.write_predictions(model, "v1", batches)
        print(f"sent {attempt}: {accepted} accepted, {duplicates} duplicates")
    matched, waiting = client.write_labels(model, map(truth, batches))
    print(f"labels: {matched} matched, {waiting} waiting")

    scope = query_pb2.Scope(model=model, start_time=start, end_time=start + 2 * day, step=day)
    drift = client.queries.QueryDrift(query_pb2.QueryDriftRequest(scope=scope))
    quality = client.queries.QueryPerformance(query_pb2.QueryPerformanceRequest(scope=scope))
    for moved, good in zip(drift.windows, quality.windows, strict=True):
        print(f"{moved.window.start_time.ToDatetime():%Y-%m-%d}: {moved.predictions} predictions")
        for result in moved.results:
            print(f"  PSI of {result.feature} {shown(result)}")
        for result in good.results:
            print(f"  {query_pb2.Metric.Name(result.metric)} {shown(result)}")
    distribution = client.queries.QueryDistribution(
        query_pb2.QueryDistributionRequest(scope=scope, feature="country")
    )
    for part in distribution.bins:
        print(f"country {part.category}: {part.count.reference} before, {part.count.current} now")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["127.0.0.1:7447"]))
