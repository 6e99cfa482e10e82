"""A small HTTP server on a real socket, with answers that a client must survive."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from kit.http import Egress

HOST = "127.0.0.1"


def head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return head(f"Content-Length: {len(body)}", *headers, status=status) + body


class Server:
    """A small HTTP server that answers by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []
        self.connections = 0
        self.release = asyncio.Event()

    async def was_asked(self, times: int = 1) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(30):
            while len(self.requests) < times:
                await asyncio.sleep(0.01)

    def url(self, path: str = "/ok", host: str = HOST, scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


async def answer(path: str, writer: asyncio.StreamWriter, release: asyncio.Event) -> None:
    match path.split("?")[0]:
        case "/redirect":
            writer.write(whole(b"", f"Location: {path.split('=', 1)[1]}", "Set-Cookie: a=b", status="302 Found"))
        case "/big":
            writer.write(head("Transfer-Encoding: chunked"))
            for _ in range(64):
                writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            writer.write(b"0\r\n\r\n")
        case "/announced":
            writer.write(head("Content-Length: 99999999"))
        case "/gzip":
            writer.write(whole(gzip.compress(b"hello " * 1000), "Content-Encoding: gzip"))
        case "/deflate":
            writer.write(whole(zlib.compress(b"hello " * 1000), "Content-Encoding: deflate"))
        case "/bomb":
            writer.write(whole(gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip"))
        case "/cut":
            writer.write(whole(gzip.compress(b"hello " * 1000)[:-20], "Content-Encoding: gzip"))
        case "/broken":
            writer.write(whole(b"not gzip at all", "Content-Encoding: gzip"))
        case "/brotli":
            writer.write(whole(b"....", "Content-Encoding: br"))
        case "/silent":
            await asyncio.sleep(60)
        case "/drip":
            writer.write(head("Content-Length: 1000"))
            for _ in range(600):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        case "/pause":
            await asyncio.sleep(2)
            writer.write(whole(b"at last"))
        case "/held":
            await release.wait()
            writer.write(whole(b"at last"))
        case "/fail":
            writer.write(whole(b"secret", status="500 Oops"))
        case _:
            writer.write(whole(b"ok", "Set-Cookie: a=b"))


@asynccontextmanager
async def serving(host: str = HOST, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    running = Server()
    handling: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.current_task())
        running.connections += 1
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                running.requests.append(request)
                await answer(request.split(" ")[1], writer, running.release)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, host, 0, ssl=tls)
    try:
        running.port = server.sockets[0].getsockname()[1]
        yield running
    finally:
        server.close()
        for task in filter(None, handling):
            task.cancel()
        await asyncio.wait_for(server.wait_closed(), 30)


Fetch = Callable[[Egress, str], Awaitable[bytes]]
