"""Transaction messages on their way: told in order, kept while the station is offline, told again when it is back."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from kit.clock import Clock
from simulators.station.rpc import CallRefused, Offline
from simulators.station.words import Charging, Json, Message, Words

ATTEMPTS = 3
RETRY_S = 1.0


class Telling(StrEnum):
    """What a transaction message is about."""

    STARTED = "started"
    METERED = "metered"
    FLOW_CHANGED = "flow_changed"
    ENDED = "ended"


@dataclass(slots=True)
class Queued:
    """A transaction message that still has to be told."""

    telling: Telling
    charging: Charging
    message: Message
    offline: bool
    attempts: int = 0


class TransactionQueue:
    """Tells transaction messages one after the other, as real chargers do.

    A message whose answer did not come is sent again, one that is refused is tried `ATTEMPTS` times and then dropped.
    """

    def __init__(
        self,
        call: Callable[[str, Json], Awaitable[Json]],
        words: Words,
        clock: Clock,
        on_told: Callable[[Queued, Json], None],
    ) -> None:
        self._call = call
        self._words = words
        self._clock = clock
        self._on_told = on_told
        self._waiting: deque[Queued] = deque()
        self._one_at_a_time = asyncio.Lock()
        self.dropped: list[Queued] = []

    @property
    def waiting(self) -> int:
        """How many messages still have to be told."""
        return len(self._waiting)

    async def tell(self, queued: Queued) -> None:
        """Put a message in line; returns when it was told, or when the station is offline."""
        self._waiting.append(queued)
        await self.flush()

    async def flush(self) -> None:
        """Tell what waits, as long as the connection stands."""
        async with self._one_at_a_time:
            while self._waiting:
                queued = self._waiting[0]
                payload = self._words.as_sent(queued.message.payload, queued.charging, offline=queued.offline)
                try:
                    answer = await self._call(queued.message.action, payload)
                except Offline:
                    return
                except CallRefused:
                    queued.attempts += 1
                    if queued.attempts < ATTEMPTS:
                        await self._clock.sleep(RETRY_S)
                        continue
                    self.dropped.append(self._waiting.popleft())
                    continue
                self._waiting.popleft()
                self._on_told(queued, answer)
