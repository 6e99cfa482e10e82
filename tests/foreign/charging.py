"""What a foreign charger goes through with a hub: it charges by itself, then by the hub's order, and obeys."""

from tests.foreign.node import Script
from tests.journeys.network import Network, eventually

CARD = "04AABBCCDD"


async def expected(network: Network, station_id: str) -> tuple[str, str, str, str]:
    """A hub that knows the charger and the card; what the charger's script wants to know first."""
    await network.publish()
    await network.send("POST", "/tokens", {"uid": CARD}, expect=201)
    made = await network.send("POST", "/stations", {"id": station_id, "location_id": "LOC1"}, expect=201)
    return network.up.ocpp_url, station_id, made["password"], CARD


async def charges_and_obeys(network: Network, charger: Script, station_id: str, protocol: str) -> None:
    """From its boot to its restart: 1.234 kWh by its driver's card, and 0.7 kWh by the hub's order."""
    assert await charger.tells("protocol") == protocol
    assert await charger.tells("boot") == "Accepted"
    assert await charger.tells("authorized") == "Accepted"
    assert await charger.tells("started") == "Accepted"
    assert await charger.tells("stopped") == "Local"
    start = await network.send("POST", "/starts", {"token_uid": CARD, "station_id": station_id}, expect=202)
    assert await charger.tells("started") == "Accepted"

    async def charging() -> bool:
        sessions = (await network.get("/sessions"))["items"]
        return any(session["start_id"] == start["id"] and float(session["kwh"]) == 0.7 for session in sessions)

    await eventually(charging)
    assert (await network.send("POST", f"/starts/{start['id']}/stop", None))["accepted"]
    assert await charger.tells("stopped") == "Remote"
    kind = "Hard" if protocol == "ocpp1.6" else "Immediate"
    await network.send("POST", f"/stations/{station_id}/calls", {"action": "Reset", "payload": {"type": kind}})


async def both_are_billed(network: Network) -> None:
    """Wait for the CDRs of both."""

    async def billed() -> bool:
        return sorted(float(cdr["kwh"]) for cdr in (await network.get("/cdrs"))["items"]) == [0.7, 1.234]

    await eventually(billed)
