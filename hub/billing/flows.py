"""Minding the money of a session: more is put aside where that is possible, else the session is ended in time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hub.billing import covering
from hub.billing.caps import Spent, may_ask_again, must_stop
from hub.sessions.running import RunningSessions
from hub.starts.covers import is_covered
from hub.starts.events import SessionProgressed, StartGivenUp
from hub.starts.flows import Starter
from hub.starts.lifecycle import StartState
from hub.starts.running import so_far
from hub.starts.tables import Start, locked
from kit.errors import Problem
from kit.log import get
from kit.money import Money, round_to_minor
from kit.tx import Database
from payments import holds, wallet
from payments.hold_flows import Holds
from payments.hold_lifecycle import HoldState, Wish
from payments.hold_policy import HoldPolicy, raised
from payments.tables import Hold
from payments.wallet_rules import EarmarkState
from payments.wallet_tables import Earmark

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Minder:
    """Looks at a session whenever it has come further; `look_every_s` is how often that is."""

    starter: Starter
    running: RunningSessions
    holds: Holds
    policy: HoldPolicy
    look_every_s: float

    async def mind(self, db: Database, event: SessionProgressed) -> None:
        """Keep the cost of a session within what is put aside for it. With nothing aside it is to end at once."""
        async with db.read() as tx:
            start = await tx.get(Start, event.start_id)
            if start is None or not start.is_prepaid or start.state != StartState.CHARGING:
                return
            seen, now = await so_far(tx, start, self.running), tx.now
        aside: Hold | Earmark | None = seen.hold or seen.earmark
        if seen.hold is not None and not _stands(seen.hold):
            aside = await self._cover_again(db, start.id)
        elif seen.earmark is not None and not _stands(seen.earmark):
            aside = await self._put_aside_again(db, start.id)
        if aside is None or not _stands(aside):
            await self._end(db, start.id)
            return
        if seen.to_pay is None or seen.course is None:
            return
        spent = Spent(seen.to_pay.to_decimal(), _seconds(seen.course.started_at, now), seen.paid_to_wait)
        limit = await self._limit(db, aside, spent)
        if must_stop(spent, limit, look_every_s=self.look_every_s):
            await self._end(db, start.id)

    async def withdraw(self, db: Database, event: StartGivenUp) -> None:
        """A start has come to nothing: what its charger has announced for it is ended, then its money is given back.

        A charger that has begun after all keeps the money: it is what the session will be paid from.
        """
        async with db.read() as tx:
            start = await tx.get(Start, event.start_id)
            announced = start is not None and start.session_id is not None and await covering.is_idle(tx, start)
        if announced:
            await self._stop(event.start_id)
        async with db.tx() as tx:
            start = await locked(tx, event.start_id)
            if start is not None and not await covering.is_idle(tx, start):
                return
            if event.hold_id is not None:
                await holds.release(tx, event.hold_id)
            else:
                await wallet.release(tx, event.start_id)

    async def _cover_again(self, db: Database, start_id: str) -> Hold | None:
        """The hold that takes the place of one that is gone; None where there can be none."""
        async with db.tx() as tx:
            start = await locked(tx, start_id)
            if start is None or start.state != StartState.CHARGING:
                return None
            order = await covering.cover_again(tx, start)
        if order is None or order.hold_id is None:
            return None
        await self.holds.send(db, order)
        return await self.holds.get(db, order.hold_id)

    async def _put_aside_again(self, db: Database, start_id: str) -> Earmark | None:
        """The same in the wallet of its driver, which may have been spent by now."""
        async with db.tx() as tx:
            start = await locked(tx, start_id)
            if start is None or start.state != StartState.CHARGING:
                return None
            return await wallet.reserve_again(tx, start_id)

    async def _end(self, db: Database, start_id: str) -> None:
        """Have a session end, unless its charger was asked a moment ago."""
        async with db.tx() as tx:
            start = await locked(tx, start_id)
            if start is None or not may_ask_again(start.stop_asked_at, tx.now):
                return
            start.stop_asked_at = tx.now
        await self._stop(start_id)

    async def _limit(self, db: Database, aside: Hold | Earmark, spent: Spent) -> Money:
        """What is put aside, after more was asked for if it is time for that."""
        if isinstance(aside, Hold):
            return await self._on_card(db, aside, spent)
        return await self._in_wallet(db, aside, spent)

    def _wanted(self, held: Money, spent: Spent) -> Money | None:
        """What should be put aside by now: more when the session would have to end else, by its cost or by its pace."""
        cost = round_to_minor(spent.cost, held.currency)
        is_short = must_stop(spent, held, look_every_s=self.look_every_s)
        return raised(self.policy, held, max(cost, held) if is_short else cost)

    async def _on_card(self, db: Database, hold: Hold, spent: Spent) -> Money:
        if hold.state == HoldState.HELD and hold.can_increase:
            wanted = self._wanted(hold.amount, spent)
            if wanted is not None:
                hold = await self.holds.raise_to(db, hold.id, wanted)
        return hold.amount

    async def _in_wallet(self, db: Database, earmark: Earmark, spent: Spent) -> Money:
        """A wallet gives what is free in it; one that is filled by a rule gives more at the next look."""
        wanted = self._wanted(earmark.amount, spent)
        if wanted is not None:
            async with db.tx() as tx:
                earmark = await wallet.raise_to(tx, earmark.reference, wanted)
        return earmark.amount

    async def _stop(self, start_id: str) -> None:
        try:
            outcome = await self.starter.stop(start_id)
        except Problem as error:
            log.warning("paid_session_not_stopped", start_id=start_id, error=error.code)
        else:
            log.info("paid_session_stopped", start_id=start_id, accepted=outcome.ok)


def _stands(aside: Hold | Earmark) -> bool:
    if isinstance(aside, Hold):
        return is_covered(HoldState(aside.state), Wish(aside.wish))
    return aside.state == EarmarkState.KEPT


def _seconds(since: datetime, now: datetime) -> Decimal:
    lasted = now - since
    return Decimal(lasted.days * 86_400 + lasted.seconds)
