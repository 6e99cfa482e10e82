"""The fast client: connections that are kept, answers of every shape, and servers that do not play by the rules."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest

from kit.http import Direct, Egress, Exchanged, ResponseTooLarge
from tests.kit.http_server import HOST, Server, head, serving, whole

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def saying(*answers: bytes, close: bool = False) -> AsyncIterator[Server]:
    """A server that gives one answer after the other, over all connections; `close` ends a connection with its answer.

    An empty answer closes at once. When there is none left the server is silent.
    """
    running, left = Server(), list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.connections += 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                running.requests.append(request.decode())
                if not left:
                    await reader.read()
                    return
                writer.write(said := left.pop(0))
                await writer.drain()
                if close or not said:
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HOST, 0)
    try:
        running.port = server.sockets[0].getsockname()[1]
        yield running
    finally:
        server.close()
        await asyncio.sleep(0)


def direct(watch: Callable[[Exchanged], None] | None = None, *, connections: int = 200, **limits: float) -> Direct:
    return Egress(
        [f"{HOST}/32"],
        timeout_s=limits.get("timeout_s", 30.0),
        max_bytes=int(limits.get("max_bytes", 1_000_000)),
        watch=watch,
    ).direct(connections=connections)


async def bodies(client: Direct, server: Server, times: int, method: str = "GET") -> Sequence[bytes]:
    async with aclosing(client):
        return [(await client.request(method, server.url(), {})).body for _ in range(times)]


async def test_a_request_goes_out_as_it_is_written() -> None:
    async with saying(whole(b"one"), whole(b"two")) as server, aclosing(direct()) as client:
        url = server.url("/tokens/DE/EMS/04%2fAB?type=RFID&a=%C3%A4")
        await client.request("PUT", url, {"X-Request-ID": "1", "Content-Type": "application/json"}, b"{}")
        await client.request("GET", server.url(""), {})
    first, second = server.requests
    assert first == (
        "PUT /tokens/DE/EMS/04%2fAB?type=RFID&a=%C3%A4 HTTP/1.1\r\n"
        f"Host: {HOST}:{server.port}\r\nUser-Agent: plugbridge\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "X-Request-ID: 1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    )
    assert second.startswith("{}GET / HTTP/1.1\r\n")
    assert "content-length" not in second.lower()


async def test_a_post_without_a_body_says_so() -> None:
    async with saying(whole(b"")) as server:
        await bodies(direct(), server, 1, "POST")
    assert "Content-Length: 0\r\n" in server.requests[0]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rb", "ä"])
async def test_a_header_that_breaks_out_of_its_line_is_not_sent(value: str) -> None:
    async with saying(whole(b"")) as server, aclosing(direct()) as client:
        with pytest.raises(ValueError, match=r"header|ordinal"):
            await client.request("GET", server.url(), {"X-Request-ID": value})
    assert server.requests == []


@pytest.mark.parametrize("path", ["/a b", "/ä", '/"', "/a#b", "/a\r\nX-Evil: 1"])
async def test_an_odd_url_is_escaped_or_refused(path: str) -> None:
    async with saying(whole(b"")) as server, aclosing(direct()) as client:
        try:
            await client.request("GET", server.url(path), {})
        except httpx.InvalidURL:
            assert server.requests == []
        else:
            line, _, rest = server.requests[0].partition("\r\n")
            assert len(line.split(" ")) == 3
            assert line.isascii()
            assert "X-Evil" not in rest


@pytest.mark.parametrize(
    "said",
    [
        head("Transfer-Encoding: chunked") + b"2\r\nwh\r\n3;ext=1\r\nole\r\n0\r\nX-Trailer: 1\r\n\r\n",
        head(status="100 Continue") + head("Link: </x>", status="103 Early Hints") + whole(b"whole"),
        b"HTTP/1.1 200\nContent-Length: 5\n\nwhole",
    ],
)
async def test_answers_come_in_many_shapes(said: bytes) -> None:
    async with saying(said, said) as server, aclosing(direct()) as client:
        for _ in range(2):
            answer = await client.request("GET", server.url(), {})
            assert answer.body == b"whole"
            assert answer.headers.keys() <= {"content-length", "transfer-encoding"}
    assert server.connections == 1


async def test_an_answer_may_end_with_its_connection() -> None:
    said = head() + b"whole"
    async with saying(said, said, close=True) as server:
        assert await bodies(direct(), server, 2) == [b"whole", b"whole"]
    assert server.connections == 2


async def test_headers_of_one_name_are_one() -> None:
    async with saying(whole(b"", "Link: <a>", "link: <b>", "X-Limit: 5")) as server, aclosing(direct()) as client:
        answer = await client.request("GET", server.url(), {})
    assert (answer.headers["link"], answer.headers["x-limit"]) == ("<a>, <b>", "5")


@pytest.mark.parametrize(
    "said",
    [
        whole(b"cut")[:-1],
        head("Transfer-Encoding: chunked") + b"5\r\nwh",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        head("Connection: Upgrade", "Upgrade: websocket", status="101 Switching Protocols"),
        head("Content-Length: -1"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error(said: bytes) -> None:
    async with saying(said, said, close=True) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await bodies(direct(), server, 1)


@pytest.mark.parametrize(
    "said",
    [
        head("X: " + "x" * 1_000_000, "Content-Length: 0"),
        head(status="102 Processing") * 5_000 + whole(b""),
        head("Transfer-Encoding: chunked") + b"1;" + b"e" * 200_000 + b"\r\nx\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"0\r\nX: " + b"e" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_what_surrounds_a_body_is_bounded(said: bytes) -> None:
    async with saying(said) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await bodies(direct(), server, 1)


async def test_a_body_may_come_in_the_smallest_chunks() -> None:
    said = head("Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n"
    async with saying(said) as server:
        assert await bodies(direct(max_bytes=50_000), server, 1) == [b"x" * 50_000]
    async with saying(said) as server:
        with pytest.raises(ResponseTooLarge):
            await bodies(direct(max_bytes=49_999), server, 1)


@pytest.mark.parametrize("more", [whole(b"injected"), b"HTTP/1.1 200 OK\r\n", b"rubbish"])
async def test_what_comes_after_an_answer_is_not_taken_for_the_next(more: bytes) -> None:
    async with saying(whole(b"first") + more, whole(b"second")) as server:
        assert await bodies(direct(), server, 2) == [b"first", b"second"]
    assert server.connections == 2


async def test_what_comes_unasked_ends_the_connection() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole(b"asked"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(whole(b"unasked"))
        ended.set_result(await reader.read())
        writer.close()

    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(handle, HOST, 0)
    async with aclosing(direct()) as client:
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/"
        assert (await client.request("GET", url, {})).body == b"asked"
        assert await asyncio.wait_for(ended, 30) == b""
    server.close()


async def test_a_request_is_sent_again_when_a_kept_connection_turns_out_to_be_closed() -> None:
    async with saying(whole(b"first"), b"", whole(b"second")) as server:
        assert await bodies(direct(), server, 2, "PUT") == [b"first", b"second"]
    assert server.connections == 2


async def test_a_post_is_never_sent_again() -> None:
    async with saying(whole(b"first"), b"", whole(b"second")) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await bodies(direct(), server, 2, "POST")
    assert len(server.requests) == 2


async def test_a_new_connection_that_is_closed_at_once_is_not_tried_again() -> None:
    async with saying(b"", whole(b"second")) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await bodies(direct(), server, 1)
    assert len(server.requests) == 1


async def test_a_connection_that_said_close_is_not_used_again() -> None:
    async with saying(whole(b"1", "Connection: close"), whole(b"2")) as server:
        assert await bodies(direct(), server, 2) == [b"1", b"2"]
    assert server.connections == 2


async def test_a_connection_that_was_idle_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.http.direct.KEPT_IDLE_S", 0.1)
    async with serving() as server, aclosing(direct()) as client:
        await client.request("GET", server.url(), {})
        await asyncio.sleep(0.3)
        await client.request("GET", server.url(), {})
    assert server.connections == 2


async def test_who_gives_up_leaves_no_answer_for_the_next() -> None:
    async with serving() as server, aclosing(direct()) as client:
        asking = asyncio.create_task(client.request("GET", server.url("/held"), {}))
        await server.was_asked()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await client.request("GET", server.url(), {})).body == b"ok"
    assert server.connections == 2


async def test_no_more_than_so_many_requests_are_under_way() -> None:
    async with serving() as server, aclosing(direct(connections=2)) as client:
        asking = [asyncio.create_task(client.request("GET", server.url("/held"), {})) for _ in range(4)]
        await server.was_asked(2)
        await asyncio.sleep(0.1)
        assert len(server.requests) == 2
        server.release.set()
        answers = await asyncio.gather(*asking)
    assert [answer.body for answer in answers] == [b"at last"] * 4
    assert server.connections == 2


async def test_who_waits_too_long_for_its_turn_is_told_so() -> None:
    egress = Egress([f"{HOST}/32"], connect_timeout_s=1)
    async with serving() as server, aclosing(egress.direct(connections=1)) as client:
        first = asyncio.create_task(client.request("GET", server.url("/held"), {}))
        await server.was_asked()
        with pytest.raises(httpx.PoolTimeout):
            await client.request("GET", server.url(), {})
        server.release.set()
        assert (await first).body == b"at last"


async def test_who_watches_sees_what_was_said_and_what_went_wrong() -> None:
    seen: list[Exchanged] = []
    cut = head("Content-Length: 9") + b"half"
    async with saying(whole(b"yes", "X-Limit: 1"), cut, close=True) as server, aclosing(direct(seen.append)) as client:
        await client.request("POST", server.url("/a?b=c"), {"X-Request-ID": "1"}, b"{}")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.request("GET", server.url(), {})
    good, bad = seen
    assert (good.method, good.url, good.body, good.status) == ("POST", server.url("/a?b=c"), b"{}", 200)
    assert (good.headers, good.answer, good.error) == ({"x-request-id": "1"}, b"yes", None)
    assert good.answer_headers["x-limit"] == "1"
    assert (bad.status, bad.answer, bad.error) == (200, b"half", "RemoteProtocolError")
    assert bad.started <= bad.ended
