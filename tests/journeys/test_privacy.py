"""Who sees what: partners of each other, and the log of everybody."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlmodel import select

from hub.tokens.tables import Token
from kit import log
from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json, Network, eventually
from tests.journeys.peers import Ocpi, addressed, cdr_of, cdr_token, session_of, stamped_location

pytestmark = [pytest.mark.anyio, pytest.mark.hub(partners=["CPO:BE*CPO", "CPO:FR*CPO", "EMSP:DE*EMS", "EMSP:AT*EMS"])]

TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
LATER = "2026-01-02T00:00:00Z"
SINCE = "?date_from=2020-01-01T00:00:00Z"


async def ids(partner: Ocpi, module: str) -> list[str]:
    answer = await partner.send("GET", f"sender/{module}{SINCE}")
    assert answer.json()["status_code"] == 1000
    found = [str(each.get("uid") or each["id"]) for each in answer.json()["data"]]
    assert answer.headers["x-total-count"] == str(len(found)), "the count tells no more than the list"
    return found


async def test_a_session_and_a_cdr_are_for_the_emsp_of_the_token_alone(network: Network) -> None:
    makers = [("CPO", "BE*CPO"), ("CPO", "FR*CPO"), ("EMSP", "DE*EMS"), ("EMSP", "AT*EMS")]
    partners = {party: await network.partner(role, party) for role, party in makers}
    ocpi: Mapping[str, Ocpi] = {party: Ocpi.of(network, partner) for party, partner in partners.items()}
    for cpo in ("BE*CPO", "FR*CPO"):
        owner = cpo.replace("*", "/")
        for emsp in ("DE*EMS", "AT*EMS", "NL*PLB"):
            name = f"{cpo[:2]}-{emsp[:2]}"
            session = session_of(cpo, name, emsp)
            assert (await ocpi[cpo].code("PUT", f"receiver/sessions/{owner}/{name}", session))[1] == 1000
            assert (await ocpi[cpo].code("POST", "receiver/cdrs", cdr_of(cpo, name, emsp)))[1] == 1000

    async def told() -> bool:
        return all(len(partners[emsp].state.cdrs) == 2 for emsp in ("DE*EMS", "AT*EMS"))

    await eventually(told)

    for module in ("sessions", "cdrs"):
        assert await ids(ocpi["DE*EMS"], module) == ["BE-DE", "FR-DE"]
        assert await ids(ocpi["AT*EMS"], module) == ["BE-AT", "FR-AT"]
        assert await ids(ocpi["BE*CPO"], module) == await ids(ocpi["FR*CPO"], module) == []
        assert sorted(getattr(partners["DE*EMS"].state, module)) == ["BE-DE", "FR-DE"]
        assert sorted(getattr(partners["AT*EMS"].state, module)) == ["BE-AT", "FR-AT"]
    for stranger in ("DE*EMS", "AT*EMS", "FR*CPO"):
        for path in ("sessions/BE/CPO/BE-DE", "cdrs/BE/CPO/BE-DE"):
            assert await ocpi[stranger].code("GET", f"receiver/{path}") == (404, 2000)
    assert await ocpi["BE*CPO"].code("GET", "receiver/sessions/BE/CPO/BE-DE") == (200, 1000), "what it sent itself"


async def test_what_is_not_published_is_neither_listed_nor_found(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    partner = await network.partner("EMSP", "DE*EMS")
    emsp = Ocpi.of(network, partner)
    await network.send("POST", "/stations", {"id": "CS-HIDDEN"}, expect=201)
    for name, publish in (("HIDDEN", False), ("SHOWN", True)):
        body = stamped_location(id=name, country_code="BE", party_id="CPO", publish=publish)
        assert await cpo.code("PUT", f"receiver/locations/BE/CPO/{name}", body) == (201, 1000)

    async def told() -> bool:
        return "SHOWN" in partner.state.locations

    await eventually(told)
    assert list(partner.state.locations) == ["SHOWN"]
    assert await ids(emsp, "locations") == ["SHOWN"]
    for hidden in ("HIDDEN", "CS-HIDDEN"):
        assert await emsp.code("GET", f"sender/locations/{hidden}") == (404, 2000)
        assert await emsp.code("GET", f"sender/locations/{hidden}/EVSE-1") == (404, 2000)
    assert await emsp.code("GET", "receiver/locations/BE/CPO/SHOWN") == (404, 2000), "that is the CPO's own view"
    assert await emsp.code("GET", "sender/locations/shown/evse-1/1") == (200, 1000)


async def test_tokens_are_for_cpos_and_chargers_for_emsps(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "BE*CPO"))
    other_cpo = Ocpi.of(network, await network.partner("CPO", "FR*CPO"))
    emsp = Ocpi.of(network, await network.partner("EMSP", "DE*EMS"))
    rival = Ocpi.of(network, await network.partner("EMSP", "AT*EMS"))
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    await emsp.send("PUT", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", TOKEN)
    tariff = {**TARIFF, "id": "T1", "country_code": "BE", "party_id": "CPO", "last_updated": LATER}
    await cpo.send("PUT", "receiver/tariffs/BE/CPO/T1", tariff)

    assert await ids(cpo, "tokens") == ["04AABBCCDD", TOKEN["uid"]]
    assert await ids(rival, "tokens") == await ids(emsp, "tokens") == [], "whose drivers a rival has is no business"
    assert await ids(rival, "tariffs") == ["STANDARD", "T1"]
    assert await ids(other_cpo, "tariffs") == await ids(other_cpo, "locations") == []
    assert await other_cpo.code("GET", "sender/locations/LOC1") == (404, 2000)
    assert await rival.code("POST", f"sender/tokens/{TOKEN['uid']}/authorize") == (200, 2000)
    assert await rival.code("GET", f"receiver/tokens/DE/EMS/{TOKEN['uid']}") == (404, 2000)


async def test_a_partner_that_registers_anew_does_not_get_its_own_objects_back(network: Network) -> None:
    cpo = Ocpi.of(network, await network.partner("CPO", "IT*CPO"))
    body = stamped_location(id="L1", country_code="IT", party_id="CPO")
    await cpo.send("PUT", "receiver/locations/IT/CPO/L1", body)
    await cpo.send("DELETE", "credentials")
    partner = await network.partner("CPO", "IT*CPO")
    again = Ocpi.of(network, partner)

    assert await again.code("PUT", "receiver/locations/IT/CPO/L1", {**body, "last_updated": LATER}) == (200, 1000)
    assert await ids(again, "locations") == []
    emsp = Ocpi.of(network, await network.partner("EMSP", "DE*EMS"))
    assert await ids(emsp, "locations") == ["L1"]


async def test_no_card_number_is_stored_where_it_is_looked_up(network: Network) -> None:
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    async with network.up.hub.db.read() as tx:
        [row] = await tx.all(select(Token))
    assert "04AABBCCDD".casefold() not in f"{row.object_id} {row.uid_digest}".casefold()


async def test_no_card_number_and_no_secret_is_ever_logged(network: Network, capfd: pytest.CaptureFixture[str]) -> None:
    """A card is issued, tapped, refused, asked about, forwarded and billed; the partner is away in between."""
    log.configure("debug", json=True)
    card, own = "CAFE0042BABE77", "F00D0042F00D77"
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    cpo = await network.partner("CPO", "BE*CPO", charging_s=0.1)
    await cpo.push("locations", stamped_location(id="BE-1"))
    token = {**TOKEN, "uid": card}
    emsp.state.tokens[card] = token
    await network.send("POST", "/tokens", {"uid": own}, expect=201)
    stations = [await network.station(f"CS-{version[4:5]}", version) for version in ("ocpp1.6", "ocpp2.0.1")]
    for station in stations:
        await station.tap(card, seconds=0.2)
        await station.tap(own, seconds=0.2)
        await station.authorize(f"{card}X")
    raw, raw_cpo = Ocpi.of(network, emsp), Ocpi.of(network, cpo)
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{card}", token)
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{card}", {**token, "valid": card})
    await raw.send("PUT", f"receiver/tokens/DE/EMS/{card}OTHER", token)
    await raw.send("PATCH", f"receiver/tokens/DE/EMS/{card}NONE", {"last_updated": LATER})
    command = {"response_url": f"{emsp.public_url}/r", "token": token, "location_id": "LOC1"}
    await raw.send("POST", "receiver/commands/START_SESSION", command)
    for target in ("DE*EMS", "FR*XXX", None):
        headers = addressed(to=target)
        await raw_cpo.send("POST", f"sender/tokens/{card}/authorize", headers=headers)
    await cpo.tap(card)
    await cpo.tap(own)
    await raw_cpo.send("PUT", "receiver/sessions/BE/CPO/S9", session_of("BE*CPO", "S9", "DE*EMS", kwh=card))
    body = session_of("BE*CPO", "S9", "DE*EMS", cdr_token=cdr_token("DE*EMS", card))
    await raw_cpo.send("PUT", "receiver/sessions/BE/CPO/S9", body)
    emsp.state.online = cpo.state.online = False
    await stations[0].authorize(card)
    await network.send("POST", "/tokens", {"uid": f"{own}2"}, expect=201)
    await network.api.post("/starts", json={"token_uid": own, "cpo": "BE*CPO", "location_id": "BE-1"})
    await network.api.post("/starts", json={"token_uid": card * 9, "station_id": "CS-1"})
    await network.api.get(f"/starts/{card}")
    await asyncio.sleep(1.5)

    logged = "".join(capfd.readouterr())

    assert "http request" in logged, "the scenario is logged at all"
    secrets = [card, own, cpo.state.link.token_out, cpo.state.link.token_in] if cpo.state.link else []
    assert [secret for secret in secrets if secret.casefold() in logged.casefold()] == []
