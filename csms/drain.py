"""Letting go of all stations, without a crowd at the door of whoever serves them next and without a lost answer."""

import asyncio
from collections.abc import Iterable

from csms.session import Session
from kit.clock import Clock

_STEPS_PER_S = 20


async def finish_calls(sessions: Iterable[Session], within_s: float) -> None:
    """Take no new calls to these stations, and wait for those under way."""
    busy = []
    for session in sessions:
        session.hold_calls()
        if session.has_calls:
            busy.append(asyncio.ensure_future(session.calls_done()))
    if busy:
        _, late = await asyncio.wait(busy, timeout=within_s)
        for task in late:
            task.cancel()


async def close_spread(sessions: Iterable[Session], clock: Clock, *, per_s: int, code: int, reason: str) -> None:
    """Close so many connections a second, 0 for all at once; returns when they are closed."""
    step = max(1, per_s // _STEPS_PER_S)
    closing: list[asyncio.Task[None]] = []
    for session in sessions:
        closing.append(asyncio.create_task(session.close(code, reason)))
        if per_s and len(closing) % step == 0:
            await clock.sleep(step / per_s)
    await asyncio.gather(*closing, return_exceptions=True)
