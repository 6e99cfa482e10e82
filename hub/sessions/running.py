"""Running sessions of our own chargers, in this process: what they cost, for whoever asks, by one object each.

What is here can be lost at any moment. It is made again from what is stored: when another process had the session, when
a message came late, and after an hour, in case somebody has mended what was said.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from csms.record import Reached, TransactionEvent, TransactionRecord, reduce_with_curve
from csms.store import read_numbered_events
from hub.sessions.costs import Costs, Terms, price_periods
from hub.sessions.course import course_of
from hub.sessions.documents import Course, after_reserved
from hub.sessions.metered import Metered, OutOfStep
from kit.errors import NotFound
from kit.tx import Tx

MOST = 20_000
"""So many are kept; of more, those that were looked at longest ago are made again when they are asked for."""
OVERLAP = 16
"""Messages that are read again: another process that had the charger before may commit one of them late."""
MADE_AGAIN_AFTER = timedelta(hours=1)

Numbered = tuple[int, TransactionEvent]


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as it was when it was looked at. `costs` are by the terms that were asked for, None without any."""

    record: TransactionRecord
    course: Course
    costs: Costs | None


@dataclass(slots=True)
class _Known:
    """A running session, and which messages it has taken: the newest by their numbers."""

    metered: Metered
    made_at: datetime
    taken: deque[int] = field(default_factory=lambda: deque(maxlen=OVERLAP))

    @property
    def read_from(self) -> int:
        """The number after which messages are read."""
        return min(self.taken) - 1 if len(self.taken) == OVERLAP else 0

    def take(self, messages: Sequence[Numbered]) -> None:
        """Take those that are new. Raises `OutOfStep`."""
        for number, event in messages:
            if number not in self.taken:
                self.metered.forget()
                self.metered.follow(event)
                self.taken.append(number)


class RunningSessions:
    """The sessions that run, as far as anybody in this process has asked for them."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Known] = OrderedDict()

    async def see(self, tx: Tx, transaction_id: int, terms: Terms | None = None) -> Seen:
        """How far a session has come, and what it costs by `terms`; one that has ended, too. Raises `NotFound`."""
        known = self._known.get(transaction_id)
        if known is not None and tx.now < known.made_at + MADE_AGAIN_AFTER:
            messages = await read_numbered_events(tx, transaction_id, after=known.read_from)
            try:
                known.take(messages)
                seen = _seen(known.metered, terms, tx.now)
            except OutOfStep:
                pass
            else:
                self._keep(transaction_id, known)
                return seen
        return await self._again(tx, transaction_id, terms)

    async def _again(self, tx: Tx, transaction_id: int, terms: Terms | None) -> Seen:
        """Count everything that is stored."""
        messages = await read_numbered_events(tx, transaction_id)
        if not messages:
            raise NotFound(f"no transaction {transaction_id}")
        record, curve = reduce_with_curve(event for _, event in messages)
        before = self._known.pop(transaction_id, None)
        if record.ended_at is None:
            known = _Known(Metered(record, curve), tx.now)
            known.taken.extend(number for number, _ in messages[-OVERLAP:])
            try:
                for each in before.metered.terms if before is not None else ():
                    known.metered.costs(each, now=tx.now)
                seen = _seen(known.metered, terms, tx.now)
            except OutOfStep:
                pass
            else:
                self._keep(transaction_id, known)
                return seen
        return _from_scratch(record, curve, terms, tx.now)

    def _keep(self, transaction_id: int, known: _Known) -> None:
        self._known[transaction_id] = known
        self._known.move_to_end(transaction_id)
        if len(self._known) > MOST:
            self._known.popitem(last=False)


def _seen(metered: Metered, terms: Terms | None, now: datetime) -> Seen:
    costs = metered.costs(terms, now=now) if terms is not None else None
    return Seen(metered.record, course_of(metered.record, now=now), costs)


def _from_scratch(record: TransactionRecord, curve: Sequence[Reached], terms: Terms | None, now: datetime) -> Seen:
    """A session that has ended, and one whose readings contradict each other."""
    course = course_of(record, now=now, curve=curve)
    if terms is None:
        return Seen(record, course, None)
    stretches = after_reserved(terms.reserved, course.stretches)
    costs = price_periods(terms.tariff, stretches, terms.currency, terms.time_zone, curve=curve)
    return Seen(record, course, costs)
