"""Sample objects for a partner that has none: locations, a tariff, tokens, and finished sessions with their CDRs."""

from datetime import datetime, timedelta
from decimal import Decimal

from ocpi.datetimes import format_datetime
from ocpi.headers import Party
from simulators.partner import documents
from simulators.partner.documents import Place
from simulators.partner.state import Json, State


def fill(state: State, *, cpo: Party | None, emsp: Party | None, count: int, at: datetime) -> None:
    """Keep `count` objects of each module, a minute apart, the newest a minute old."""
    stamps = [at - timedelta(minutes=count - number) for number in range(count)]
    if emsp is not None:
        for number, stamp in enumerate(stamps):
            made = token(emsp, number, stamp)
            state.tokens[made["uid"]] = made
    if cpo is None:
        return
    for number, stamp in enumerate(stamps):
        place, price = location(cpo, number, stamp), tariff(cpo, number, stamp)
        state.locations[place["id"]], state.tariffs[price["id"]] = place, price
        card = token(emsp or Party("DE", "SIM"), number, stamp)
        session, cdr = charged(cpo, Place(place, place["evses"][0]), price, card, number, stamp)
        state.sessions[session["id"]], state.cdrs[cdr["id"]] = session, cdr


def token(owner: Party, number: int, at: datetime) -> Json:
    """A card of the eMSP."""
    return {
        **_owner(owner),
        "uid": f"04SAMPLE{number:04}",
        "type": "RFID",
        "contract_id": f"{owner.country_code}-{owner.party_id}-C{number:08}",
        "issuer": "Sample eMSP",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": format_datetime(at),
    }


def tariff(owner: Party, number: int, at: datetime) -> Json:
    """A price for a start and for energy."""
    components = [
        {"type": "FLAT", "price": 0.5, "vat": 20.0, "step_size": 1},
        {"type": "ENERGY", "price": 0.4, "vat": 20.0, "step_size": 1},
    ]
    element = {"price_components": components}
    stamp = format_datetime(at)
    return {**_owner(owner), "id": f"TARIFF{number}", "currency": "EUR", "elements": [element], "last_updated": stamp}


def location(owner: Party, number: int, at: datetime) -> Json:
    """A place with two EVSEs."""
    stamp = format_datetime(at)
    connector: Json = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 400,
        "max_amperage": 32,
        "tariff_ids": [f"TARIFF{number}"],
        "last_updated": stamp,
    }
    evses = [
        {
            "uid": f"EVSE{number}-{place}",
            "evse_id": f"{owner.country_code}*{owner.party_id}*E{number}{place}",
            "status": "AVAILABLE",
            "capabilities": [
                "CHARGING_PREFERENCES_CAPABLE",
                "CHARGING_PROFILE_CAPABLE",
                "REMOTE_START_STOP_CAPABLE",
                "RESERVABLE",
            ],
            "connectors": [connector],
            "last_updated": stamp,
        }
        for place in (1, 2)
    ]
    return {
        **_owner(owner),
        "id": f"LOC{number}",
        "publish": True,
        "name": f"Sample Street {number}",
        "address": f"Sample Street {number}",
        "city": "Gent",
        "postal_code": "9000",
        "country": "BEL",
        "coordinates": {"latitude": "51.05000", "longitude": "3.71667"},
        "time_zone": "Europe/Brussels",
        "evses": evses,
        "last_updated": stamp,
    }


def charged(
    owner: Party, place: Place, price: Json, card: Json, number: int, at: datetime, kwh: Decimal = Decimal("7.5")
) -> tuple[Json, Json]:
    """A session that has ended, and its CDR."""
    auth = {"auth_method": "WHITELIST"}
    begun = documents.session(
        owner, f"SESSION{number}", place, card, auth=auth, currency="EUR", at=at - timedelta(hours=1)
    )
    stamp = format_datetime(at)
    session = {**begun, "status": "COMPLETED", "kwh": documents.number(kwh), "end_date_time": stamp}
    session["last_updated"] = stamp
    cdr = documents.cdr(session, f"CDR{number}", place, price, billing_error=Decimal(0), at=at)
    return {**session, "total_cost": cdr["total_cost"]}, cdr


def _owner(party: Party) -> Json:
    return {"country_code": party.country_code, "party_id": party.party_id}
