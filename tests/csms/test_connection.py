"""The short way of plain messages gives what the long way gives, however the bytes come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

from csms.connection import StationConnection
from csms.plain_frames import frame_size, text_frame, text_of

LARGEST = 2**17


async def echo(connection: ServerConnection) -> None:
    try:
        while True:
            await connection.send(await connection.recv(decode=False), text=True)
    except ConnectionClosed:
        pass


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serve(
        echo, "127.0.0.1", 0, create_connection=StationConnection, compression=None, max_size=LARGEST
    ) as server:
        yield server.sockets[0].getsockname()[1]


class Client:
    """A client that writes bytes as it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader, self.writer = reader, writer
        self.waiting: list[Frame] = []
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"))

    async def greet(self, behind: bytes = b"") -> None:
        self.protocol.send_request(self.protocol.connect())
        self.writer.write(b"".join(self.protocol.data_to_send()) + behind)
        await self.events(1)

    async def events(self, count: int) -> list[Frame]:
        found, self.waiting = self.waiting, []
        while len(found) < count:
            data = await asyncio.wait_for(self.reader.read(2**16), 30)
            self.protocol.receive_data(data) if data else self.protocol.receive_eof()
            found += self.protocol.events_received()  # type: ignore[arg-type]
            if not data:
                break
        self.waiting = found[count:]
        return found[:count]

    def frames(self) -> bytes:
        return b"".join(self.protocol.data_to_send())


async def connected(port: int) -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return Client(reader, writer, port)


@pytest.mark.anyio
@pytest.mark.parametrize("step", [1, 2, 7, 1000, 2**20])
async def test_messages_come_whole_and_in_order_however_their_bytes_are_cut(port: int, step: int) -> None:
    client = await connected(port)
    await client.greet()
    say = client.protocol
    say.send_text(b"short")
    say.send_text(b"f", fin=False)
    say.send_ping(b"?")
    say.send_continuation(b"r", fin=False)
    say.send_continuation(b"agments", fin=True)
    say.send_text(b"m" * 200)
    say.send_binary(b"binary")
    say.send_text(b"l" * (70_000 if step > 1 else 300))
    say.send_text(b"")
    data = client.frames()
    for start in range(0, len(data), step):
        client.writer.write(data[start : start + step])
        await asyncio.sleep(0)
    frames = await client.events(7)
    texts = [bytes(frame.data) for frame in frames if frame.opcode is Opcode.TEXT]
    long = b"l" * (70_000 if step > 1 else 300)
    assert texts == [b"short", b"fragments", b"m" * 200, b"binary", long, b""]
    assert [bytes(frame.data) for frame in frames if frame.opcode is Opcode.PONG] == [b"?"]
    client.writer.close()


@pytest.mark.anyio
async def test_frames_behind_the_request_are_read_though_the_last_has_not_all_come(port: int) -> None:
    client = await connected(port)
    frame = bytes((0x81, 0x85, 0, 0, 0, 0)) + b"early"
    await client.greet(behind=frame + frame[:4])
    client.writer.write(frame[4:])
    assert [bytes(each.data) for each in await client.events(2)] == [b"early", b"early"]
    client.writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (bytes((0x81, 5)) + b"plain", 1002),  # not masked
        (bytes((0xC1, 0x80, 0, 0, 0, 0)), 1002),  # an extension that was not agreed on
        (bytes((0x81, 0xFF)) + (LARGEST + 1).to_bytes(8) + bytes(4), 1009),  # too long
    ],
)
async def test_what_is_no_plain_message_is_judged_as_ever(port: int, bad: bytes, code: int) -> None:
    client = await connected(port)
    await client.greet()
    client.protocol.send_text(b"well")
    client.writer.write(client.frames())
    assert (await client.events(1))[0].data == b"well"
    client.writer.write(bad)
    closed = (await client.events(1))[0]
    assert closed.opcode is Opcode.CLOSE
    assert Close.parse(closed.data).code == code
    client.writer.close()


@pytest.mark.anyio
async def test_what_comes_after_a_close_is_not_heard(port: int) -> None:
    client = await connected(port)
    await client.greet()
    client.protocol.send_text(b"well")
    before = client.frames()
    client.protocol.send_close(1000)
    client.writer.write(before + client.frames() + bytes((0x81, 0x84, 0, 0, 0, 0)) + b"late")
    assert [frame.opcode for frame in await client.events(3)] in ([Opcode.TEXT, Opcode.CLOSE], [Opcode.CLOSE])
    client.writer.close()


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_a_masked_text_is_read_and_ends_where_it_ends(text: bytes, mask: bytes) -> None:
    frame = Frame(Opcode.TEXT, text).serialize(mask=True)
    assert frame_size(frame) == frame_size(frame + mask) == len(frame)
    assert text_of(frame) == text


@given(st.binary(max_size=70_000))
def test_a_text_is_written_as_the_library_writes_it(text: bytes) -> None:
    assert text_frame(text) == Frame(Opcode.TEXT, text).serialize(mask=False)
