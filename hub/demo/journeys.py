"""The journeys that the demo plays, each proved by what the hub and the partners say afterwards."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from hub.demo import cast
from hub.demo.cast import Charger
from hub.demo.children import DemoFailed
from hub.demo.doors import until
from hub.demo.narrator import Narrator, amount, energy
from hub.demo.network import Network
from hub.demo.paying import app_with_3d_secure, guest_by_card
from hub.demo.proofs import Journey, Run, cdr_of, newest, run_of

Json = dict[str, Any]

OWN_AT_OWN = "1 own driver at own charger"
PARTNER_AT_OWN = "2 partner's driver at own charger"
READ_THROUGH_US = "4 partner CPO's locations and tariffs read by another partner"
OWN_AT_PARTNER = "6 our driver at a partner's charger"
PAID_BY_APP = "7 app start with a card hold and 3-D Secure"
PAID_BY_GUEST = "8 guest by card"


async def own_driver_at_own_charger(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 1: a tap, a priced session, a CDR that stays in the house."""
    return [await charge_here(network, narrator, cast.CANAL_1, cast.OWN_CARDS[0], "our own driver")]


async def partners_driver_at_own_charger(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 2: the eMSP is asked in real time, and gets the session and the CDR."""
    return [
        await charge_here(network, narrator, cast.HARBOUR, cast.PARTNER_CARDS[0], "a partner's driver", of_partner=True)
    ]


async def objects_read_through_us(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 4: what the CPO published, the eMSP reads from the hub, page by page."""
    read: dict[str, int] = {}
    for module in ("locations", "tariffs"):
        theirs = (await network.cpo.get("/control/state"))[module]
        pulled = await network.emsp.send("POST", f"/control/pull/{module}?limit=2")
        owned = {each["id"]: each for each in pulled if f"{each['country_code']}*{each['party_id']}" == cast.CPO.party}
        if owned != theirs:
            raise DemoFailed(f"the {module} that {cast.EMSP.name} reads are not those of {cast.CPO.name}")
        read[module] = len(owned)
    counted = " and ".join(f"{number} {module if number > 1 else module[:-1]}" for module, number in read.items())
    narrator.tell(cast.EMSP.name, f"read {counted} of {cast.CPO.name} through the hub", colour="magenta")
    return [Run("OCPI pull", delivered_to=cast.EMSP.party, objects=read)]


async def own_driver_at_partners_charger(network: Network, narrator: Narrator) -> list[Run]:
    """Journey 6: our driver's card at the partner's reader, and our START_SESSION from afar."""
    return [await tap_abroad(network, narrator), await start_abroad(network, narrator)]


JOURNEYS: dict[str, Journey] = {
    OWN_AT_OWN: own_driver_at_own_charger,
    PARTNER_AT_OWN: partners_driver_at_own_charger,
    READ_THROUGH_US: objects_read_through_us,
    OWN_AT_PARTNER: own_driver_at_partners_charger,
    PAID_BY_APP: app_with_3d_secure,
    PAID_BY_GUEST: guest_by_card,
}


async def charge_here(
    network: Network, narrator: Narrator, charger: Charger, uid: str, who: str, *, of_partner: bool = False
) -> Run:
    """A card at one of our chargers, until its CDR is where it belongs. Raises `DemoFailed`."""
    known = {each["id"] for each in await newest(network, "sessions")}
    asked = (await _partner_state(network))["authorizations"] if of_partner else 0
    narrator.tell(charger.place, f"{who} taps a card", detail=charger.speaks)
    authorized_ms, energy_wh = 0.0, 0
    tap = {"station": charger.id, "uid": uid, "seconds": network.pace.charge_s}
    async for told in network.fleet.command("tap", **tap):
        match told["event"]:
            case "answered":
                authorized_ms = told["ms"]
                verdict, by = told["verdict"], f"by {cast.EMSP.name} in real time, " if of_partner else ""
                colour = "green" if verdict == "Accepted" else "yellow"
                narrator.tell(charger.place, verdict.lower(), colour=colour, detail=f"{by}{authorized_ms:.0f} ms")
            case "refused":
                raise DemoFailed(f"{charger.id} was told {told['verdict']}")
            case "charged":
                energy_wh = told["energy_wh"]
    if of_partner and (await _partner_state(network))["authorizations"] == asked:
        raise DemoFailed(f"{cast.EMSP.name} was not asked")

    async def session() -> Json | None:
        for each in await newest(network, "sessions"):
            if each["id"] not in known and each["evse_uid"] == charger.evse_uid and each["status"] == "COMPLETED":
                return each
        return None

    ended = await until("the session's end", session)
    cdr = await cdr_of(network, ended["id"])
    run = run_of(f"RFID, {charger.speaks}", cdr, authorized_ms=authorized_ms)
    if run.kwh != Decimal(energy_wh) / 1000 or ended["review"]:
        raise DemoFailed(f"the charger counted {energy_wh} Wh, the CDR says {run.kwh} kWh")
    narrator.tell(charger.place, f"charged {energy(run.kwh)}, {amount(run.total_cost, run.currency)}", colour="green")
    return await _delivered(network, narrator, run) if of_partner else run


async def refused_here(network: Network, narrator: Narrator, charger: Charger, uid: str) -> None:
    """A card that its eMSP has blocked."""
    narrator.tell(charger.place, "a partner's driver taps a card", detail=charger.speaks)
    async for told in network.fleet.command("tap", station=charger.id, uid=uid, seconds=1):
        if told["event"] == "answered":
            detail = f"by {cast.EMSP.name} in real time, {told['ms']:.0f} ms"
            narrator.tell(charger.place, told["verdict"].lower(), colour="yellow", detail=detail)


async def tap_abroad(network: Network, narrator: Narrator) -> Run:
    """Our driver's card at the partner's reader. Raises `DemoFailed`."""
    place = cast.partner_locations()[0]["name"]
    narrator.tell(place, "our driver taps a card", detail=f"a charger of {cast.CPO.name}")
    tapped = await network.cpo.send("POST", "/control/tap", {"uid": cast.OWN_CARDS_ABROAD[0], "kwh": "7.5"})
    if tapped["allowed"] != "ALLOWED":
        raise DemoFailed(f"{cast.CPO.name} was told {tapped['allowed']}")
    run = run_of("RFID", await cdr_of(network, tapped["session_id"]), delivered_to=cast.OWN_CPO)
    if run.kwh != Decimal("7.5"):
        raise DemoFailed(f"the partner delivered 7.5 kWh, the CDR says {run.kwh} kWh")
    _tell_bill(narrator, place, run)
    return run


async def start_abroad(network: Network, narrator: Narrator) -> Run:
    """Our START_SESSION and STOP_SESSION at the partner's charger. Raises `DemoFailed`."""
    location = cast.partner_locations()[1]
    place = location["name"]
    wish = {"token_uid": cast.OWN_CARDS_ABROAD[1], "cpo": cast.CPO.party, "location_id": location["id"]}
    start = await network.api.send("POST", "/starts", wish)
    narrator.tell(place, "we send START_SESSION for our driver", detail=f"a charger of {cast.CPO.name}")

    async def charging() -> str | None:
        found = await network.api.get(f"/starts/{start['id']}")
        if found["state"] in ("REFUSED", "FAILED", "EXPIRED"):
            raise DemoFailed(f"the start ended {found['state']}: {found['reason']}")
        session_id: str | None = found["session_id"]
        return session_id

    session_id = await until("the partner's session", charging)
    narrator.tell(place, "the session runs", colour="green")

    async def enough() -> bool | None:
        found = [each for each in await newest(network, "sessions") if each["id"] == session_id]
        return True if found and Decimal(found[0]["kwh"]) > 1 else None

    await until("energy at the partner's charger", enough)
    stopped = await network.api.send("POST", f"/starts/{start['id']}/stop")
    if not stopped["accepted"]:
        raise DemoFailed(f"STOP_SESSION was answered {stopped['reason']}")
    narrator.tell(place, "STOP_SESSION accepted")
    run = run_of("START_SESSION", await cdr_of(network, session_id), delivered_to=cast.OWN_CPO)
    _tell_bill(narrator, place, run)
    return run


def _tell_bill(narrator: Narrator, place: str, run: Run) -> None:
    text = f"charged {energy(run.kwh)}, {cast.CPO.name} asks {amount(run.total_cost, run.currency)}"
    narrator.tell(place, text, colour="green", detail="CDR received")


async def _delivered(network: Network, narrator: Narrator, run: Run) -> Run:
    """The run with the proof that its CDR arrived: the receipt, and the partner's own copy."""

    async def receipt() -> Json | None:
        found = (await network.api.get("/deliveries"))["receipts"]
        return next((each for each in found if each["object_id"] == run.cdr_id), None)

    url = (await until("the CDR's receipt", receipt))["location"]
    copy = (await _partner_state(network))["cdrs"].get(run.cdr_id)
    if copy is None or Decimal(str(copy["total_energy"])) != run.kwh:
        raise DemoFailed(f"{cast.EMSP.name} has another CDR than we do")
    narrator.tell(cast.EMSP.name, "CDR arrived", colour="magenta", detail=str(url))
    return Run(**{**asdict(run), "delivered_to": cast.EMSP.party, "cdr_url": url})


async def _partner_state(network: Network) -> Json:
    state: Json = await network.emsp.get("/control/state")
    return state
