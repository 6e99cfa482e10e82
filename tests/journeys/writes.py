"""What partners write to the hub, one good example of each, and a pair of partners to write it."""

from dataclasses import dataclass

from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json, Network
from tests.journeys.peers import STAMP, Ocpi, cdr_of, credentials, session_of, stamped_location

OWNED: Json = {"country_code": "BE", "party_id": "CPO"}
TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}


@dataclass
class Two:
    """A hub with a partner CPO (BE*CPO) and a partner eMSP (DE*EMS)."""

    network: Network
    cpo: Ocpi
    emsp: Ocpi

    def caller_of(self, module: str) -> Ocpi:
        return self.emsp if module in ("tokens", "commands") else self.cpo


LOCATION_BODY = stamped_location(id="L1", **OWNED)
TARIFF_BODY: Json = {**TARIFF, **OWNED, "id": "T1", "last_updated": STAMP}
WRITES: dict[str, tuple[str, str, Json]] = {
    "location": ("PUT", "receiver/locations/BE/CPO/L1", LOCATION_BODY),
    "evse": ("PUT", "receiver/locations/BE/CPO/L1/EVSE-1", LOCATION_BODY["evses"][0]),
    "connector": ("PUT", "receiver/locations/BE/CPO/L1/EVSE-1/1", LOCATION_BODY["evses"][0]["connectors"][0]),
    "tariff": ("PUT", "receiver/tariffs/BE/CPO/T1", TARIFF_BODY),
    "session": ("PUT", "receiver/sessions/BE/CPO/S1", session_of("BE*CPO", "S1", "DE*EMS")),
    "cdr": ("POST", "receiver/cdrs", cdr_of("BE*CPO", "C1", "DE*EMS")),
    "token": ("PUT", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", TOKEN),
    "START_SESSION": (
        "POST",
        "receiver/commands/START_SESSION",
        {"response_url": "http://127.0.0.1:9/r", "token": TOKEN, "location_id": "LOC1"},
    ),
    "STOP_SESSION": (
        "POST",
        "receiver/commands/STOP_SESSION",
        {"response_url": "http://127.0.0.1:9/r", "session_id": "S1"},
    ),
    "UNLOCK_CONNECTOR": (
        "POST",
        "receiver/commands/UNLOCK_CONNECTOR",
        {"response_url": "http://127.0.0.1:9/r", "location_id": "LOC1", "evse_uid": "EVSE-1", "connector_id": "1"},
    ),
    "credentials": ("PUT", "credentials", credentials("http://127.0.0.1:9/v", "CPO:BE*CPO")),
}
ROOTS = {"evse": "location", "connector": "location"}


def module_of(path: str) -> str:
    return path.split("/")[1] if "/" in path else path
