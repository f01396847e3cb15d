"""The soak's collector, in a process of its own: takes OTLP over HTTP, and prints how many spans each batch had."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .soak_server import serve

_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
_DECODERS: Final[dict[bytes, Callable[[bytes], bytes]]] = {b"gzip": gzip.decompress, b"deflate": zlib.decompress}


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    headers = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in lines}
    body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
    if b" /v1/traces " in first:
        print(_spans_in(_DECODERS.get(headers.get(b"content-encoding", b""), bytes)(body)), flush=True)
    writer.write(_OK)
    await writer.drain()
    return True


def _spans_in(data: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(data)
    return sum(len(scoped.spans) for resource in request.resource_spans for scoped in resource.scope_spans)


if __name__ == "__main__":
    asyncio.run(serve(_take, int(sys.argv[1])))
