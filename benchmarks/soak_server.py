"""What the soak's provider and its collector share: a server on loopback that says its port and leaves when told to."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

Turn = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""Reads one request and answers it; gives whether the connection may serve another."""


async def serve(turn: Turn, port: int = 0) -> None:
    """Serve at *port*, or at a free one, until killed or until nobody holds standard input; print the port first."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await turn(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            # Whoever called hung up, as some do on purpose.
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
