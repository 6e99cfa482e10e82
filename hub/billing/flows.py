"""Minding a session that money is put aside for: more is asked for where that is possible, else it is ended in time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hub.billing.caps import Spent, may_ask_again, must_stop
from hub.starts.events import SessionProgressed
from hub.starts.flows import Starter
from hub.starts.lifecycle import StartState
from hub.starts.running import so_far
from hub.starts.tables import Start, locked
from kit.errors import Problem
from kit.log import get
from kit.money import round_to_minor
from kit.tx import Database
from payments.hold_flows import Holds
from payments.hold_lifecycle import HoldState
from payments.hold_policy import HoldPolicy, raised
from payments.tables import Hold

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Minder:
    """Looks at a session whenever it has come further; `look_every_s` is how often that is."""

    starter: Starter
    holds: Holds
    policy: HoldPolicy
    look_every_s: float

    async def mind(self, db: Database, event: SessionProgressed) -> None:
        """Keep the cost of a session within what is held."""
        async with db.read() as tx:
            start = await tx.get(Start, event.start_id)
            if start is None or start.hold_id is None or start.state != StartState.CHARGING:
                return
            seen, hold = await so_far(tx, start), await tx.get(Hold, start.hold_id)
            now = tx.now
        if hold is None or seen.costs is None or seen.course is None:
            return
        spent = Spent(Decimal(str(seen.costs.total["incl_vat"])), _seconds(seen.course.started_at, now))
        if hold.state == HoldState.HELD and hold.can_increase:
            wanted = raised(self.policy, hold.amount, round_to_minor(spent.cost, hold.currency))
            if wanted is not None:
                hold = await self.holds.raise_to(db, hold.id, wanted)
        if not must_stop(spent, hold.amount, look_every_s=self.look_every_s):
            return
        async with db.tx() as tx:
            again = await locked(tx, start.id)
            if again is None or not may_ask_again(again.stop_asked_at, tx.now):
                return
            again.stop_asked_at = tx.now
        await self._stop(start.id)

    async def _stop(self, start_id: str) -> None:
        try:
            outcome = await self.starter.stop(start_id)
        except Problem as error:
            log.warning("paid_session_not_stopped", start_id=start_id, error=error.code)
        else:
            log.info("paid_session_stopped", start_id=start_id, accepted=outcome.ok)


def _seconds(since: datetime, now: datetime) -> Decimal:
    lasted = now - since
    return Decimal(lasted.days * 86_400 + lasted.seconds)
