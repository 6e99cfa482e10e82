"""A driver or a guest begins, inside one transaction: the quote is used up, money is put aside, the charger is told.

The quote is the authorization: the token is vouched for here, so that nobody is asked again. Who pays by card goes on
when the amount is put aside (`paid`), everybody else at once.
"""

from dataclasses import dataclass

from auth.keys import GUEST_PREFIX, new_key
from hub.drivers.tables import Driver, PaymentMethod
from hub.starts import quoting, service
from hub.starts.covers import start_of
from hub.starts.lifecycle import Happening, StartMethod, StartState
from hub.starts.quote_tables import QuoteRow
from hub.starts.service import Asked
from hub.starts.tables import Start, locked
from hub.starts.words import PAYMENT
from hub.tokens.flows import Authorization
from hub.tokens.whitelist import Verdict
from kit.crypto import KeyRing
from kit.errors import Forbidden
from kit.ids import uuid7
from kit.tx import Tx
from payments import holds, wallet
from payments.events import HoldChanged
from payments.hold_lifecycle import HoldState
from payments.holds import HoldWish
from payments.tables import Hold, Operation

Json = quoting.Json

_GUEST_PURPOSE = "guest-start"


class DriverBlocked(Forbidden):
    """The operator has blocked this driver."""

    code, title = "account_blocked", "Your account is blocked"


@dataclass(frozen=True, slots=True)
class Begun:
    """A start, and the order to put money aside that the caller sends after the commit; a guest's secret."""

    start: Start
    order: Operation | None = None
    guest_token: str | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """How a start is paid. By card: who the payer is to the provider, and a saved card of his, if he has one."""

    method: PaymentMethod
    customer_id: str | None = None
    card_id: str | None = None


def payer_of(driver_id: str) -> str:
    """A driver as the payer of a quote."""
    return f"driver:{driver_id}"


async def begin_as_driver(tx: Tx, ring: KeyRing, driver: Driver, row: QuoteRow, token: Json, means: Means) -> Begun:
    """Start at the connector of a quote that was redeemed.

    Raises `DriverBlocked`, and from a wallet `WalletTooLow` and `OtherCurrency`.
    """
    if driver.blocked_at is not None:
        raise DriverBlocked
    start = _note(tx, ring, StartMethod.APP, row, token)
    start.driver_id = driver.id
    return Begun(start, await _go(tx, start, row, token, means))


async def begin_as_guest(tx: Tx, ring: KeyRing, row: QuoteRow, token: Json, means: Means, *, language: str) -> Begun:
    """The same for somebody whom nobody knows. The secret that comes back is the only way to this start."""
    secret = new_key(GUEST_PREFIX)
    start = _note(tx, ring, StartMethod.GUEST, row, token)
    start.guest_digest, start.guest_language = ring.digest(_GUEST_PURPOSE, secret), language
    return Begun(start, await _go(tx, start, row, token, means), secret)


def is_guest_of(ring: KeyRing, start: Start, secret: str) -> bool:
    """Whether somebody holds the secret of a guest's start."""
    return start.guest_digest is not None and ring.matches(_GUEST_PURPOSE, secret, start.guest_digest)


async def paid(tx: Tx, event: HoldChanged) -> None:
    """React to what became of the money that a start waits for."""
    start = await locked(tx, start_of(event.reference))
    if start is None or start.hold_id != event.hold_id:
        return
    match HoldState(event.state):
        case HoldState.HELD if start.state == StartState.PAYING:
            service.move(tx, start, Happening.ALLOWED)
            if not StartMethod(start.method).is_tap:
                service.request(tx, start)
        case HoldState.HELD if start.state in (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED):
            await holds.release(tx, event.hold_id)
        case HoldState.FAILED if start.state == StartState.PAYING:
            hold = await tx.get(Hold, event.hold_id)
            reason = hold.reason if hold is not None else None
            service.move(tx, start, Happening.REFUSED, reason=f"{PAYMENT}{reason}")
        case HoldState.VOIDED | HoldState.EXPIRED if start.state == StartState.PAYING:
            service.move(tx, start, Happening.EXPIRED, reason=f"{PAYMENT}abandoned")
        case _:
            pass


def _note(tx: Tx, ring: KeyRing, method: StartMethod, row: QuoteRow, token: Json) -> Start:
    asked = Asked(method, token["uid"], row.place(), station_id=row.station_id, evse_id=row.evse_id)
    start = service.note(tx, ring, asked)
    row.used_by = start.id
    return start


async def _go(tx: Tx, start: Start, row: QuoteRow, token: Json, means: Means) -> Operation | None:
    authorization = Authorization(Verdict.ALLOWED, token, auth_method="COMMAND", reference=uuid7())
    service.vouch(start, authorization)
    start.payment = means.method
    if means.method is PaymentMethod.WALLET:
        await wallet.reserve(tx, payer_of(start.driver_id or ""), start.id, row.hold)
    if means.method is not PaymentMethod.CARD:
        service.move(tx, start, Happening.ALLOWED)
        service.request(tx, start)
        return None
    wish = HoldWish(start.id, row.hold, means.customer_id, means.card_id, save_card=means.customer_id is not None)
    hold, order = await holds.request(tx, wish)
    start.hold_id = hold.id
    service.move(tx, start, Happening.PAYMENT)
    return order
