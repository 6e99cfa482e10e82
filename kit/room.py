"""Room for so many at once: what `asyncio.Semaphore` does, in a fraction of its time while there is room."""

import asyncio
from collections import deque


class Room:
    """So many places. Whoever finds none waits for one, in the order of coming."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    def taken(self) -> bool:
        """Take a place if there is one: a call that nothing is awaited for."""
        if self._free <= 0 or self._waiting:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a place and take it."""
        if self.taken():
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():
                self.leave()  # it was given to one who is gone
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Give a place back, to whoever waits first."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
