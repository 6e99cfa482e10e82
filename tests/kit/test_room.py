"""Places for so many at once."""

import asyncio

import pytest

from kit.room import Room

pytestmark = pytest.mark.anyio


async def test_those_who_find_no_place_get_one_in_the_order_of_coming() -> None:
    room, came = Room(2), list[int]()

    async def visit(number: int) -> None:
        await room.wait()
        came.append(number)

    assert room.taken()
    visits = [asyncio.create_task(visit(number)) for number in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (came, room.taken()) == ([0], False)
    room.leave()
    assert not room.taken(), "it is for who waits"
    room.leave()
    await asyncio.gather(*visits)
    assert came == [0, 1, 2]
    for _ in range(2):
        room.leave()
    assert (room.taken(), room.taken(), room.taken()) == (True, True, False)


async def test_a_place_is_not_lost_to_one_who_gave_up_waiting() -> None:
    room = Room(1)
    assert room.taken()
    early, late = (asyncio.create_task(room.wait()) for _ in range(2))
    await asyncio.sleep(0)
    early.cancel()
    await asyncio.gather(early, return_exceptions=True)
    room.leave()
    await late
    just = asyncio.create_task(room.wait())
    await asyncio.sleep(0)
    room.leave()
    just.cancel()  # the place is given already
    await asyncio.gather(just, return_exceptions=True)
    assert room.taken()
