"""Waiting for what a central system does by itself."""

import asyncio
from collections.abc import Callable


async def until(check: Callable[[], object], within_s: float = 30) -> None:
    """Return when something is so; fails when it is not in time."""
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.01)
