"""Sessions inside one transaction: ours follow the charger's record, partners' follow what they say."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from csms.signed import SignedValue, signed_values
from csms.store import read_events, read_record_with_curve
from hub.locations import service as locations
from hub.parties.intake import Intake, Taken
from hub.parties.objects import Kept, ObjectKey, find, is_same_content, keep
from hub.sessions import documents
from hub.sessions.costs import Costs, Terms, price_periods, reservation_costs
from hub.sessions.course import course_of
from hub.sessions.documents import Course, Facts, Reserved, after_reserved
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr, CdrDispute, Session, disputes_of
from hub.tariffs import service as tariffs
from hub.tariffs.cdr import price_cdr
from kit.errors import Conflict, InvalidInput
from kit.tx import Tx
from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.errors import InvalidParameters
from ocpi.v221.cdrs import Cdr as WireCdr
from ocpi.v221.sessions import Session as WireSession

Json = dict[str, Any]

MOST_KWH = 1_000_000_000
"""More than a power station gives in a day; what is stored has room for it."""
MOST_DISPUTES = 20
"""So many contradictions to one CDR are kept; more of them tell a person nothing new."""
UNPRICED = "the tariff in force cannot be priced"


async def follow(
    tx: Tx,
    session: Session | None,
    facts: Facts,
    course: Course,
    *,
    transaction_id: int,
    review: str | None,
    costs: Costs | None = None,
) -> Session:
    """Bring the session at our own charger to where the charger's record is; issue its CDR once it has ended.

    Repeating it changes nothing: whatever the order in which the charger's messages came, the record is the same, and
    so is what follows from it. `costs` are those of the course; they are reckoned here where nobody has.

    With a `review`, from the record or from how the session began, the CDR waits until a person has looked (`release`).
    A CDR that was issued is never taken back; a record that changed later says so in `review`.
    """
    if session is not None and await _cdr_of(tx, facts) is not None:
        if course.energy_wh != session.energy_wh or course.ended_at != session.ended_at:
            session.review = "the charger's record changed after the CDR was issued"
        if facts.reserved != _reserved_of(session):
            session.facts = orjson.dumps(asdict(facts))
            session.review = "which reservation it used was told after the CDR was issued"
        return session
    costs = costs or _costs(facts, course)
    review = facts.doubt or review or (UNPRICED if facts.tariff is not None and costs is None else None)
    session = await _store(tx, facts, course, costs, transaction_id=transaction_id, review=review)
    if course.ended_at is not None and review is None:
        await _issue_cdr(tx, facts, course, costs, transaction_id)
    return session


async def release(tx: Tx, session: Session) -> None:
    """A person has looked at a session of ours with a `review`: its CDR is issued as the session stands.

    Raises `Conflict` for one that still runs, that nothing holds, or that is a partner's.
    """
    facts = facts_of(session)
    if facts is None or session.transaction_id is None:
        raise Conflict("the session is a partner's")
    if session.review is None or session.ended_at is None:
        raise Conflict("the session still runs, or nothing holds it")
    session.review = None
    if await _cdr_of(tx, facts) is None:
        record, curve = await read_record_with_curve(tx, session.transaction_id)
        course = course_of(record, now=tx.now, curve=curve)
        await _issue_cdr(tx, facts, course, _costs(facts, course), session.transaction_id)


async def receive(tx: Tx, body: Json, *, platform_id: str) -> Kept[Session]:
    """A partner CPO reports a session: `body` is a valid 2.2.1 Session."""
    key = ObjectKey.of(body["country_code"], body["party_id"], body["id"])
    _check_volumes(body)
    ended = body.get("end_date_time")
    return await keep(
        tx,
        Session,
        key,
        body,
        platform_id=platform_id,
        audience=audience(body["cdr_token"]),
        status=body["status"],
        started_at=parse_datetime(body["start_date_time"]),
        ended_at=parse_datetime(ended) if ended else None,
        energy_wh=energy_wh(body["kwh"]),
        currency=body["currency"].upper(),
        total_cost=_excl_vat(body.get("total_cost")),
    )


async def receive_cdr(tx: Tx, body: Json, *, platform_id: str) -> Kept[Cdr] | None:
    """A partner CPO bills a session: `body` is a valid 2.2.1 CDR, priced again with the tariff that it names.

    The same CDR again is nothing new. Other content under a known id is kept as a dispute, and None comes back: a CDR
    is immutable (OCPI 2.2.1, mod_cdrs), and corrected by a credit CDR with an id of its own.
    """
    key = ObjectKey.of(body["country_code"], body["party_id"], body["id"])
    _check_volumes(body)
    known = await find(tx, Cdr, key)
    if known is not None:
        if is_same_content(known.body(), body):
            return Kept(known, is_new=False, is_changed=False)
        await _dispute(tx, known, body)
        return None
    tx.emit(CdrStored(key.country_code, key.party_id, key.object_id))
    return await keep(
        tx,
        Cdr,
        key,
        body,
        platform_id=platform_id,
        audience=audience(body["cdr_token"]),
        session_id=_id(body.get("session_id")),
        is_credit=bool(body.get("credit")),
        credit_of=_id(body.get("credit_reference_id")) if body.get("credit") else None,
        energy_wh=energy_wh(body["total_energy"]),
        currency=body["currency"].upper(),
        total_cost=_excl_vat(body["total_cost"]) or Decimal(0),
        priced_cost=None if body.get("credit") else await _priced(tx, body),
    )


def session_intake(on_session: Callable[[Tx, Session], Awaitable[None]]) -> Intake:
    """How partners' sessions come in when we read their list. None is ever held for gone."""

    async def store(tx: Tx, bodies: Sequence[Json], platform_id: str) -> Taken:
        changed, refused = 0, []
        for body in bodies:
            try:
                kept = await receive(tx, body, platform_id=platform_id)
            except InvalidParameters as error:
                refused.append(str(error))
                continue
            await on_session(tx, kept.row)
            changed += kept.is_changed
        return Taken(changed, tuple(refused))

    return Intake(Session, WireSession, store)


def cdr_intake() -> Intake:
    """How partners' CDRs come in when we read their list. None is ever held for gone, and none changes."""

    async def store(tx: Tx, bodies: Sequence[Json], platform_id: str) -> Taken:
        changed, refused = 0, []
        for body in bodies:
            try:
                kept = await receive_cdr(tx, body, platform_id=platform_id)
            except InvalidParameters as error:
                refused.append(str(error))
                continue
            if kept is None:
                refused.append("other content than that of the CDR which is stored under this id")
            else:
                changed += kept.is_new
        return Taken(changed, tuple(refused))

    return Intake(Cdr, WireCdr, store)


async def _dispute(tx: Tx, cdr: Cdr, body: Json) -> None:
    """Keep what a CPO sent in contradiction to a CDR, each version once."""
    assert cdr.id is not None  # noqa: S101 - it is stored
    known = await disputes_of(tx, cdr.id)
    if len(known) < MOST_DISPUTES and not any(is_same_content(orjson.loads(each.doc), body) for each in known):
        tx.add(CdrDispute(cdr_id=cdr.id, doc=orjson.dumps(body), received_at=tx.now))


def audience(cdr_token: Json) -> str:
    """The one party, `CC*PID`, that may see a session or CDR of this token: the driver's eMSP."""
    return f"{cdr_token['country_code']}*{cdr_token['party_id']}".upper()


def energy_wh(kwh: object) -> Decimal:
    """Kilowatt-hours as a JSON number, in watt-hours to the milliwatt-hour.

    Raises `InvalidParameters` for more than a session can have.
    """
    number = Decimal(str(kwh))
    if abs(number) > MOST_KWH:
        raise InvalidParameters("so many kilowatt-hours are no charging session")
    return (number * 1000).quantize(Decimal("0.001"))


def _check_volumes(body: Json) -> None:
    """That the periods of a session or CDR tell of believable energy. Raises `InvalidParameters`."""
    for period in body.get("charging_periods") or ():
        for dimension in period["dimensions"]:
            if dimension["type"] == "ENERGY":
                energy_wh(dimension["volume"])


def facts_of(session: Session) -> Facts | None:
    """What was frozen when the session started; None for a partner's session."""
    if not session.facts:
        return None
    frozen = orjson.loads(session.facts)
    span = frozen.pop("reserved", None)
    if span is None:
        return Facts(**frozen)
    return Facts(**frozen, reserved=Reserved(*(datetime.fromisoformat(span[name]) for name in ("start", "end"))))


def _reserved_of(session: Session) -> Reserved | None:
    facts = facts_of(session)
    return facts.reserved if facts is not None else None


def terms_of(facts: Facts) -> Terms | None:
    """What a session at our own charger is priced by; None without a tariff."""
    if facts.tariff is None:
        return None
    return Terms(facts.tariff, facts.currency, facts.location.get("time_zone"), facts.reserved)


def _costs(facts: Facts, course: Course) -> Costs | None:
    zone, stretches = facts.location.get("time_zone"), after_reserved(facts.reserved, course.stretches)
    return price_periods(facts.tariff, stretches, facts.currency, zone, curve=course.curve)


def _shown(facts: Facts, course: Course, costs: Costs | None) -> tuple[Facts, Course]:
    """The session as its documents show it."""
    if costs is not None:
        return costs.applied(facts, course)
    return facts, replace(course, stretches=after_reserved(facts.reserved, course.stretches))


async def _cdr_of(tx: Tx, facts: Facts) -> Cdr | None:
    """The CDR of a session of ours: it has the session's id."""
    return await find(tx, Cdr, ObjectKey.of(facts.country_code, facts.party_id, facts.session_id))


async def _store(
    tx: Tx, facts: Facts, course: Course, costs: Costs | None, *, transaction_id: int, review: str | None
) -> Session:
    status = "COMPLETED" if course.ended_at is not None else "ACTIVE"
    key = ObjectKey.of(facts.country_code, facts.party_id, facts.session_id)
    known = await find(tx, Session, key)
    shown = _shown(facts, course, costs)
    body = documents.session(*shown, status=status, total_cost=costs.total if costs else None, last_updated=tx.now)
    if known is not None:
        body["last_updated"] = _stamp(known, body, tx.now)
    kept = await keep(
        tx,
        Session,
        key,
        body,
        platform_id=None,
        audience=audience(facts.cdr_token),
        status=status,
        started_at=course.started_at,
        ended_at=course.ended_at,
        energy_wh=course.energy_wh,
        currency=facts.currency,
        total_cost=costs.total_excl_vat if costs else None,
        transaction_id=transaction_id,
        facts=orjson.dumps(asdict(facts)),
    )
    kept.row.review = review
    return kept.row


def _stamp(known: Session, body: Json, now: datetime) -> str:
    """`last_updated` of a session that is stored: unchanged when nothing else changed, never back in time."""
    stored = known.body()
    if {**body, "last_updated": None} == {**stored, "last_updated": None}:
        unchanged: str = stored["last_updated"]
        return unchanged
    return format_datetime(max(now, known.last_updated))


async def signed_values_of(tx: Tx, transaction_id: int) -> list[SignedValue]:
    """The signed meter values that the charger sent with a transaction, in the order in which they were taken."""
    readings = (reading for event in await read_events(tx, transaction_id) for reading in event.fact.readings)
    return signed_values(sorted(readings, key=lambda reading: reading.at or tx.now))


async def issue_again(tx: Tx, session: Session, *, cdr_id: str) -> None:
    """A new CDR for a session of ours whose last one was credited, by the charger's record as it is now.

    Raises `Conflict` for one that still runs, or that is a partner's.
    """
    facts = facts_of(session)
    if facts is None or session.transaction_id is None or session.ended_at is None:
        raise Conflict("only a session of ours that has ended gets a CDR of ours")
    record, curve = await read_record_with_curve(tx, session.transaction_id)
    course = course_of(record, now=tx.now, curve=curve)
    await _issue_cdr(tx, facts, course, _costs(facts, course), session.transaction_id, cdr_id=cdr_id)


async def _issue_cdr(
    tx: Tx, facts: Facts, course: Course, costs: Costs | None, transaction_id: int, *, cdr_id: str | None = None
) -> None:
    cdr_id = cdr_id or facts.session_id
    fields = costs.cdr_fields if costs else {"total_cost": {"excl_vat": 0, "incl_vat": 0}}
    signed = documents.signed_data(await signed_values_of(tx, transaction_id))
    if signed is not None:
        fields = {**fields, "signed_data": signed}
    shown = _shown(facts, course, costs)
    body = documents.cdr(*shown, cdr_id=cdr_id, costs=fields, issued_at=tx.now)
    await keep(
        tx,
        Cdr,
        ObjectKey.of(facts.country_code, facts.party_id, cdr_id),
        body,
        platform_id=None,
        audience=audience(facts.cdr_token),
        session_id=_id(facts.session_id),
        is_credit=False,
        credit_of=None,
        energy_wh=course.energy_wh,
        currency=facts.currency,
        total_cost=costs.total_excl_vat if costs else Decimal(0),
    )
    tx.emit(CdrStored(facts.country_code, facts.party_id, cdr_id))


async def bill_reservation(tx: Tx, facts: Facts, *, began: datetime, ended: datetime) -> bool:
    """Issue the CDR of a reservation that nobody came for, under `facts.session_id`; False where it costs nothing."""
    costs = reservation_costs(terms_of(facts), began=began, ended=ended)
    if costs is None:
        return False
    shown = costs.applied(facts, Course(began, ended, Decimal(0), ()))
    body = documents.reservation_cdr(*shown, costs=costs.cdr_fields, issued_at=tx.now)
    await keep(
        tx,
        Cdr,
        ObjectKey.of(facts.country_code, facts.party_id, facts.session_id),
        body,
        platform_id=None,
        is_credit=False,
        audience=audience(facts.cdr_token),
        energy_wh=Decimal(0),
        currency=facts.currency,
        total_cost=costs.total_excl_vat,
    )
    tx.emit(CdrStored(facts.country_code, facts.party_id, facts.session_id))
    return True


async def _priced(tx: Tx, body: Json) -> Decimal | None:
    """A partner's CDR by the tariffs inside it, or else by the stored one that its periods name."""
    known = body.get("tariffs") or []
    if not known:
        named = next((period["tariff_id"] for period in body["charging_periods"] if period.get("tariff_id")), None)
        stored = await tariffs.get(tx, body["country_code"], body["party_id"], named) if named else None
        known = [stored] if stored else []
    if not known:
        return None
    location = await locations.get(tx, body["country_code"], body["party_id"], body["cdr_location"]["id"])
    try:
        return price_cdr(known, body, time_zone=(location or {}).get("time_zone")).priced.total.excl_vat
    except InvalidInput:
        return None


def _id(given: str | None) -> str | None:
    return given.casefold() if given else None


def _excl_vat(price: Json | None) -> Decimal | None:
    return Decimal(str(price["excl_vat"])) if price else None
