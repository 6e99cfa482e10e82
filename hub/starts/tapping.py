"""One of our drivers presents a card at a charger, ours or a partner's: how it is paid, inside one transaction.

It is paid in the driver's way, as a start of the app is. The tariff in force at that moment is the price; nobody signs
it, for it is ours and never leaves us. Who pays by card goes on when the amount is put aside; nobody is there to
confirm a payment, so a bank that wants the driver has said no.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import ColumnElement, select
from sqlmodel import col

from hub.drivers.tables import Driver, PaymentMethod
from hub.locations import service as locations
from hub.starts import driving, quoting, service
from hub.starts.driving import payer_of
from hub.starts.lifecycle import Happening, StartMethod, StartState
from hub.starts.owing import DebtOpen, check_debts
from hub.starts.places import Where, tariffs_at
from hub.starts.quotes import NoPrice
from hub.starts.quoting import Wanted
from hub.starts.tables import Start, locked
from hub.starts.used_reservations import waiting_until_now
from hub.starts.words import PAYMENT
from hub.stations.service import Place
from hub.tokens import linked
from hub.tokens.flows import Authorization
from hub.tokens.linked_schemas import is_vehicle
from hub.tokens.tables import uid_digests
from hub.tokens.whitelist import Verdict
from kit.crypto import KeyRing
from kit.errors import NotFound
from kit.money import Money
from kit.tx import Tx
from payments import cards, holds, wallet
from payments.errors import DeclineReason
from payments.events import HoldChanged
from payments.hold_lifecycle import HoldState
from payments.hold_policy import Expectation, HoldPolicy, hold_amount
from payments.holds import HoldWish
from payments.tables import Hold, Operation
from payments.wallet_rules import OtherCurrency, WalletTooLow

Json = dict[str, Any]

USUAL = Wanted(Decimal(20_000), Decimal(0))
"""What a session is taken to need when nobody has said how much is wanted."""


@dataclass(frozen=True, slots=True)
class TapRules:
    """How taps are paid. `currency` is that of chargers whose price nobody knows; `cards`: whether they are taken."""

    policy: HoldPolicy
    debt_limit: Decimal
    currency: str
    cards: bool
    autocharge: bool = False
    """Whether a vehicle may charge by its address, which is weak evidence."""


async def standing_attempt(
    tx: Tx, ring: KeyRing, uid: str, *, station_id: str | None, evse_id: int | None, cpo: tuple[str, str] | None = None
) -> Start | None:
    """The paid attempt that another tap with the same card at the same charger belongs to: it waits, or charges.

    Chargers ask again when a driver ends the session with the card, and often twice at the beginning.
    """
    alive = (col(Start.state) == StartState.CHARGING) | (
        (col(Start.state) == StartState.AUTHORIZED) & (col(Start.expires_at) > tx.now)
    )
    where: list[ColumnElement[bool]] = [
        col(Start.uid_digest).in_(uid_digests(ring, uid)),
        col(Start.driver_id).is_not(None),
        col(Start.method).in_([method for method in StartMethod if method.is_tap]),
        alive,
    ]
    if cpo is not None:
        where += [
            col(Start.station_id).is_(None),
            col(Start.country_code) == cpo[0],
            col(Start.party_id) == cpo[1],
            col(Start.session_id).is_(None),
        ]
    else:
        where.append(col(Start.station_id) == station_id)
    found = await tx.all(select(Start).where(*where).order_by(col(Start.id).desc()))
    fits = [each for each in found if None in (each.evse_id, evse_id) or each.evse_id == evse_id]
    return fits[0] if fits else None


async def begin(
    tx: Tx,
    ring: KeyRing,
    start: Start,
    driver: Driver,
    authorization: Authorization,
    where: Where | None,
    rules: TapRules,
) -> Operation | None:
    """Let an attempt be paid in its driver's way; the order for the provider, which the caller sends, if there is one.

    The attempt is AUTHORIZED or REFUSED afterwards, or PAYING with an order.
    """
    service.vouch(start, authorization)
    start.driver_id, start.payment = driver.id, driver.payment
    if driver.blocked_at is not None:
        service.move(tx, start, Happening.REFUSED, reason=Verdict.BLOCKED)
        return None
    await tx.flush()
    try:
        await check_debts(tx, driver.id, rules.debt_limit)
        uid = str((authorization.cdr_token or {}).get("uid", ""))
        amount = await _quoted(tx, ring, start, driver, uid, where, rules)
        if amount is None:
            service.move(tx, start, Happening.ALLOWED)
            return None
        if driver.payment == PaymentMethod.CARD:
            return await _hold(tx, start, driver, amount, rules)
        await wallet.reserve(tx, payer_of(driver.id), start.id, amount)
    except (DebtOpen, WalletTooLow, OtherCurrency, NoPrice) as error:
        service.move(tx, start, Happening.REFUSED, reason=f"{PAYMENT}{error.code}")
        return None
    service.move(tx, start, Happening.ALLOWED)
    return None


async def conclude(tx: Tx, start_id: str) -> Start:
    """The attempt after its order was sent: what is not put aside by now is not allowed. Raises `NotFound`."""
    start = await _locked(tx, start_id)
    hold = await tx.get(Hold, start.hold_id) if start.hold_id else None
    if hold is None or start.state != StartState.PAYING:
        return start
    await driving.paid(tx, HoldChanged(hold.id, start.id, hold.state))
    if start.state == StartState.PAYING:
        wants_driver = hold.state == HoldState.NEEDS_ACTION
        reason = DeclineReason.AUTHENTICATION_REQUIRED.value if wants_driver else "too_slow"
        service.move(tx, start, Happening.REFUSED, reason=f"{PAYMENT}{reason}")
    return start


def verdict(start: Start, authorization: Authorization) -> Authorization:
    """What the charger, or the partner that asked, is told about the token of an attempt that is concluded."""
    if start.state not in (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED):
        return replace(authorization, reference=start.authorization_reference)
    told = Verdict.BLOCKED if start.reason == Verdict.BLOCKED else Verdict.NO_CREDIT
    return replace(authorization, verdict=told, reference=None)


async def adopt(tx: Tx, ring: KeyRing, cdr: Json, *, session_id: str) -> Start | None:
    """The attempt behind a session that nobody was asked about: a charger that was offline, or a partner that had
    stored the card. None for a token that no driver of ours has."""
    token = cdr["cdr_token"]
    driver = await linked.driver_of(tx, ring, token)
    if driver is None:
        return None
    at = cdr["cdr_location"]
    place = Place(cdr["country_code"], cdr["party_id"], at["id"], at["evse_uid"], at["connector_id"])
    kind = StartMethod.VEHICLE if is_vehicle(token["uid"], token["type"]) else StartMethod.RFID
    start = service.note(tx, ring, service.Asked(kind, token["uid"], place))
    start.state, start.session_id, start.cdr_token = StartState.ENDED, session_id, orjson.dumps(token)
    start.driver_id, start.payment = driver.id, driver.payment
    await tx.flush()
    return start


async def claim(tx: Tx, ring: KeyRing, start: Start, cdr: Json) -> None:
    """Let an attempt that an operator, or a partner, began with a driver's card be the driver's."""
    driver = await linked.driver_of(tx, ring, cdr["cdr_token"])
    if driver is not None:
        start.driver_id, start.payment = driver.id, driver.payment


async def _quoted(
    tx: Tx, ring: KeyRing, start: Start, driver: Driver, uid: str, where: Where | None, rules: TapRules
) -> Money | None:
    """What is to be put aside, by the price that is promised now; None where charging costs nothing.

    A partner's charger whose price we do not know is billed by its CDR: then the least is put aside. Raises `NoPrice`
    where it cannot be told, and somebody has to pay beforehand.
    """
    is_prepaid = driver.payment in (PaymentMethod.CARD, PaymentMethod.WALLET)
    unknown = hold_amount(rules.policy, Expectation(), rules.currency)
    if where is None:
        return unknown if is_prepaid else None
    place = where.place
    location = await locations.get(tx, place.country_code, place.party_id, place.location_id)
    if location is None or not await tariffs_at(tx, place, location):
        return unknown if is_prepaid and where.station_id is None else None
    payer, reserved = payer_of(driver.id), await waiting_until_now(tx, ring, where, uid)
    try:
        promised = await quoting.promise(
            tx, payer=payer, where=where, wanted=USUAL, policy=rules.policy, reserved=reserved
        )
    except NotFound:
        return unknown if is_prepaid else None
    except NoPrice:
        if is_prepaid:
            raise
        return None
    promised.row.used_by = start.id
    return promised.row.hold if is_prepaid else None


async def _hold(tx: Tx, start: Start, driver: Driver, amount: Money, rules: TapRules) -> Operation | None:
    customer_id = await cards.customer_id_of(tx, payer_of(driver.id))
    card_id = await cards.card_for(tx, customer_id, None)
    if card_id is None or not rules.cards:
        service.move(tx, start, Happening.REFUSED, reason=f"{PAYMENT}{DeclineReason.CARD_GONE.value}")
        return None
    hold, order = await holds.request(tx, HoldWish(start.id, amount, customer_id, card_id, off_session=True))
    start.hold_id = hold.id
    service.move(tx, start, Happening.PAYMENT)
    return order


async def _locked(tx: Tx, start_id: str) -> Start:
    start = await locked(tx, start_id)
    if start is None:
        raise NotFound("no such start")
    return start
