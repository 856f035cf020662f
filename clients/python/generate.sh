#!/bin/sh
# Generates the Python stubs of driftline.v1 beside this file; they are not committed, because they
# must fit the installed grpcio and protobuf.
set -eu
cd "$(dirname "$0")"
"${PYTHON:-python3}" -m grpc_tools.protoc -I ../../proto \
    --python_out=. --pyi_out=. --grpc_python_out=. ../../proto/driftline/v1/*.proto
