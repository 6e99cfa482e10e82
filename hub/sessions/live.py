"""Running sessions between the facts: new meter values reach the session, its price and its partner now and then.

Meter values themselves are stored by the CSMS. This only remembers which transactions have new ones and brings their
sessions up to date in one go; what is lost with the process comes with the next value, or with the end.
"""

from collections.abc import Iterable, Sequence

from csms.events import TransactionChanged
from hub.sessions.events import CostDue
from kit.clock import Clock
from kit.tx import Database


class LiveSessions:
    """Collects the transactions with new meter values, and has their sessions brought up to date.

    A charger is in one process at a time, so that it is told costs no more often than every `cost_interval_s`, 0 for
    never.
    """

    def __init__(self, db: Database, clock: Clock, *, interval_s: float, cost_interval_s: float = 0) -> None:
        self._db = db
        self._clock = clock
        self._interval_s = interval_s
        self._cost_interval_s = cost_interval_s
        self._metered: set[int] = set()
        self._told: dict[int, float] = {}

    def note(self, transaction_id: int) -> None:
        """A transaction has new meter values."""
        self._metered.add(transaction_id)

    async def run(self) -> None:
        """Bring sessions up to date every interval, until cancelled."""
        while True:
            await self._clock.sleep(self._interval_s)
            await self.flush()

    async def flush(self) -> None:
        """Bring the sessions of all transactions noted so far up to date."""
        noted, self._metered = self._metered, set()
        if noted:
            await self._emit(noted)

    async def _emit(self, transaction_ids: Iterable[int]) -> None:
        async with self._db.tx() as tx:
            for transaction_id in sorted(transaction_ids):
                tx.emit(TransactionChanged(transaction_id))
            for transaction_id in self._due(transaction_ids):
                tx.emit(CostDue(transaction_id))

    def _due(self, transaction_ids: Iterable[int]) -> Sequence[int]:
        """Those whose charger may be told what they cost: it was not for a while."""
        if not self._cost_interval_s:
            return ()
        now = self._clock.monotonic()
        self._told = {number: at for number, at in self._told.items() if now - at < self._cost_interval_s}
        due = [number for number in sorted(transaction_ids) if number not in self._told]
        self._told |= dict.fromkeys(due, now)
        return due
