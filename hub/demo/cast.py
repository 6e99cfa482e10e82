"""Who plays in the demo: our chargers, locations and prices, drivers, two partners, and a bank. All invented."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

OPERATOR = "Plugbridge"
OWN_CPO = "NL*PLB"
SELLER: Json = {
    "name": "Plugbridge Demo B.V.",
    "street": "Canal Street 1",
    "postal_code": "3511AB",
    "city": "Utrecht",
    "country": "NL",
    "vat_id": "NL000099998B57",
}


@dataclass(frozen=True, slots=True)
class Charger:
    """One of our charging stations, with a single EVSE."""

    id: str
    place: str
    location_id: str
    evse_uid: str
    protocol: str
    power_w: int

    @property
    def speaks(self) -> str:
        """Its OCPP version, as people write it."""
        return f"OCPP {self.protocol.removeprefix('ocpp')}"


CANAL_1 = Charger("CANAL-1", "Canal Street 1", "CANAL", "CANAL-1", "ocpp1.6", 11_000)
CANAL_2 = Charger("CANAL-2", "Canal Street 2", "CANAL", "CANAL-2", "ocpp2.0.1", 22_000)
HARBOUR = Charger("HARBOUR-1", "Harbour Square", "HARBOUR", "HARBOUR-1", "ocpp2.0.1", 150_000)
STATION = Charger("STATION-1", "Station Garage", "STATION", "STATION-1", "ocpp1.6", 11_000)
MARKET_1 = Charger("MARKET-1", "Market Square 1", "MARKET", "MARKET-1", "ocpp1.6", 11_000)
MARKET_2 = Charger("MARKET-2", "Market Square 2", "MARKET", "MARKET-2", "ocpp2.0.1", 11_000)
CHARGERS = (CANAL_1, CANAL_2, HARBOUR, STATION, MARKET_1, MARKET_2)


@dataclass(frozen=True, slots=True)
class PartnerRole:
    """A roaming partner: a party in one role, on a system of its own."""

    role: str
    party: str
    name: str


EMSP = PartnerRole("EMSP", "DE*RWM", "Rheinwind Mobil")
CPO = PartnerRole("CPO", "BE*ARB", "Ardenne Bornes")

OWN_CARDS = ("04A1C0FFEE0001", "04A1C0FFEE0002")
OWN_CARDS_ABROAD = ("04A1C0FFEE0003", "04A1C0FFEE0004")
"""One for each way of starting at a partner's charger, so that the two cannot be taken for each other."""
PARTNER_CARDS = ("04B7DE00BEEF01", "04B7DE00BEEF02")
BLOCKED_CARD = "04B7DE00BEEF99"
BANK = "Bank"
PAYMENT_CARD, CAREFUL_PAYMENT_CARD = "pm_card_visa", "pm_card_authenticationRequired"
"""Cards of the fake payment provider; the bank of the second wants to see its holder."""


def _evse(owner: str, uid: str, power_w: int) -> Json:
    fast = power_w > 43_000
    plug: Json = {
        "id": "1",
        "standard": "IEC_62196_T2_COMBO" if fast else "IEC_62196_T2",
        "format": "CABLE" if fast else "SOCKET",
        "power_type": "DC" if fast else "AC_3_PHASE",
        "max_voltage": 800 if fast else 400,
        "max_amperage": 200 if fast else 32,
        "max_electric_power": power_w,
        "tariff_ids": ["FAST" if fast else "STANDARD"],
    }
    evse_id = f"{owner}*E{uid.replace('-', '')}"
    return {"uid": uid, "evse_id": evse_id, "status": "AVAILABLE", "connectors": [plug]}


def _location(name: str, address: tuple[str, str, str, str], at: tuple[str, str], zone: str, evses: list[Json]) -> Json:
    street, postal_code, city, country = address
    return {
        "publish": True,
        "name": name,
        "address": street,
        "postal_code": postal_code,
        "city": city,
        "country": country,
        "coordinates": {"latitude": at[0], "longitude": at[1]},
        "time_zone": zone,
        "evses": evses,
    }


def _own_evses(location_id: str) -> list[Json]:
    return [_evse(OWN_CPO, each.evse_uid, each.power_w) for each in CHARGERS if each.location_id == location_id]


LOCATIONS: dict[str, Json] = {
    "CANAL": _location(
        "Canal Street",
        ("Canal Street 1", "3511AB", "Utrecht", "NLD"),
        ("52.09083", "5.12222"),
        "Europe/Amsterdam",
        _own_evses("CANAL"),
    ),
    "HARBOUR": _location(
        "Harbour Square",
        ("Harbour Square 12", "3016DC", "Rotterdam", "NLD"),
        ("51.90690", "4.48800"),
        "Europe/Amsterdam",
        _own_evses("HARBOUR"),
    ),
    "STATION": _location(
        "Station Garage",
        ("Station Road 40", "5211BW", "Den Bosch", "NLD"),
        ("51.69050", "5.29360"),
        "Europe/Amsterdam",
        _own_evses("STATION"),
    ),
    "MARKET": _location(
        "Market Square",
        ("Market Square 7", "2611GS", "Delft", "NLD"),
        ("52.01150", "4.35860"),
        "Europe/Amsterdam",
        _own_evses("MARKET"),
    ),
}


def _tariff(start_fee: float, kwh_price: float) -> Json:
    components = [
        {"type": "FLAT", "price": start_fee, "vat": 21.0, "step_size": 1},
        {"type": "ENERGY", "price": kwh_price, "vat": 21.0, "step_size": 1},
    ]
    return {"currency": "EUR", "elements": [{"price_components": components}]}


TARIFFS: dict[str, Json] = {"STANDARD": _tariff(0.35, 0.42), "FAST": _tariff(0.5, 0.69)}

_STAMP = {"last_updated": "2026-01-01T00:00:00Z"}


def partner_locations() -> list[Json]:
    """What the partner CPO offers: two locations in the Ardennes."""
    places = [
        ("BE-DINANT", "Citadel Car Park", ("Citadel Road 8", "5500", "Dinant", "BEL"), ("50.26070", "4.91250")),
        ("BE-SPA", "Springs Square", ("Springs Square 3", "4900", "Spa", "BEL"), ("50.49210", "5.86410")),
    ]
    return [{"id": each[0], **_location(*each[1:], "Europe/Brussels", _stamped(f"{each[0]}-1"))} for each in places]


def partner_tariff() -> Json:
    """What the partner CPO asks: energy alone."""
    price = {"type": "ENERGY", "price": 0.55, "vat": 21.0, "step_size": 1}
    return {"id": "STANDARD", "currency": "EUR", "elements": [{"price_components": [price]}]}


def partner_tokens() -> list[Json]:
    """The partner eMSP's cards. `whitelist` NEVER: the eMSP wants to be asked each time."""
    return [
        {
            "uid": uid,
            "type": "RFID",
            "contract_id": f"DE-RWM-C0000000{number}",
            "issuer": EMSP.name,
            "valid": uid != BLOCKED_CARD,
            "whitelist": "NEVER",
            **_STAMP,
        }
        for number, uid in enumerate((*PARTNER_CARDS, BLOCKED_CARD), 1)
    ]


def _stamped(uid: str) -> list[Json]:
    evse = _evse(CPO.party, uid, 22_000)
    return [{**evse, **_STAMP, "connectors": [{**plug, **_STAMP} for plug in evse["connectors"]]}]
