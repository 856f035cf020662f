"""Calls Driftline without generated stubs: the server describes itself (gRPC reflection).

`python reflect.py ADDRESS` lists services and methods; `python reflect.py ADDRESS
driftline.v1.ModelService/GetModel '{"name": "fraud"}'` calls a method and prints its answer.
"""

import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)


def list_services(database: ProtoReflectionDescriptorDatabase) -> None:
    pool = DescriptorPool(database)
    for name in sorted(database.get_services()):
        print(name)
        for method in pool.FindServiceByName(name).methods:
            request, response = method.input_type.name, method.output_type.name
            sends = "stream " if method.client_streaming else ""
            answers = "stream " if method.server_streaming else ""
            print(f"  {method.name}({sends}{request}) returns ({answers}{response})")


def call(channel: grpc.Channel, pool: DescriptorPool, path: str, request: str) -> str:
    """The answer of a method with one request and one answer, both as JSON."""
    service, _, name = path.rpartition("/")
    method = pool.FindServiceByName(service).FindMethodByName(name)
    invoke: grpc.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        f"/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    message = json_format.Parse(request, GetMessageClass(method.input_type)())
    return json_format.MessageToJson(invoke(message))


def main(address: str, path: str = "", request: str = "{}") -> None:
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        if path:
            print(call(channel, DescriptorPool(database), path, request))
        else:
            list_services(database)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["127.0.0.1:7447"]))
