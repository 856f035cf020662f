"""What errors look like from Python: `python errors.py ADDRESS` after monitor.py.

A status has a code, a message for people, and details for programs: ErrorInfo always, BadRequest
with one violation per broken rule, ResourceInfo for what is missing.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
from driftline.v1 import ingest_pb2, model_pb2, query_pb2
from driftline.v1.types_pb2 import Column, PredictionBatch
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from grpc_status import rpc_status

from monitor import Monitor, micros, texts

DAY = datetime(2026, 1, 3, tzinfo=UTC)


def explain(error: grpc.RpcError) -> None:
    """Prints all that a status says."""
    print(f"  {error.code().name}: {error.details()}")
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info, bad, resource = ErrorInfo(), BadRequest(), ResourceInfo()
        if detail.Unpack(info):
            print(f"  reason {info.reason} of {info.domain}, {dict(sorted(info.metadata.items()))}")
        elif detail.Unpack(bad):
            for violation in bad.field_violations:
                print(f"  field {violation.field}: {violation.description}")
        elif detail.Unpack(resource):
            print(f"  {resource.resource_type} {resource.resource_name}")


def main(address: str) -> None:
    client = Monitor(address)
    wrong = PredictionBatch(
        prediction_ids=["e-1"],
        times_micros=[micros(DAY)],
        features=[Column(name="amount", category=texts(["a lot"]))],
    )
    backwards = query_pb2.Scope(model="fraud", start_time=DAY, end_time=DAY - timedelta(days=1))
    no_id = ingest_pb2.WritePredictionsRequest(
        model="fraud", rows=[ingest_pb2.PredictionRow(time=DAY)]
    )
    mistakes: dict[str, Callable[[], object]] = {
        "a model that is not there": lambda: client.models.GetModel(
            model_pb2.GetModelRequest(name="fruad")
        ),
        "a window that ends before it starts": lambda: client.queries.QueryDrift(
            query_pb2.QueryDriftRequest(scope=backwards)
        ),
        "a column of another type": lambda: client.write_predictions("fraud", "v1", [wrong]),
        "a row without an id": lambda: client.ingest.WritePredictions(no_id),
    }
    for title, make in mistakes.items():
        print(title)
        try:
            make()
        except grpc.RpcError as error:
            explain(error)
        else:
            raise AssertionError("was taken")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["127.0.0.1:7447"]))
