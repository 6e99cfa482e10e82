"""Attempts to charge, inside one transaction: note them, move them on, and match what happens at the plug to them."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from csms.events import TransactionChanged
from csms.record import TransactionRecord
from csms.tables import Transaction
from hub.locations import service as locations
from hub.parties.objects import ObjectKey, find
from hub.sessions import service as sessions
from hub.sessions.documents import Facts
from hub.sessions.events import SessionBegan, SessionEnded
from hub.sessions.running import RunningSessions
from hub.sessions.tables import Session, by_transaction
from hub.starts.events import SessionMatched, SessionProgressed, StartGivenUp, StartRequested
from hub.starts.lifecycle import Happening, StartMethod, StartState, advance
from hub.starts.places import tariffs_at
from hub.starts.quote_tables import move_to
from hub.starts.tables import (
    Start,
    asked_before,
    by_remote_start_id,
    locked,
    of_session,
    told_at,
    waiting_at,
    waiting_at_evse,
)
from hub.starts.used_reservations import with_reservation
from hub.stations import service as stations
from hub.stations.live import model_of
from hub.stations.service import Place
from hub.tariffs.choosing import choose, wanted_type
from hub.tokens import service as tokens
from hub.tokens.flows import Authorization
from hub.tokens.tables import by_uid, uid_digests
from hub.tokens.verdicts import cdr_token
from hub.tokens.whitelist import Verdict, without_asking
from kit.crypto import KeyRing
from kit.ids import uuid7
from kit.log import correlation_id
from kit.tx import Tx
from ocpi.headers import Party
from ocpi.v221.commands import CommandResultType

Json = dict[str, Any]

POST_RESULT = "starts.post_result"
LIMIT_SESSION = "starts.limit_session"
COMMAND_RESULTS = frozenset(result.value for result in CommandResultType)

PATIENCE = timedelta(minutes=15)
"""How long an attempt waits for its session: the grace that OCPI gives an RFID authorization."""

NOTHING_IN_FORCE = "none of the connector's tariffs is in force"
"""A session that nobody said the price of is not free: a person looks at it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An attempt as it is asked for."""

    method: StartMethod
    uid: str
    place: Place | None
    station_id: str | None = None
    evse_id: int | None = None
    asked_by: str | None = None
    response_url: str | None = None
    driver_id: str | None = None
    limit: bytes | None = None
    """What the session may draw at most, as JSON of the operator API."""


def note(tx: Tx, ring: KeyRing, asked: Asked) -> Start:
    """Record that somebody wants to charge."""
    place = asked.place
    start = Start(
        method=asked.method,
        state=StartState.REQUESTED,
        station_id=asked.station_id,
        evse_id=asked.evse_id,
        country_code=place.country_code if place else None,
        party_id=place.party_id if place else None,
        location_id=place.location_id if place else None,
        evse_uid=place.evse_uid if place else None,
        connector_id=place.connector_id if place else None,
        uid_digest=uid_digests(ring, asked.uid)[0],
        remote_start_id=None if asked.method.is_tap else secrets.randbelow(2**31 - 2) + 1,
        asked_by=asked.asked_by,
        response_url=asked.response_url,
        driver_id=asked.driver_id,
        power_limit=asked.limit,
        correlation_id=correlation_id.get(),
        created_at=tx.now,
        updated_at=tx.now,
        expires_at=tx.now + PATIENCE,
    )
    tx.add(start)
    return start


async def is_repeated(tx: Tx, ring: KeyRing, asked: Asked, reference: str | None) -> bool:
    """Whether a partner asks again for what it has asked for already: same token, place, reference and response URL."""
    if asked.asked_by is None or asked.response_url is None or asked.place is None:
        return False
    before = await asked_before(tx, asked.asked_by, asked.response_url, uid_digests(ring, asked.uid))
    place = (asked.place.location_id, asked.place.evse_uid)
    return any(
        (start.location_id, start.evse_uid) == place and start.authorization_reference == reference for start in before
    )


def decide(tx: Tx, start: Start, authorization: Authorization) -> None:
    """Note the verdict on the driver's token."""
    if authorization.allowed:
        vouch(start, authorization)
        move(tx, start, Happening.ALLOWED)
    else:
        move(tx, start, Happening.REFUSED, reason=authorization.verdict.value)


def vouch(start: Start, authorization: Authorization) -> None:
    """Note whose the session will be."""
    start.cdr_token = orjson.dumps(authorization.cdr_token)
    start.auth_method = authorization.auth_method
    start.authorization_reference = authorization.reference


def move(tx: Tx, start: Start, happening: Happening, *, reason: str | None = None) -> None:
    """Let something happen to an attempt; a partner who asked for it is told when it fails."""
    before = StartState(start.state)
    after = advance(before, happening)
    if after is before:
        return
    start.state, start.updated_at = after, tx.now
    start.reason = reason[:200] if reason else None
    if after in (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED):
        report(tx, start, result=reason or "FAILED")
        if start.is_prepaid:
            tx.emit(StartGivenUp(start.id, start.hold_id))


def progressed(tx: Tx, start: Start) -> None:
    """Tell who minds the money of a session that it has come further."""
    if start.is_prepaid and start.state == StartState.CHARGING:
        tx.emit(SessionProgressed(start.id))


def report(tx: Tx, start: Start, *, result: str) -> None:
    """Have the outcome posted to the partner who asked for the attempt, if one did."""
    if start.response_url is not None and start.asked_by is not None:
        sender = f"{start.country_code}*{start.party_id}"
        post_result(tx, start.asked_by, start.response_url, sender=sender, result=result)


def post_result(tx: Tx, platform_id: str, url: str, *, sender: str, result: str) -> None:
    """Post a CommandResult to a partner's `response_url`, as often as it takes."""
    known = result if result in COMMAND_RESULTS else "FAILED"
    tx.enqueue(POST_RESULT, {"platform_id": platform_id, "url": url, "sender": sender, "result": known})


def request(tx: Tx, start: Start) -> None:
    """Have the attempt carried out: after the commit, by a worker."""
    tx.emit(StartRequested(start.id))


async def commanded_at(tx: Tx, ring: KeyRing, station_id: str, evse_id: int | None, uid: str) -> Start | None:
    """The attempt from afar with this token that the station was told of, whatever we think of it by now.

    A charger whose message was not answered says it again while its session runs, and one that was given up may begin.
    """
    return await told_at(tx, station_id, evse_id, uid_digests(ring, uid))


async def follow_transaction(
    tx: Tx, ring: KeyRing, event: TransactionChanged, *, running: RunningSessions, currency: str, emsp: Party
) -> None:
    """React to a transaction at one of our stations: its session is brought to where its record is.

    `currency` is for stations whose tariff does not tell one, `emsp` owns what nobody's token started.
    """
    transaction = await tx.get(Transaction, event.transaction_id)
    if transaction is None:
        return
    session = await by_transaction(tx, event.transaction_id)
    facts = sessions.facts_of(session) if session is not None else None
    terms = sessions.terms_of(facts) if facts is not None else None
    seen = await running.see(tx, event.transaction_id, terms)
    record = seen.record
    if session is None:
        if record.ended_at is None and not _is_claimed(record, transaction):
            return  # whose it is comes with another event
        facts, start = await _begin(tx, ring, record, transaction, currency=currency, emsp=emsp)
        if facts is not None and start is not None and StartMethod(start.method).is_tap:
            await move_to(tx, start.id, facts.evse_uid, facts.connector_id, facts.tariff)
    else:
        start = await _start_behind(tx, session)
        if facts is not None and facts.doubt is not None and start is None:
            facts, start = await _claim(tx, ring, facts, record, transaction, emsp=emsp)
    if facts is None:
        return
    facts = await with_reservation(tx, ring, record, facts)
    if sessions.terms_of(facts) != terms:
        seen = await running.see(tx, event.transaction_id, sessions.terms_of(facts))
    if start is not None:
        correlation_id.set(start.correlation_id)
    _tell_turns(tx, session, record)
    review = ", ".join(sorted(flag.value for flag in record.review)) if record.needs_review else None
    session = await sessions.follow(
        tx,
        session,
        facts,
        seen.course,
        transaction_id=event.transaction_id,
        review=review,
        costs=seen.costs,
    )
    if start is not None:
        start.session_id = session.object_id
        session.start_id = start.id
        if start.power_limit is not None and start.state != StartState.CHARGING and record.ended_at is None:
            await _limit_later(tx, start, transaction, record.evse_id or start.evse_id or 1)
        move(tx, start, Happening.CHARGING)
        if record.ended_at is not None:
            move(tx, start, Happening.ENDED)
        progressed(tx, start)


async def _limit_later(tx: Tx, start: Start, transaction: Transaction, evse_id: int) -> None:
    """Have a session limited now whose charger takes no limit with the order to start."""
    if not (await model_of(tx, transaction.station_id)).start_limit:
        tx.enqueue(LIMIT_SESSION, {"start_id": start.id, "transaction_id": transaction.id, "evse_id": evse_id})


def _tell_turns(tx: Tx, session: Session | None, record: TransactionRecord) -> None:
    """Tell of a session that begins, and of one that is over; once, by what was known of it before."""
    if session is None and record.ended_at is None:
        tx.emit(SessionBegan(record.transaction_id))
    if record.ended_at is not None and (session is None or session.ended_at is None):
        tx.emit(SessionEnded(record.transaction_id))


async def match_partner_session(tx: Tx, ring: KeyRing, session: Session) -> None:
    """A partner reports a session: it is what one of our drivers' attempts has waited for."""
    body = session.body()
    start = await _start_behind(tx, session)
    if start is None:
        start = await waiting_at_evse(
            tx,
            session.country_code,
            session.party_id,
            body["evse_uid"],
            uid_digests(ring, body["cdr_token"]["uid"]),
        )
    if start is None:
        return
    if start.session_id is None:
        tx.emit(SessionMatched(session.country_code, session.party_id, session.object_id))
    start.session_id, session.start_id = session.object_id, start.id
    if session.status == "ACTIVE":
        move(tx, start, Happening.CHARGING)
    if session.status in ("COMPLETED", "INVALID"):
        move(tx, start, Happening.CHARGING)
        move(tx, start, Happening.ENDED)
    if session.status == "INVALID" and start.hold_id is not None:
        tx.emit(StartGivenUp(start.id, start.hold_id))  # nobody will bill it
    progressed(tx, start)


async def _start_behind(tx: Tx, session: Session) -> Start | None:
    return await of_session(tx, session.country_code, session.party_id, session.object_id)


async def session_of(tx: Tx, start: Start) -> Session | None:
    """The session that came of an attempt."""
    if start.session_id is None or start.country_code is None or start.party_id is None:
        return None
    return await find(tx, Session, ObjectKey.of(start.country_code, start.party_id, start.session_id))


async def _begin(
    tx: Tx, ring: KeyRing, record: TransactionRecord, transaction: Transaction, *, currency: str, emsp: Party
) -> tuple[Facts | None, Start | None]:
    """The facts of a session that begins: where it is, whose it is, and the tariff in force."""
    place = await stations.place(tx, record.station_id, record.evse_id or 1)
    location = await locations.get(tx, place.country_code, place.party_id, place.location_id) if place else None
    if place is None or location is None:
        return None, None
    facts = Facts(
        country_code=place.country_code,
        party_id=place.party_id,
        session_id=uuid7(),
        cdr_token={},
        auth_method="WHITELIST",
        authorization_reference=None,
        location=location,
        evse_uid=place.evse_uid,
        connector_id=place.connector_id,
        currency=currency,
        tariff=None,
    )
    claimed, start = await _claim(tx, ring, facts, record, transaction, emsp=emsp)
    return await priced_by(tx, claimed, place, record.started_at), start


async def _claim(
    tx: Tx, ring: KeyRing, facts: Facts, record: TransactionRecord, transaction: Transaction, *, emsp: Party
) -> tuple[Facts, Start | None]:
    """The facts with whose session it is, as far as the record tells by now; and the attempt behind it."""
    start = await _start_of(tx, ring, record, transaction.authorization_reference)
    token, auth_method, reference, doubt = await _driver(tx, ring, record, start, emsp)
    doubt = doubt or (NOTHING_IN_FORCE if facts.doubt == NOTHING_IN_FORCE else None)
    claimed = replace(facts, cdr_token=token, auth_method=auth_method, authorization_reference=reference, doubt=doubt)
    return claimed, start


def _is_claimed(record: TransactionRecord, transaction: Transaction) -> bool:
    """Whether it is known by now whose a transaction is: a verdict on its token, or the command that started it."""
    if record.remote_start_id is not None:
        return True
    return record.token is not None and transaction.authorization_status is not None


async def _start_of(tx: Tx, ring: KeyRing, record: TransactionRecord, reference: str | None) -> Start | None:
    """The attempt that a transaction came of: by the number of its command, by its verdict, or by its token."""
    if record.remote_start_id is not None:
        start = await by_remote_start_id(tx, record.station_id, record.remote_start_id)
        if start is not None:
            return start
    if reference is not None:
        start = await locked(tx, reference)
        if start is not None and start.session_id is None and start.station_id == record.station_id:
            return start
    if record.token is None:
        return None
    return await waiting_at(tx, record.station_id, record.evse_id, uid_digests(ring, record.token), to_claim=True)


async def _driver(
    tx: Tx, ring: KeyRing, record: TransactionRecord, start: Start | None, emsp: Party
) -> tuple[Json, str, str | None, str | None]:
    """Whose session it is: by its start, else by a stored token, else nobody's, for a person to look at."""
    if start is not None and start.cdr_token is not None:
        return orjson.loads(start.cdr_token), start.auth_method or "AUTH_REQUEST", start.authorization_reference, None
    for row in await by_uid(tx, ring, record.token) if record.token else []:
        return cdr_token(row.body()), "WHITELIST", None, _doubt(row.body(), start)
    nobody = {
        "country_code": emsp.country_code,
        "party_id": emsp.party_id,
        "uid": (record.token or "#NA")[:36],
        "type": "RFID",
        "contract_id": "#NA",
    }
    return nobody, "WHITELIST", None, "nobody has authorized this token"


def _doubt(token: Json, start: Start | None) -> str | None:
    """Why a stored token that charges without an allowed attempt may not be billed."""
    if start is not None and start.state == StartState.REFUSED:
        return "the driver was refused"
    if without_asking(token["whitelist"], valid=bool(token["valid"])) is not Verdict.ALLOWED:
        return "the token may not charge without its eMSP being asked"
    return None


async def priced_by(tx: Tx, facts: Facts, place: Place, at: datetime) -> Facts:
    """The facts with the tariff that is in force at the connector when the session starts; it stays to the end."""
    found = await tariffs_at(tx, place, facts.location)
    if not found:
        return facts
    tariff = choose(found, at, wanted=wanted_type(ad_hoc=facts.cdr_token.get("type") == "AD_HOC_USER"))
    if tariff is None:
        return replace(facts, doubt=facts.doubt or NOTHING_IN_FORCE)
    return replace(facts, tariff=tariff, currency=tariff["currency"])


async def token_of(tx: Tx, ring: KeyRing, cdr_token: Json) -> Json | None:
    """The whole Token object that a CdrToken stands for; None when it is not stored any more."""
    row = await tokens.get(
        tx, ring, cdr_token["country_code"], cdr_token["party_id"], cdr_token["uid"], cdr_token["type"]
    )
    return row.body() if row else None
