"""Attempts to get in at the OCPI door by size, by number and by slowness, on a whole hub."""

import asyncio
import os
from pathlib import Path

import pytest
from starlette.responses import Response

from kit.clock import ManualClock
from ocpi.headers import authorization
from tests.journeys.network import Network, eventually
from tests.journeys.peers import Ocpi, addressed, credentials, hub_with, stranger

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO"])]

WHERE = "receiver/locations/BE/CPO/L1"


def head(ocpi: Ocpi, *lines: str) -> bytes:
    target = f"/ocpi/2.2.1/{WHERE}"
    shown = [f"PUT {target} HTTP/1.1", "Host: hub", f"Authorization: {authorization(ocpi.token)}", *lines, "", ""]
    return "\r\n".join(shown).encode("latin-1")


async def spoken(network: Network, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    port = int(network.up.http_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for piece in pieces:
            if writer.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(30):
            while chunk := await reader.read(65_536):
                heard += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return heard


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_hundred_megabytes_are_refused_before_they_are_sent(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    heard = await spoken(network, head(cpo, "Content-Length: 100000000"))
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in heard


async def test_a_hundred_megabytes_in_chunks_are_cut_off_and_not_kept(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    before = resident_bytes()
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    port = int(network.up.http_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(cpo, "Transfer-Encoding: chunked"))
    sent = 0
    try:
        for _ in range(100):
            writer.write(chunk)
            await writer.drain()
            sent += 1
        heard = await reader.read(20)
    except ConnectionError:
        heard = b""
    writer.close()
    assert heard in (b"", b"HTTP/1.1 413 Request"), "cut off, or told so"
    assert sent < 20
    assert resident_bytes() - before < 50_000_000


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_json_ten_thousand_deep_is_no_json(network: Network, opening: bytes) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    answer = await cpo.send("PUT", WHERE, raw=opening * 10_000)
    assert (answer.status_code, answer.json()["status_code"]) == (400, 2001)
    closing = b"]" if opening == b"[" else b"}"
    answer = await cpo.send("PUT", WHERE, raw=opening * 10_000 + b"1" + closing * 10_000)
    assert answer.json()["status_code"] == 2001


async def test_who_sends_slowly_is_cut_off(tmp_path: Path, migrated_database_url: str) -> None:
    changes = {"http_head_timeout_s": 2, "http_body_timeout_s": 2}
    async with hub_with(tmp_path, migrated_database_url, **changes) as network:
        cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        slow_head = [b"PUT / HTTP/1.1\r\n", *[b"a: b\r\n"] * 8]
        assert await spoken(network, *slow_head, pause_s=0.4) == b""
        slow_body = [head(cpo, "Content-Length: 100"), *[b" "] * 8]
        assert await spoken(network, *slow_body, pause_s=0.4) == b""
        assert await cpo.code("GET", "sender/tariffs") == (200, 1000)


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, "a\r\n x-evil: 1", "a\nx-evil: 1", "a\x0bb", "é", ""],
    ids=["long", "folded", "line feed", "control", "not ascii", "empty"],
)
async def test_ids_that_must_not_stand_in_a_header_are_replaced_or_refused(network: Network, value: str) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    lines = [f"X-Correlation-ID: {value}", f"X-Request-ID: {value}", "Connection: close", "Content-Length: 2"]
    heard = await spoken(network, head(cpo, *lines) + b"{}")
    assert heard[9:12] in (b"200", b"400")
    assert b"evil" not in heard.lower()
    answered = [line for line in heard.split(b"\r\n") if line.lower().startswith(b"x-correlation-id:")]
    assert all(len(line) < 300 and line.isascii() for line in answered)
    told = (await network.get("/messages", module="locations"))["items"]
    assert all(len(each["correlation_id"]) == 36 for each in told)


async def test_what_a_receiver_answers_in_its_headers_breaks_nothing(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    async with stranger() as receiver:
        versions = receiver.speaks({"RECEIVER/locations": f"{receiver.url}/locations"})
        invitation = await network.send("POST", "/partners/invitations", {"name": "R"}, expect=201)
        invitee = Ocpi.with_token(network, cpo.http, invitation["token"])
        await invitee.send("POST", "credentials", credentials(versions, "EMSP:DE*EMS"))
        odd = Response(b'{"status_code":1000}')
        odd.raw_headers += [(b"link", "<http://h/€>; rel=next".encode()), (b"location", b"x" * 5000)]
        receiver.replies["/locations"] = lambda _: odd
        headers = {**addressed(to="DE*EMS"), "Authorization": authorization(cpo.token)}
        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        listed.append((b"content-type", "application/json; x=é".encode()))
        answer = await cpo.http.request("PUT", f"{cpo.base}/{WHERE}", content=b"{}", headers=listed)
        assert answer.json() == {"status_code": 1000}
        assert "link" not in answer.headers
        seen = next(each for each in receiver.seen if each.path.startswith("/locations"))
        assert seen.headers["content-type"] == "application/json"


async def test_who_asks_too_often_is_told_when_to_come_back_and_others_are_not(
    tmp_path: Path, migrated_database_url: str
) -> None:
    clock = ManualClock()  # a machine that is busy enough asks no more than twice a second
    async with hub_with(tmp_path, migrated_database_url, clock=clock, ocpi_requests_per_s=2) as network:
        busy = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        calm = Ocpi.of(network, await network.partner("EMSP", "DE*EMS"))
        answers = [await busy.send("GET", "sender/tariffs") for _ in range(15)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["status_code"] == 2000
        assert int(refused.headers["retry-after"]) >= 1
        assert answers[0].status_code == 200
        assert await calm.code("GET", "sender/tariffs") == (200, 1000)
        told = await network.get("/messages", status=429)
        assert told["items"], "who was refused is in the log"


async def test_one_partner_that_waits_does_not_take_the_room_of_others(
    tmp_path: Path, migrated_database_url: str
) -> None:
    async with hub_with(tmp_path, migrated_database_url, ocpi_requests_at_once=3) as network, stranger() as receiver:
        busy = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        versions = receiver.speaks({"RECEIVER/locations": f"{receiver.url}/locations"})
        invitation = await network.send("POST", "/partners/invitations", {"name": "R"}, expect=201)
        calm = Ocpi.with_token(network, busy.http, invitation["token"])
        answer = await calm.send("POST", "credentials", credentials(versions, "EMSP:DE*EMS"))
        calm.token = answer.json()["data"]["token"]
        receiver.delay_s = 60
        receiver.replies["/locations"] = lambda _: Response(b'{"status_code":1000}')
        held = [busy.send("PUT", WHERE, {}, headers=addressed(to="DE*EMS")) for _ in range(6)]
        waiting = [asyncio.create_task(each) for each in held]

        async def three_are_refused() -> bool:
            return sum(each.done() for each in waiting) == 3

        await eventually(three_are_refused)
        assert await calm.code("GET", "sender/tariffs") == (200, 1000)
        receiver.leaving.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*waiting))
        assert statuses == [200, 200, 200, 429, 429, 429]
        assert await busy.code("GET", "sender/tariffs") == (200, 1000), "the room is given back"
