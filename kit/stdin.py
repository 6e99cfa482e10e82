"""A process that ends with its input: it cannot outlive whoever started it, however that one ended."""

import asyncio
import sys
from collections.abc import Coroutine


async def until_stdin_ends(work: Coroutine[object, object, None]) -> None:
    """Run `work` until it ends or the standard input, a pipe, is closed at the other end."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    running = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(reader.read())
    try:
        await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (running, ending):
            task.cancel()
        results = await asyncio.gather(running, ending, return_exceptions=True)
        transport.close()
    if isinstance(results[0], Exception):
        raise results[0]
