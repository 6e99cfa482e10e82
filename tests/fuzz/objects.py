"""OCPI requests to be damaged: one good one for each thing that a partner may send."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz import mutations
from tests.journeys.network import PARTNER_TOKEN, TARIFF, Json
from tests.journeys.peers import STAMP, cdr_of, session_of, stamped_location

LATER = "2026-02-01T00:00:00Z"
OWNED: Json = {"country_code": "BE", "party_id": "CPO"}
TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
LOCATION_BODY = stamped_location(id="F1", **OWNED)
EVSE_BODY = LOCATION_BODY["evses"][0]
AT_OURS: Json = {"location_id": "RUDE", "evse_uid": "RUDE-1", "connector_id": "1"}
ANSWER: Json = {"response_url": "http://127.0.0.1:9/r"}
PRICED: Json = {
    **TARIFF,
    **OWNED,
    "id": "F1",
    "last_updated": STAMP,
    "min_price": {"excl_vat": 1.0, "incl_vat": 1.21},
    "elements": [
        {
            **TARIFF["elements"][0],
            "restrictions": {"start_time": "08:00", "end_time": "20:00", "max_power": 11.0, "day_of_week": ["MONDAY"]},
        }
    ],
}
PERIOD: Json = {"start_date_time": STAMP, "dimensions": [{"type": "ENERGY", "volume": 0.5}], "tariff_id": "F1"}
SESSION = session_of("BE*CPO", "F1", "DE*EMS", charging_periods=[PERIOD])
CLIENT: Json = {**OWNED, "role": "CPO", "status": "CONNECTED", "last_updated": STAMP}
PLACE: Json = {"location_id": "F1", "evse_uids": ["EVSE-1"]}


@dataclass(frozen=True)
class Request:
    """A request that a partner may make, with the path below the version."""

    by: str
    """The role of who makes it."""
    method: str
    path: str
    body: Any = None


STORED: list[Request] = [
    Request("CPO", "PUT", "receiver/locations/BE/CPO/F1", LOCATION_BODY),
    Request("CPO", "PUT", "receiver/tariffs/BE/CPO/F1", PRICED),
    Request(
        "CPO", "PUT", "receiver/sessions/BE/CPO/F1", session_of("BE*CPO", "F1", "DE*EMS", charging_periods=[PERIOD])
    ),
    Request("EMSP", "PUT", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", TOKEN),
]
"""What is there while the others are sent. A refusal leaves it as it was."""

REQUESTS: list[Request] = [
    *STORED,
    Request("CPO", "PUT", "receiver/locations/BE/CPO/F1/EVSE-1", EVSE_BODY),
    Request("CPO", "PUT", "receiver/locations/BE/CPO/F1/EVSE-1/1", EVSE_BODY["connectors"][0]),
    Request("CPO", "PATCH", "receiver/locations/BE/CPO/F1", {"name": "New", "last_updated": LATER}),
    Request("CPO", "PATCH", "receiver/locations/BE/CPO/F1/EVSE-1", {"status": "CHARGING", "last_updated": LATER}),
    Request("CPO", "PATCH", "receiver/locations/BE/CPO/F1/EVSE-1/1", {"tariff_ids": ["F1"], "last_updated": LATER}),
    Request(
        "CPO",
        "PATCH",
        "receiver/sessions/BE/CPO/F1",
        {"kwh": 2.0, "charging_periods": [PERIOD], "total_cost": {"excl_vat": 1.0}, "last_updated": LATER},
    ),
    Request("EMSP", "PATCH", f"receiver/tokens/DE/EMS/{TOKEN['uid']}", {"valid": False, "last_updated": LATER}),
    Request("CPO", "POST", "receiver/cdrs", cdr_of("BE*CPO", "F1", "NL*PLB", tariffs=[PRICED])),
    Request("CPO", "POST", "sender/tokens/04AABBCCDD/authorize?type=RFID", PLACE),
    Request("CPO", "POST", "sender/commands/START_SESSION/F1", {"result": "ACCEPTED"}),
    Request("EMSP", "POST", "receiver/commands/START_SESSION", {**ANSWER, **AT_OURS, "token": TOKEN}),
    Request("EMSP", "POST", "receiver/commands/STOP_SESSION", {**ANSWER, "session_id": "F1"}),
    Request("EMSP", "POST", "receiver/commands/UNLOCK_CONNECTOR", {**ANSWER, **AT_OURS}),
    Request("EMSP", "PUT", "sender/sessions/F1/charging_preferences", {"profile_type": "GREEN"}),
    Request("CPO", "PUT", "receiver/hubclientinfo/BE/CPO", CLIENT),
    Request("CPO", "DELETE", "receiver/tariffs/BE/CPO/F9"),
    Request("EMSP", "GET", "sender/locations?limit=5&offset=0&date_from=2026-01-01T00:00:00Z"),
    Request("EMSP", "GET", "sender/tariffs?limit=5"),
    Request("EMSP", "GET", "sender/sessions?date_from=2026-01-01T00:00:00Z"),
    Request("EMSP", "GET", "sender/cdrs"),
    Request("CPO", "GET", "sender/tokens?limit=5"),
    Request("CPO", "GET", "receiver/sessions/BE/CPO/F1"),
]  # fmt: skip

SEGMENTS = ["", ".", "..", "%00", "%2e%2e", "%2F", "%ff", "%C3%9F", "a" * 300, "%0d%0aX:1", "null", "NL", "PLB", "*"]
QUERIES = [
    "limit=0",
    "limit=-1",
    "limit=1e9",
    "limit=99999999999999999999",
    "limit=%00",
    "limit=1&limit=2",
    "offset=99999999999",
    "offset=%20",
    "date_from=0001-01-01T00:00:00Z",
    "date_from=9999-12-31T23:59:59Z&date_to=0001-01-01T00:00:00Z",
    "date_to=2026-01-01",
    "type=%F0%9F%94%8C",
    "type=NONSENSE",
    "&&&===",
    "x=" + "y" * 5000,
]


def odd_target(path: str, random: Random) -> str:
    """The path with something wrong in it."""
    plain, _, query = path.partition("?")
    segments = plain.split("/")
    match random.randrange(4):
        case 0:
            segments[random.randrange(len(segments))] = random.choice(SEGMENTS)
        case 1:
            segments.insert(random.randrange(len(segments) + 1), random.choice(SEGMENTS))
        case 2 if len(segments) > 2:
            segments.pop()
        case _:
            query = random.choice(QUERIES)
    return "/".join(segments) + (f"?{query}" if query else "")


def odd_headers(random: Random, token: bytes) -> list[tuple[bytes, bytes]]:
    """Headers that are doubled, malformed, or too long."""
    choices: list[list[tuple[bytes, bytes]]] = [
        [(b"Authorization", b"Token " + token)],
        [(b"Authorization", b"Bearer x"), (b"Authorization", b"Token " + token)],
        [(b"OCPI-from-country-code", b"NL"), (b"OCPI-from-party-id", b"PLB")],
        [(b"OCPI-to-country-code", b"\xff\xfe"), (b"OCPI-to-party-id", b"\x00")],
        [(b"OCPI-to-country-code", b"DE"), (b"OCPI-to-country-code", b"NL"), (b"OCPI-to-party-id", b"EMS")],
        [(b"OCPI-to-country-code", b"ZZ"), (b"OCPI-to-party-id", b"ZZZ")],
        [(b"OCPI-to-party-id", b"PLB" * 100)],
        [(b"X-Request-ID", b"x" * 5000), (b"X-Correlation-ID", b"")],
        [(b"X-Request-ID", b"a"), (b"X-Request-ID", b"b")],
        [(b"X-Correlation-ID", b"\xc3\xa9\xff")],
        [(b"Content-Length", b"5")],
        [(b"Content-Length", b"-1")],
        [(b"Content-Length", b"99999999999999999999")],
        [(b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"gzip, chunked")],
        [(b"Content-Type", b"text/xml; charset=utf-16")],
        [(b"Content-Encoding", b"gzip")],
        [(b"Expect", b"100-continue")],
        [(b"Host", b"evil.example"), (b"X-Forwarded-Host", b"evil.example")],
        [(b"X-Long", b"y" * 100_000)],
        [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")],
        [(b"Connection", b"close, close"), (b"TE", b"trailers")],
    ]
    return random.choice(choices)


def damaged(request: Request, random: Random) -> bytes | None:
    """The request's body with damage, as bytes."""
    if request.body is None:
        return random.choice([None, b"", b"{}", b"\x00"])
    return mutations.raw(mutations.mutated(request.body, random), random)
