"""Doorbells: listeners by name, those of a whole branch of names, and other processes."""

import asyncio

import pytest

from kit.bus import MemoryBus
from kit.doorbells import Doorbells

pytestmark = pytest.mark.anyio


def test_who_listens_below_a_name_is_told_the_part() -> None:
    bells, heard = Doorbells(), list[str]()
    bells.listen_below("locations", heard.append)
    bells.ring(["locations/7", "locations/counts", "tariffs/1"])
    assert heard == ["7", "counts"]


def test_a_ring_of_the_name_itself_is_not_below_it() -> None:
    bells, below, exactly = Doorbells(), list[str](), list[str]()
    bells.listen_below("locations", below.append)
    bells.listen("locations", lambda: exactly.append("locations"))
    bells.listen("locations/7", lambda: exactly.append("locations/7"))
    bells.ring(["locations", "locations/", "locations/7"])
    assert below == ["7"]
    assert exactly == ["locations", "locations/7"]


def test_only_the_first_slash_parts_a_name() -> None:
    bells, heard = Doorbells(), list[str]()
    bells.listen_below("a", heard.append)
    bells.ring(["a/b/c"])
    assert heard == ["b/c"]


async def test_a_part_is_told_in_other_processes_too_and_once_in_its_own() -> None:
    bus = MemoryBus()
    here, there = Doorbells(), Doorbells()
    heard_here, heard_there = list[str](), asyncio.Queue[str]()
    here.listen_below("locations", heard_here.append)
    there.listen_below("locations", heard_there.put_nowait)
    await here.join(bus)
    await there.join(bus)
    here.ring(["locations/7"])
    async with asyncio.timeout(30):
        assert await heard_there.get() == "7"
    await here.leave()
    await there.leave()
    assert heard_here == ["7"]
    assert heard_there.empty()
