"""The message log of a whole hub: complete, in order, without a card number or a token, and replayed with care."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from auth.keys import create_key
from auth.subjects import OperatorRole
from hub.parties.message_log_tables import Message, MessageContent
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually, http_client
from tests.journeys.peers import Ocpi, addressed, cdr_token, hub_with, session_of, stamped_location

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS"])]

CARD, OWN = "CAFE0042BABE77", "F00D0042F00D77"
CONTRACT = "DE-EMS-C0FFEE011"
TOKEN: Json = {
    **PARTNER_TOKEN,
    "uid": CARD,
    "contract_id": CONTRACT,
    "visual_number": "4711-0815-42",
    "country_code": "DE",
    "party_id": "EMS",
    "driver_name": "Erika Mustermann",
}


async def messages(network: Network, **wanted: Any) -> list[Json]:
    found: list[Json] = (await network.get("/messages", limit=500, **wanted))["items"]
    return found


async def everything(network: Network) -> list[Message]:
    await network.up.hub.messages.flush()
    async with network.up.hub.db.read() as tx:
        return list(await tx.all(select(Message).order_by(Message.id)))  # type: ignore[arg-type]


async def test_the_searchable_log_of_a_roaming_journey_tells_no_card_and_no_token(own_network: Network) -> None:
    await own_network.publish()
    emsp = await own_network.partner("EMSP", "DE*EMS")
    cpo = await own_network.partner("CPO", "BE*CPO", charging_s=0.1)
    await cpo.push("locations", stamped_location(id="BE-1"))
    emsp.state.tokens[CARD] = TOKEN
    await own_network.send("POST", "/tokens", {"uid": OWN}, expect=201)
    station = await own_network.station()
    await station.tap(CARD, seconds=0.2)
    await station.authorize(f"{CARD}X")
    raw, raw_cpo = Ocpi.of(own_network, emsp), Ocpi.of(own_network, cpo)
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{CARD}", TOKEN)
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{CARD}", {**TOKEN, "valid": CARD, "note": f"card {CARD.lower()}"})
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{CARD}", raw=f'{{"uid": "{CARD}", broken'.encode())
    await raw.send("GET", f"receiver/nothing/{CARD}")
    start = {"response_url": f"{emsp.public_url}/r?uid={CARD}", "token": TOKEN, "location_id": "LOC1"}
    await raw.send("POST", "receiver/commands/START_SESSION", start)
    for target in ("DE*EMS", None):
        headers = {**addressed(to=target), "X-Correlation-ID": f"case of {CARD}"}
        await raw_cpo.send("POST", f"sender/tokens/{CARD}/authorize?type=RFID", headers=headers)
    await cpo.tap(CARD)
    await cpo.tap(OWN)
    session = session_of("BE*CPO", "S9", "DE*EMS", kwh=CARD, cdr_token=cdr_token("DE*EMS", CARD))
    await raw_cpo.send("PUT", "receiver/sessions/BE/CPO/S9", session)
    await own_network.api.post("/starts", json={"token_uid": OWN, "cpo": "BE*CPO", "location_id": "BE-1"})

    async def billed() -> bool:
        return bool(emsp.state.cdrs) and bool((await own_network.get("/cdrs"))["total"])

    await eventually(billed)
    rows = await everything(own_network)

    seen = {(row.direction, row.module) for row in rows}
    assert {("IN", "credentials"), ("OUT", "versions"), ("IN", "commands"), ("OUT", "tokens")} <= seen
    assert {("OUT", "sessions"), ("OUT", "cdrs"), ("IN", "tokens"), ("OUT", "commands"), ("IN", "sessions")} <= seen
    assert cpo.state.link is not None
    assert emsp.state.link is not None
    links = (cpo.state.link, emsp.state.link)
    secrets = [CARD, OWN, CONTRACT, "4711-0815-42", "Mustermann"]
    secrets += [token for link in links for token in (link.token_in, link.token_out)]
    for row in rows:
        told = " ".join(str(value) for value in row.model_dump().values()).casefold()
        assert [secret for secret in secrets if secret.casefold() in told] == [], row
    async with own_network.up.hub.db.read() as tx:
        sealed = b" ".join(row.sealed for row in await tx.all(select(MessageContent))).lower()
    assert [secret for secret in secrets if secret.casefold().encode() in sealed] == []


async def test_a_tap_is_told_from_beginning_to_end_under_its_correlation_id(network: Network) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[CARD] = TOKEN
    station = await network.station()
    await station.tap(CARD, seconds=0.2)

    async def billed() -> bool:
        return bool(emsp.state.cdrs)

    await eventually(billed)
    story = await messages(network, correlation_id=emsp.state.asked_under[-1])
    assert [each["at"] for each in story] == sorted(each["at"] for each in story)
    assert (story[0]["module"], story[0]["verb"], story[0]["direction"]) == ("tokens", "POST", "OUT")
    assert story[0]["path"].endswith("/authorize?type=RFID")
    assert "#" in story[0]["path"]
    assert {each["module"] for each in story} == {"tokens", "sessions", "cdrs"}
    assert {each["status_code"] for each in story} == {1000}
    assert {each["to_party"] for each in story} == {"DE*EMS"}


async def test_what_came_in_stands_before_what_it_led_to_however_quick_that_was(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    (await network.partner("EMSP", "DE*EMS")).state.tokens[CARD] = TOKEN
    stories = [f"story-{number}" for number in range(50)]
    for story in stories:
        headers = {**addressed(to="DE*EMS", sender="BE*CPO"), "X-Correlation-ID": story}
        await cpo.send("POST", f"sender/tokens/{CARD}/authorize", headers=headers)
    for story in stories:
        assert [each["direction"] for each in await messages(network, correlation_id=story)] == ["IN", "OUT"]


async def test_a_forwarded_message_has_two_legs_in_order(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[CARD] = TOKEN
    headers = {**addressed(to="DE*EMS", sender="BE*CPO"), "X-Correlation-ID": "story-1", "X-Request-ID": "asked-1"}
    await cpo.send("POST", f"sender/tokens/{CARD}/authorize", headers=headers)

    first, second = await messages(network, correlation_id="story-1")

    assert [first["direction"], second["direction"]] == ["IN", "OUT"]
    assert first["platform_id"] != second["platform_id"] is not None
    assert (first["request_id"], first["module"], first["interface"]) == ("asked-1", "tokens", "SENDER")
    assert (second["module"], second["interface"]) == ("tokens", "SENDER")
    assert second["request_id"] != "asked-1"
    detail = await network.get(f"/messages/{second['id']}")
    assert '"allowed":"ALLOWED"' in detail["response_body"]
    assert CARD not in detail["response_body"]


async def test_a_handshake_is_in_the_log_with_its_platform(network: Network) -> None:
    await network.partner("EMSP", "AT*EMS")
    platform = next(each for each in await network.get("/partners") if each["parties"][0]["party"] == "AT*EMS")
    told = await messages(network, partner=platform["id"])
    post = next(each for each in told if (each["direction"], each["module"]) == ("IN", "credentials"))
    legs = await messages(network, correlation_id=post["correlation_id"], partner=platform["id"])
    assert [leg["direction"] for leg in legs] == ["IN", "OUT", "OUT"]


async def test_the_log_is_filtered_and_paged_by_key(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    for number in range(5):
        body = stamped_location(id=f"L{number}", country_code="BE", party_id="CPO")
        await cpo.send("PUT", f"receiver/locations/BE/CPO/L{number}", body)
    await cpo.send("GET", "receiver/locations/BE/CPO/NONE")
    await cpo.send("PUT", "receiver/locations/BE/CPO/L9", {"id": "L9"})

    assert len(await messages(network, module="locations", direction="IN")) == 7
    [missing] = await messages(network, status=404, direction="IN")
    assert missing["path"].endswith("/receiver/locations/BE/CPO/NONE")
    assert {
        each["status_code"] for each in await messages(network, module="locations", direction="IN", failed=True)
    } == {2000, 2001}
    assert len(await messages(network, module="locations", direction="IN", failed=False)) == 5
    assert await messages(network, until="2020-01-01T00:00:00Z") == []
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await network.get(
            "/messages", module="locations", direction="IN", limit=3, **({"cursor": cursor} if cursor else {})
        )
        found += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(found) == 7
    assert found == sorted(found, reverse=True)


async def test_the_exact_bytes_are_for_administrators_who_say_why(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    raw = b' {"x_own" : [1.50, 1e2], "uid":"0411AABBCC" } '
    await cpo.send("PUT", "receiver/locations/BE/CPO/L1", raw=raw)
    [message] = await messages(network, module="locations", direction="IN")
    path = f"/messages/{message['id']}/content"
    async with network.up.hub.db.tx() as tx:
        viewer = await create_key(tx, network.up.hub.keys, name="viewer", role=OperatorRole.VIEWER)

    assert (await network.api.get(path)).status_code == 422, "without a reason"
    as_viewer = {"Authorization": f"Bearer {viewer}"}
    assert (await network.api.get(path, params={"reason": "curious"}, headers=as_viewer)).status_code == 403
    assert (await network.get("/messages/accesses"))["items"] == []
    content = await network.get(path, reason="ticket 42")

    assert content["request"].encode() == raw
    assert "authorization" not in content["headers"]
    [access] = (await network.get("/messages/accesses", message_id=message["id"]))["items"]
    assert (access["action"], access["key_name"], access["reason"]) == ("content", "test", "ticket 42")
    assert (await network.api.get("/messages/accesses", headers=as_viewer)).status_code == 403


async def test_what_came_in_is_taken_in_again_and_changes_nothing_twice(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    body = stamped_location(id="L1", country_code="BE", party_id="CPO")
    await cpo.send("PUT", "receiver/locations/BE/CPO/L1", body)
    [message] = await messages(network, module="locations", direction="IN")
    before = (await cpo.send("GET", "receiver/locations/BE/CPO/L1")).json()["data"]

    done = await network.send("POST", f"/messages/{message['id']}/replay", {"reason": "ticket 42"})

    assert (done["http_status"], done["status_code"]) == (200, 1000)
    assert (await cpo.send("GET", "receiver/locations/BE/CPO/L1")).json()["data"] == before
    [access] = (await network.get("/messages/accesses"))["items"]
    assert access["action"] == "replay"
    legs = await messages(network, correlation_id=message["correlation_id"], direction="IN")
    assert len(legs) == 2


async def test_what_went_out_is_sent_again(network: Network) -> None:
    emsp = await network.partner("EMSP", "DE*EMS")
    await network.publish()

    async def told() -> bool:
        return "LOC1" in emsp.state.locations

    await eventually(told)
    [message] = await messages(network, module="locations", direction="OUT")
    emsp.state.locations.clear()

    done = await network.send("POST", f"/messages/{message['id']}/replay", {"reason": "the partner lost it"})

    assert done["status_code"] == 1000
    assert "LOC1" in emsp.state.locations


async def test_commands_authorizations_credentials_and_accepted_cdrs_are_never_replayed(network: Network) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[CARD] = TOKEN
    station = await network.station()
    await station.tap(CARD, seconds=0.2)
    command = {"response_url": f"{emsp.public_url}/r", "token": TOKEN, "location_id": "LOC1"}
    await Ocpi.of(network, emsp).send("POST", "receiver/commands/START_SESSION", command)
    await network.partner("CPO", "FR*CPO")  # a handshake

    async def billed() -> bool:
        return bool(emsp.state.cdrs) and bool(await messages(network, module="cdrs"))

    await eventually(billed)
    for module, direction in [("commands", "IN"), ("tokens", "OUT"), ("credentials", "IN"), ("cdrs", "OUT")]:
        message = (await messages(network, module=module, direction=direction))[0]
        refused = await network.api.post(f"/messages/{message['id']}/replay", json={"reason": "ticket 42"})
        assert (refused.status_code, refused.json()["type"]) == (409, refused.json()["type"]), module
    assert len(emsp.state.cdrs) == 1


async def test_a_graceful_stop_writes_what_waits(tmp_path: Path, migrated_database_url: str) -> None:
    async with hub_with(tmp_path, migrated_database_url) as network:
        cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        await asyncio.gather(*(cpo.send("GET", "sender/locations") for _ in range(50)))
    async with hub_with(tmp_path, migrated_database_url) as network:
        assert len(await messages(network, module="locations", direction="IN")) == 50


async def test_a_partner_that_cannot_be_reached_is_logged_with_the_error(network: Network) -> None:
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.online = False
    await network.publish()

    async def failed() -> bool:
        return bool(await messages(network, module="locations", direction="OUT", failed=True))

    await eventually(failed)


async def test_a_large_page_is_logged_by_its_size(tmp_path: Path, migrated_database_url: str) -> None:
    async with hub_with(tmp_path, migrated_database_url, message_body_bytes=600) as network:
        cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        emsp = Ocpi.of(network, await network.partner("EMSP", "DE*EMS"))
        for number in range(3):
            body = stamped_location(id=f"L{number}", country_code="BE", party_id="CPO", name="x" * 255)
            await cpo.send("PUT", f"receiver/locations/BE/CPO/L{number}", body)
        page = await emsp.send("GET", "sender/locations")
        [row] = await messages(
            network, partner=(await network.get("/partners"))[1]["id"], module="locations", direction="IN"
        )
        detail = await network.get(f"/messages/{row['id']}")
        assert detail["response_bytes"] == len(page.content)
        assert detail["response_body"] == f"[a page: {len(page.content)} bytes]"
        assert detail["status_code"] == 1000
        put = (await messages(network, module="locations", direction="IN"))[-1]
        shown = (await network.get(f"/messages/{put['id']}"))["request_body"]
        assert shown.endswith(f"…[cut: {put['request_bytes']} bytes]")
        assert len(shown) < 700
        content = await network.get(f"/messages/{put['id']}/content", reason="ticket 42")
        assert content["request_cut"]
        assert len(content["request"]) == 600
        refused = await network.api.post(f"/messages/{put['id']}/replay", json={"reason": "ticket 42"})
        assert refused.status_code == 409


async def test_a_full_queue_drops_and_counts_and_hinders_nobody(tmp_path: Path, migrated_database_url: str) -> None:
    async with hub_with(tmp_path, migrated_database_url, message_queue_bytes=1) as network:
        cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
        assert await cpo.code("GET", "sender/locations") == (200, 1000)
        assert await messages(network) == []
        assert network.up.hub.messages.dropped > 0
        async with http_client() as http:
            scraped = await http.get(f"{network.up.http_url}/metrics", headers=dict(network.api.headers))
        line = next(each for each in scraped.text.splitlines() if each.startswith("plugbridge_messages_dropped_total"))
        assert float(line.split()[-1]) == network.up.hub.messages.dropped
