"""Who has no agreement sees, hears and commands nothing of the other."""

from dataclasses import dataclass

import pytest

from simulators.partner.partner import Partner
from simulators.station.words import NeutralAnswer
from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json, Network, eventually
from tests.journeys.peers import STAMP, Ocpi, addressed, stamped_location

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.hub(partners=["CPO:BE*CPO", "EMSP:DE*EMS", "EMSP:AT*EMS"], agreement_default="deny"),
]

TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
OWNED: Json = {"country_code": "BE", "party_id": "CPO"}
LATER, LATEST = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"


@dataclass
class Cast:
    """A hub on which nobody meets anybody without an agreement, a CPO and two eMSPs."""

    network: Network
    partners: dict[str, Partner]
    ocpi: dict[str, Ocpi]

    async def agree(self, path: str, allowed: bool = True) -> None:
        await self.network.send("PUT", f"/agreements/{path}", {"allowed": allowed})

    async def listed(self, party: str, module: str) -> list[str]:
        answer = await self.ocpi[party].send("GET", f"sender/{module}")
        found = [str(each.get("uid") or each["id"]) for each in answer.json()["data"]]
        assert answer.headers["x-total-count"] == str(len(found))
        return found

    async def has(self, party: str, module: str, *ids: str) -> None:
        async def told() -> bool:
            return set(ids) <= set(getattr(self.partners[party].state, module))

        await eventually(told)


@pytest.fixture
async def cast(network: Network) -> Cast:
    makers = [("CPO", "BE*CPO"), ("EMSP", "DE*EMS"), ("EMSP", "AT*EMS")]
    partners = {party: await network.partner(role, party) for role, party in makers}
    ocpi = {party: Ocpi.of(network, partner) for party, partner in partners.items()}
    for name in ("L1", "L2"):
        body = stamped_location(id=name, **OWNED)
        assert await ocpi["BE*CPO"].code("PUT", f"receiver/locations/BE/CPO/{name}", body) == (201, 1000)
    tariff = {**TARIFF, **OWNED, "id": "T1", "last_updated": STAMP}
    assert await ocpi["BE*CPO"].code("PUT", "receiver/tariffs/BE/CPO/T1", tariff) == (201, 1000)
    assert await ocpi["DE*EMS"].code("PUT", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", TOKEN) == (201, 1000)
    await network.publish()
    return Cast(network, partners, ocpi)


async def test_nobody_sees_anything_without_an_agreement_and_what_is_granted_is_told(cast: Cast) -> None:
    for emsp in ("DE*EMS", "AT*EMS"):
        assert await cast.listed(emsp, "locations") == await cast.listed(emsp, "tariffs") == []
        assert await cast.ocpi[emsp].code("GET", "sender/locations/L1") == (404, 2000)
        assert await cast.ocpi[emsp].code("GET", "sender/locations/LOC1/EVSE-1") == (404, 2000)
    assert await cast.listed("BE*CPO", "tokens") == []

    await cast.agree("BE*CPO/DE*EMS")

    await cast.has("DE*EMS", "locations", "L1", "L2")
    await cast.has("DE*EMS", "tariffs", "T1")
    await cast.has("BE*CPO", "tokens", TOKEN["uid"])
    assert await cast.listed("DE*EMS", "locations") == ["L1", "L2"]
    assert await cast.listed("DE*EMS", "tariffs") == ["T1"]
    assert await cast.listed("BE*CPO", "tokens") == [TOKEN["uid"]]
    assert await cast.ocpi["DE*EMS"].code("GET", "sender/locations/l1") == (200, 1000)
    assert await cast.listed("AT*EMS", "locations") == []
    assert cast.partners["AT*EMS"].state.locations == {}

    await cast.network.api.delete("/agreements/BE*CPO/DE*EMS")
    body = stamped_location(id="L1", **OWNED, name="Changed", last_updated=LATER)
    assert await cast.ocpi["BE*CPO"].code("PUT", "receiver/locations/BE/CPO/L1", body) == (200, 1000)
    await cast.agree("*/AT*EMS")
    await cast.has("AT*EMS", "locations", "L1", "L2", "LOC1")
    assert await cast.listed("DE*EMS", "locations") == []
    assert cast.partners["DE*EMS"].state.locations["L1"]["name"] != "Changed", "what was shown stays, and stops there"


async def test_a_single_object_can_be_shown_or_hidden(cast: Cast) -> None:
    await cast.agree("BE*CPO/AT*EMS/locations/L2")
    await cast.has("AT*EMS", "locations", "L2")
    assert await cast.listed("AT*EMS", "locations") == ["L2"]
    await cast.agree("BE*CPO/DE*EMS")
    await cast.agree("BE*CPO/DE*EMS/tariffs/t1", False)
    await cast.agree("BE*CPO/*/locations/l1", False)
    await cast.has("DE*EMS", "locations", "L2")
    assert await cast.listed("DE*EMS", "locations") == ["L2"]
    assert await cast.ocpi["DE*EMS"].code("GET", "sender/locations/L1") == (404, 2000)
    assert await cast.listed("DE*EMS", "tariffs") == []
    assert await cast.ocpi["BE*CPO"].code("GET", "receiver/locations/BE/CPO/L1") == (200, 1000), "its own it always has"


async def test_whom_you_may_not_meet_you_cannot_tell_from_who_does_not_exist(cast: Cast) -> None:
    emsp, cpo = cast.ocpi["DE*EMS"], cast.ocpi["BE*CPO"]
    for party in ("BE*CPO", "NL*PLB", "XX*NON"):
        answer = await emsp.send("GET", "sender/locations", headers=addressed(to=party))
        body = answer.json()
        assert (answer.status_code, body["status_code"]) == (200, 4001)
        assert body["status_message"] == "Unknown receiver: OCPI-to: no such party here"
    card = f"sender/tokens/{TOKEN['uid']}/authorize"
    assert await cpo.code("POST", card, headers=addressed(to="DE*EMS")) == (200, 4001)
    await cast.agree("BE*CPO/DE*EMS")
    assert await emsp.code("GET", "sender/locations", headers=addressed(to="BE*CPO")) == (200, 1000)


async def test_our_own_chargers_obey_those_alone_who_have_an_agreement(cast: Cast) -> None:
    station = await cast.network.station()
    emsp = cast.ocpi["DE*EMS"]
    partner = cast.partners["DE*EMS"]
    command: Json = {
        "response_url": f"{partner.public_url}/ocpi/2.2.1/sender/commands/START_SESSION/X1",
        "token": TOKEN,
        "location_id": "LOC1",
    }
    unlock: Json = {**command, "evse_uid": "EVSE-1", "connector_id": "1"}
    assert await emsp.code("POST", "receiver/commands/START_SESSION", command) == (200, 2003)
    assert await emsp.code("POST", "receiver/commands/UNLOCK_CONNECTOR", unlock) == (200, 2003)
    partner.state.tokens[TOKEN["uid"]] = TOKEN
    assert await station.authorize(TOKEN["uid"]) != NeutralAnswer.ACCEPTED
    assert partner.state.authorizations == 0, "it is not even asked"

    await cast.agree("NL*PLB/DE*EMS")
    assert await station.authorize(TOKEN["uid"]) == NeutralAnswer.ACCEPTED
    await cast.agree("NL*PLB/DE*EMS/locations/LOC1", False)
    assert await station.authorize(TOKEN["uid"]) != NeutralAnswer.ACCEPTED
    assert await emsp.code("POST", "receiver/commands/START_SESSION", command) == (200, 2003)
    elsewhere = {**unlock, "location_id": "SOMEWHERE"}
    assert await emsp.code("POST", "receiver/commands/UNLOCK_CONNECTOR", elsewhere) == (200, 2003), "it is not there"
    await cast.agree("NL*PLB/DE*EMS/locations/LOC1")
    assert await emsp.code("POST", "receiver/commands/START_SESSION", command) == (200, 1000)


async def test_our_own_cards_are_ours_at_our_own_chargers(cast: Cast) -> None:
    await cast.network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await cast.network.station()
    assert await station.authorize("04AABBCCDD") == NeutralAnswer.ACCEPTED


async def test_the_operator_sees_what_is_agreed_and_takes_it_back(cast: Cast) -> None:
    for path, allowed in (("be*cpo/DE*EMS", True), ("*/AT*EMS", False), ("BE*CPO/*/tariffs/T1", False)):
        await cast.agree(path, allowed)
    listed = await cast.network.get("/agreements")
    assert listed["default"] == "deny"
    assert [(each["cpo"], each["emsp"], each["module"], each["object_id"]) for each in listed["items"]] == [
        ("*", "AT*EMS", "", ""),
        ("BE*CPO", "*", "tariffs", "t1"),
        ("BE*CPO", "DE*EMS", "", ""),
    ]
    assert len((await cast.network.get("/agreements", party="DE*EMS"))["items"]) == 1
    assert len((await cast.network.get("/agreements", module="tariffs", allowed=False))["items"]) == 1
    assert (await cast.network.api.delete("/agreements/BE*CPO/*/tariffs/t1")).status_code == 204
    gone = await cast.network.api.delete("/agreements/BE*CPO/*/tariffs/t1")
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    for path in ("BECPO/DE*EMS", "BE*CPO/DE*EMS/tokens/X", "*/DE*EMS/tariffs/T1"):
        wrong = await cast.network.api.put(f"/agreements/{path}", json={"allowed": True})
        assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json"), path
