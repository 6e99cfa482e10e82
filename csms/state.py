"""What a process remembers of a station: its transactions, its connectors, and verdicts that were just given.

It is a copy of what the database holds, changed only after the commit, and can be dropped at any moment.
"""

import asyncio
from collections.abc import Iterable, Reversible
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from csms.backoffice import Authorization
from csms.record import LATE_AFTER, Review, TransactionRecord
from csms.station import ChargingState, ConnectorStatus, FactKind, StatusChanged, TransactionFact

VERDICT_LIFETIME_S = 120.0
_MOST_VERDICTS = 16
_MOST_ENDED = 8
_MOST_STRANGERS = 32


class Held(NamedTuple):
    """A transaction in memory. `record` is None for one that had ended when it was loaded."""

    id: int
    reference: str
    origin: str
    evse_id: int | None
    token: str | None
    record: TransactionRecord | None
    ended: bool
    authorization: Authorization | None = None
    end_key: str | None = None


@dataclass(slots=True, weakref_slot=True)
class StationState:
    """One station. `lock` is held while a message about its transactions is recorded."""

    station_id: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    transactions: dict[int, Held] | None = None
    """None until they have been loaded."""
    strangers: set[str] = field(default_factory=set)
    """References that name none of our transactions."""
    connectors: dict[tuple[int, int], tuple[ConnectorStatus, str | None, str | None]] = field(default_factory=dict)
    states: dict[int, ChargingState | None] = field(default_factory=dict)
    """What the last status of an EVSE said of charging."""
    verdicts: dict[str, tuple[Authorization, float]] = field(default_factory=dict)

    def hold(self, held: Held) -> None:
        """Remember a transaction as it is now, and no more than a few that have ended."""
        if self.transactions is None:
            self.transactions = {}
        self.transactions.pop(held.id, None)
        self.transactions[held.id] = held
        if held.ended:
            ended = [number for number, one in self.transactions.items() if one.ended]
            for number in ended[:-_MOST_ENDED]:
                del self.transactions[number]

    async def forget_transactions(self) -> None:
        """Have the transactions loaded again when they are needed next."""
        async with self.lock:
            self.transactions = None

    def note_stranger(self, reference: str) -> None:
        """Remember that this names nothing of ours."""
        if len(self.strangers) >= _MOST_STRANGERS:
            self.strangers.clear()
        self.strangers.add(reference)

    def note_status(self, fact: StatusChanged) -> None:
        """Remember the status of a connector."""
        self.connectors[fact.evse_id, fact.connector_id] = (fact.status, fact.error, fact.info)
        self.states[fact.evse_id] = fact.state

    def keep_verdict(self, token: str, authorization: Authorization, now_s: float) -> None:
        """Keep a verdict for the start that will follow."""
        if len(self.verdicts) >= _MOST_VERDICTS:
            del self.verdicts[next(iter(self.verdicts))]
        self.verdicts[token.casefold()] = (authorization, now_s + VERDICT_LIFETIME_S)

    def take_verdict(self, token: str, now_s: float) -> Authorization | None:
        """The verdict kept for this token, once."""
        authorization, until_s = self.verdicts.pop(token.casefold(), (None, 0.0))
        return authorization if now_s < until_s else None


class Match(NamedTuple):
    """The transaction that a fact belongs to, and whether that is a guess."""

    held: Held
    guessed: bool = False


def locate(transactions: Reversible[Held], fact: TransactionFact, at: datetime, *, timely: bool) -> Match | None:
    """The transaction among those of the station that a fact is about; None when it is about none of them."""
    if fact.opens and fact.reference is None:
        return _same_start(transactions, fact, timely=timely)
    if fact.reference is not None:
        # The one that was spoken of last stands at the end.
        named = next((held for held in reversed(transactions) if held.reference == fact.reference), None)
        if fact.opens or fact.kind is FactKind.ENDED:
            return None if named is None else Match(named)
        if named is not None and not named.ended:
            return Match(named)
        # Some stations go on with the number of a transaction that is over: the running one is meant.
        running = _running_at(transactions, fact.evse_id, at)
        return running or (None if named is None else Match(named))
    if fact.kind is FactKind.ENDED:
        return _unnamed_end(transactions, fact, timely=timely)
    return _running_at(transactions, fact.evse_id, at)


def _same_start(transactions: Iterable[Held], fact: TransactionFact, *, timely: bool) -> Match | None:
    for held in transactions:
        # Without a clock two starts may look alike: only one that still runs is surely the same.
        if held.origin.partition(":")[0] == fact.key and (timely or not held.ended):
            return Match(held)
    return None


def _running_at(transactions: Iterable[Held], evse_id: int | None, at: datetime) -> Match | None:
    running = [held for held in transactions if not held.ended and _had_started(held, at)]
    if evse_id:
        running = [held for held in running if held.evse_id == evse_id]
    elif len(running) != 1:
        return None
    return Match(running[-1]) if running else None


def _unnamed_end(transactions: Iterable[Held], fact: TransactionFact, *, timely: bool) -> Match | None:
    """An end whose start was never answered: the same end again, else by the token, else the only one that runs."""
    repeated = next((Match(held) for held in transactions if held.end_key == fact.key), None)
    if repeated is not None and timely:
        return repeated
    running = [held for held in transactions if not held.ended]
    by_token = [held for held in running if same_token(held.token, fact.token)]
    if by_token:
        return Match(by_token[-1], guessed=len(by_token) > 1)
    # Without a clock the ends of two transactions may look alike: one that runs is more likely than one told again.
    return Match(running[0], guessed=True) if len(running) == 1 and repeated is None else repeated


def _had_started(held: Held, at: datetime) -> bool:
    """Whether a transaction had begun by then, as far as its start can be believed; stations cut off seconds."""
    record = held.record
    return record is None or Review.CLOCK_UNSURE in record.review or record.started_at <= at + LATE_AFTER


def same_token(one: str | None, other: str | None) -> bool:
    """Whether these are the same token: stations change the case of the letters."""
    return one is not None and other is not None and (one == other or one.casefold() == other.casefold())
