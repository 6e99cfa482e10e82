"""What a receiver gets of a message: the URLs and the reservation id that it can use, and everything else unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.parties import reservations
from hub.parties.callers import caller, speaks_as
from hub.parties.pulls import OWNERS
from hub.parties.rewriting import Address, Rewriter, result_kind
from kit.tx import Database
from ocpi.call import Call
from ocpi.datetimes import parse_datetime
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import InvalidParameters, NotFound
from ocpi.inplace import JsonMembers

_RECEIVER = Interface.RECEIVER
_CDR_POST: HandlerKey = ("cdrs", _RECEIVER, Verb.POST, "list")
_RESERVE: HandlerKey = ("commands", _RECEIVER, Verb.POST, "RESERVE_NOW")
_CANCEL: HandlerKey = ("commands", _RECEIVER, Verb.POST, "CANCEL_RESERVATION")
_WITH_TOKEN = (_RESERVE, ("commands", _RECEIVER, Verb.POST, "START_SESSION"))
_LONGEST_RESERVATION_ID = 36


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """The body and the query of a message as it goes on."""

    body: bytes
    query: Mapping[str, str]


async def prepare(db: Database, rewriter: Rewriter, call: Call, asker: Address, answerer: Address) -> OutgoingMessage:
    """The message as the answerer must see it. Raises `OcpiError` for what must not go on in the asker's name."""
    _check_owner(call)
    if result_kind(call) is None:
        return OutgoingMessage(call.raw, call.query)
    if call.verb in (Verb.GET, Verb.DELETE):
        return OutgoingMessage(call.raw, {**call.query, **rewriter.request(call, None, asker, answerer)})
    body = JsonMembers(call.raw)
    if call.key in _WITH_TOKEN:
        _check_token(call, body)
    changes = rewriter.request(call, body, asker, answerer)
    if call.key in (_RESERVE, _CANCEL):
        changes["reservation_id"] = await _reservation_id(db, call, body, asker, answerer)
    return OutgoingMessage(body.with_texts(changes), call.query)


async def _reservation_id(db: Database, call: Call, body: JsonMembers, asker: Address, answerer: Address) -> str:
    """The reservation's id towards the CPO."""
    reservation_id = body.text("reservation_id")
    if not 0 < len(reservation_id) <= _LONGEST_RESERVATION_ID:
        raise InvalidParameters("/reservation_id: an id has 1 to 36 characters")
    if call.key == _CANCEL:
        return await _known_reservation(db, reservation_id, asker, answerer)
    expires_at = _expiry(body)
    async with db.tx() as tx:
        return await reservations.mapped(
            tx,
            platform_id=asker.peer.id,
            emsp=asker.party,
            reservation_id=reservation_id,
            cpo=answerer.party,
            expires_at=expires_at,
        )


async def _known_reservation(db: Database, reservation_id: str, asker: Address, answerer: Address) -> str:
    async with db.read() as tx:
        known = await reservations.known(
            tx, platform_id=asker.peer.id, emsps=[asker.party.key], reservation_id=reservation_id
        )
    found = next((each.cpo_reservation_id for each in known if each.cpo == answerer.party.key), None)
    if found is None:
        raise InvalidParameters("/reservation_id: you have made no such reservation there")
    return found


def _check_owner(call: Call) -> None:
    """Who is forwarded to trusts the hub: nobody gets an object in somebody else's name through it."""
    if call.owner is not None and call.owner.key not in caller(call).viewer.parties:
        raise NotFound("that party does not live on your platform")
    if call.key == _CDR_POST:
        body = JsonMembers(call.raw)
        owner = f"{body.text('country_code')}*{body.text('party_id')}".upper()
        if not speaks_as(caller(call), owner, OWNERS["cdrs"]):
            raise InvalidParameters("/party_id: that party does not live on your platform as a CPO")


def _check_token(call: Call, body: JsonMembers) -> None:
    """An eMSP starts and reserves with its own drivers' tokens only (commands, section StartSession)."""
    token = body.value("token")
    owner = f"{token.get('country_code')}*{token.get('party_id')}".upper() if isinstance(token, dict) else ""
    if not speaks_as(caller(call), owner, OWNERS["tokens"]):
        raise InvalidParameters("/token: that party does not live on your platform as an eMSP")


def _expiry(body: JsonMembers) -> datetime:
    try:
        return parse_datetime(body.text("expiry_date"))
    except ValueError as error:
        raise InvalidParameters(f"/expiry_date: {error}") from None
