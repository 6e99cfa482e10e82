"""What drivers and guests do by the driver API: see a price, begin with it, watch, stop.

Money is put aside after the commit that wrote the start and the order for it: a process that dies in between leaves an
order that the janitor sends or gives up, and a start that expires.
"""

from dataclasses import dataclass
from decimal import Decimal

from auth.subjects import DriverIdentity, Guest
from csms.commands import CommandOutcome
from hub.drivers import service as drivers
from hub.drivers.tables import PaymentMethod
from hub.sessions.running import RunningSessions
from hub.starts import driving, places, quoting, vehicles
from hub.starts.driver_schemas import DriverStartIn, DriverStartOut, QuoteIn
from hub.starts.driving import Begun, Means, payer_of
from hub.starts.flows import Starter
from hub.starts.owing import check_debts
from hub.starts.quoting import GUEST, Promised, Wanted
from hub.starts.running import so_far
from hub.starts.tables import Start, of_driver
from hub.starts.used_reservations import waiting_until_now
from hub.starts.vehicles import Announced
from hub.starts.words import FALLBACK
from hub.tokens import service as tokens
from hub.tokens.tables import Token
from kit.errors import Conflict, NotFound, PaymentRequired
from kit.idempotency import Claim, Idempotency, StoredAnswer
from kit.tx import Database, Tx
from payments import cards
from payments.errors import PspUnavailable, Refused, Unknown
from payments.hold_policy import HoldPolicy
from payments.top_ups import reload_if_low
from payments.wallet_rules import WalletTooLow
from payments.wallet_tables import locked_wallet
from payments.wiring import Payments

Who = DriverIdentity | Guest

_CHOSEN = (PaymentMethod.CARD, PaymentMethod.WALLET)
"""How any driver may pay; the other ways are the operator's to grant."""


class CardsNotTaken(Conflict):
    """No payment provider is set up here."""

    code, title = "cards_not_taken", "Cards are not taken here"


class GuestsPayByCard(PaymentRequired):
    """Nobody vouches for a guest but a card."""

    code, title = "guests_pay_by_card", "Guests pay by card"


@dataclass(frozen=True, slots=True)
class Driving:
    """The use cases. `payments` is None where no cards are taken; `own_cpos` and `emsp` are parties of ours."""

    db: Database
    starter: Starter
    running: RunningSessions
    idempotency: Idempotency
    payments: Payments | None
    policy: HoldPolicy
    own_cpos: list[str]
    emsp: tuple[str, str]
    debt_limit: Decimal = Decimal(0)
    """How much a driver may owe, in major units, and begin all the same."""
    spread_percent: Decimal = Decimal(0)
    autocharge: bool = False
    """Whether vehicles may charge by their address."""

    async def quote(self, who: Who, asked: QuoteIn) -> tuple[Promised, str]:
        """A price at a connector, and its signature. Raises `NotFound`, `InvalidInput`, `NoPrice`."""
        wanted = Wanted(asked.energy_kwh.scaleb(3), Decimal(asked.parking_minutes * 60))
        async with self.db.tx() as tx:
            where = await places.at_location(
                tx,
                location_id=asked.location_id,
                evse_uid=asked.evse_uid,
                connector_id=asked.connector_id,
                cpo=asked.cpo,
                own=self.own_cpos,
            )
            driver = None if isinstance(who, Guest) else await drivers.get(tx, who.driver_id)
            reserved = None
            if driver is not None:
                reserved = await waiting_until_now(tx, self.starter.keys, where, driver.token_uid)
            promised = await quoting.promise(
                tx,
                payer=_payer(who),
                where=where,
                wanted=wanted,
                policy=self.policy,
                pay_currency=driver.currency if driver is not None else None,
                spread_percent=self.spread_percent,
                reserved=reserved,
            )
        return promised, quoting.signature(self.starter.keys, promised.row)

    async def start(self, who: Who, asked: DriverStartIn, key: str) -> tuple[str, str | None]:
        """Begin with a quote; the id of the start, and a guest's secret. The same key again is the same start.

        Raises `CardsNotTaken`, `GuestsPayByCard`, `DebtOpen`, and what `quoting.redeem`, `driving.begin_as_driver` and
        `kit.idempotency` raise.
        """
        ring, shown = self.starter.keys, (asked.quote_id, asked.signature, _payer(who))
        async with self.db.read() as tx:
            await quoting.check_signature(tx, ring, *shown)
        order: list[str] = []

        async def work(claim: Claim) -> StoredAnswer:
            async with self.db.read() as tx:  # before the provider is asked for anything in this payer's name
                await quoting.check_unused(tx, ring, *shown)
            means = await self._means(who, asked)
            async with self.db.tx() as tx:
                begun = await self._begin(tx, who, asked, means)
                said = f"{begun.start.id} {begun.guest_token or ''}"
                answer = StoredAnswer(202, "text/plain", said.encode())
                await self.idempotency.keep(tx, claim, answer)
                order.extend([begun.order.id] if begun.order else [])
            return answer

        scope = f"{_payer(who)}:{asked.quote_id}:starts" if isinstance(who, Guest) else f"{_payer(who)}:starts"
        body = asked.model_dump_json().encode()
        try:
            answer = await self.idempotency.run(scope=scope, key=key, body=body, work=work)
        except WalletTooLow as error:
            await self._fill(who, error)
            raise
        if order and self.payments is not None:
            await self.payments.operator.run(self.db, order[0])
        start_id, _, secret = answer.body.decode().partition(" ")
        return start_id, secret or None

    async def _fill(self, who: Who, lacking: WalletTooLow) -> None:
        """Have a wallet filled that a driver could not begin with, where its rule says so: the next try may do."""
        async with self.db.tx() as tx:
            found = await locked_wallet(tx, _payer(who))
            if found is not None:
                await reload_if_low(tx, found, needed=lacking.needed)

    async def show(self, who: Who, start_id: str, *, with_secret: bool = True) -> DriverStartOut:
        """A start of one's own. Raises `NotFound` for anybody else's, too."""
        async with self.db.read() as tx:
            start = await self.own(tx, who, start_id)
            found = await so_far(tx, start, self.running)
            language = start.guest_language or FALLBACK
            if isinstance(who, DriverIdentity):
                language = (await drivers.get(tx, who.driver_id)).language
        secret = await self._client_secret(start) if with_secret else None
        return DriverStartOut.of(found, language, secret)

    async def listed(self, driver_id: str, *, offset: int, limit: int) -> tuple[list[DriverStartOut], int]:
        """A page of a driver's starts, newest first, taps that were refused too; and how many there are."""
        async with self.db.read() as tx:
            rows, total = await of_driver(tx, driver_id, offset=offset, limit=limit)
            language = (await drivers.get(tx, driver_id)).language
            return [DriverStartOut.of(await so_far(tx, row, self.running), language) for row in rows], total

    async def refresh(self, who: Who, start_id: str) -> DriverStartOut:
        """The same after the driver has acted on the payment: the provider is asked, whatever it has told by now."""
        async with self.db.read() as tx:
            start = await self.own(tx, who, start_id)
        if start.hold_id is not None and self.payments is not None:
            await self.payments.holds.refresh(self.db, start.hold_id)
        return await self.show(who, start_id)

    async def vehicle(self, driver_id: str, start_id: str) -> Announced:
        """The vehicle that announced itself at one's own session. Raises `NotFound`, and what `vehicles` raises."""
        async with self.db.read() as tx:
            return await vehicles.announced(tx, self.starter.keys, await self._charging(tx, driver_id, start_id))

    async def enrol(self, driver_id: str, start_id: str) -> Token:
        """Let that vehicle charge for the driver from now on. Raises `NotFound`, and what `vehicles` raises."""
        async with self.db.tx() as tx:
            start, driver = await self._charging(tx, driver_id, start_id), await drivers.get(tx, driver_id)
            return await vehicles.enrol(tx, self.starter.keys, driver, start, issuer=self.starter.issuer)

    async def _charging(self, tx: Tx, driver_id: str, start_id: str) -> Start:
        start = await tx.get(Start, start_id)
        if start is None or start.driver_id != driver_id:
            raise NotFound("no such start")
        if not self.autocharge:
            raise vehicles.AutochargeOff
        return start

    async def stop(self, who: Who, start_id: str) -> CommandOutcome:
        """Ask the charger to end the session. Raises `NotFound`, `Conflict`."""
        async with self.db.read() as tx:
            await self.own(tx, who, start_id)
        return await self.starter.stop(start_id)

    async def _means(self, who: Who, asked: DriverStartIn) -> Means:
        """How it is paid; a payer by card is known to the provider before anything is written."""
        if isinstance(who, Guest):
            if asked.payment not in (None, PaymentMethod.CARD) or asked.card_id is not None:
                raise GuestsPayByCard
            method, reference = PaymentMethod.CARD, f"quote:{asked.quote_id}"
        else:
            async with self.db.read() as tx:
                usual = PaymentMethod((await drivers.get(tx, who.driver_id)).payment)
                method = asked.payment if asked.payment in _CHOSEN else usual
                if method is PaymentMethod.CARD and asked.card_id is not None:
                    await cards.owned(tx, payer_of(who.driver_id), asked.card_id)
            reference = payer_of(who.driver_id)
        if method not in _CHOSEN:
            return Means(method)
        if self.payments is None:
            raise CardsNotTaken
        if method is PaymentMethod.WALLET:
            return Means(method)
        return Means(method, await self.payments.cards.customer(self.db, reference), asked.card_id)

    async def _begin(self, tx: Tx, who: Who, asked: DriverStartIn, means: Means) -> Begun:
        ring, issuer = self.starter.keys, self.starter.issuer
        row = await quoting.redeem(tx, ring, quote_id=asked.quote_id, signed=asked.signature, payer=_payer(who))
        if isinstance(who, Guest):
            token = tokens.guest_token(self.emsp, issuer=issuer, now=tx.now)
            return await driving.begin_as_guest(tx, ring, row, token, means, language=asked.language)
        driver = await drivers.get(tx, who.driver_id)
        await check_debts(tx, driver.id, self.debt_limit)
        token = await tokens.app_token(tx, ring, driver, issuer=issuer)
        return await driving.begin_as_driver(tx, ring, driver, row, token, means)

    async def own(self, tx: Tx, who: Who, start_id: str) -> Start:
        """A start of one's own. Raises `NotFound` for anybody else's, too."""
        start = await tx.get(Start, start_id)
        if start is None or not self._is_of(who, start):
            raise NotFound("no such start")
        return start

    def _is_of(self, who: Who, start: Start) -> bool:
        if isinstance(who, Guest):
            return who.secret is not None and driving.is_guest_of(self.starter.keys, start, who.secret)
        return start.driver_id == who.driver_id

    async def _client_secret(self, start: Start) -> str | None:
        """What the app needs to act on the payment; without it when the provider cannot be asked just now."""
        if start.hold_id is None or self.payments is None:
            return None
        try:
            return await self.payments.holds.client_secret(self.db, start.hold_id)
        except (Unknown, PspUnavailable, Refused):
            return None


def _payer(who: Who) -> str:
    return GUEST if isinstance(who, Guest) else payer_of(who.driver_id)
