"""Clients in another language: a charger and a roaming partner on Node, with what Node itself brings along."""

import pytest

from tests.foreign.charging import CARD, both_are_billed, charges_and_obeys, expected
from tests.foreign.node import running
from tests.journeys.network import LOCATION, Json, Network

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_charger_on_node_charges_and_obeys(network: Network) -> None:
    arguments = await expected(network, "NODE-1")
    async with running("charger16.mjs", *arguments) as charger:
        await charges_and_obeys(network, charger, "NODE-1", "ocpp1.6")
        assert await charger.tells("closed") == 1000
    await both_are_billed(network)


async def test_a_charger_on_node_with_a_wrong_password_is_refused(network: Network) -> None:
    await network.send("POST", "/stations", {"id": "NODE-1"}, expect=201)
    async with running("charger16.mjs", network.up.ocpp_url, "NODE-1", "wrong-password", CARD) as charger:
        assert await charger.tells("closed") == 1006


async def test_a_partner_on_node_registers_reads_and_lets_its_driver_charge(network: Network) -> None:
    await network.publish()
    for number in range(2, 6):
        evses = [{**evse, "uid": f"EVSE-{number}"} for evse in LOCATION["evses"]]
        await network.send("PUT", f"/locations/LOC{number}", {**LOCATION, "evses": evses})
    roles = [{"role": "EMSP", "party": "DE*NOD"}, {"role": "CPO", "party": "DE*NOC"}]
    invitation = await network.send("POST", "/partners/invitations", {"name": "Node", "roles": roles}, expect=201)

    async with running("partner.mjs", invitation["versions_url"], invitation["token"]) as partner:
        assert await partner.tells("registered") == ["HUB NL*PLH", "CPO NL*PLB", "EMSP NL*PLB"]
        assert await partner.tells("pages") == [["LOC1", "LOC2"], ["LOC3", "LOC4"], ["LOC5"]]
        stored = (await network.get("/locations"))["items"]
        assert "NODE-1" in {location["id"] for location in stored}

        station = await network.station()
        charged = await station.tap("04NODE", seconds=0.5)
        assert charged is not None
        assert await partner.tells("asked") == "04NODE"
        cdr: Json = await partner.tells("cdr")
        assert cdr["total_energy"] == charged.energy_wh / 1000
        assert (cdr["authorization_reference"], cdr["cdr_token"]["party_id"]) == ("NODE-1", "NOD")
