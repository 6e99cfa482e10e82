"""The cases of the table in `kit.idempotency`, on a real database."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import SQLModel, select

from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.idempotency import (
    KEPT,
    LEASE,
    Claim,
    ClaimLost,
    Idempotency,
    IdempotencyKeyReused,
    IdempotencyRow,
    RequestInFlight,
    StoredAnswer,
    forget_expired,
)
from kit.tx import Database

pytestmark = pytest.mark.anyio

RING = KeyRing.generate()
ANSWER = StoredAnswer(201, "application/json", b'{"client_secret":"s3cret"}')
REQUEST = {"scope": "driver:1:start", "key": "k-12345678", "body": b'{"evse":1}'}


@pytest.fixture
async def idempotency(db: Database) -> Idempotency:
    async with db.tx() as tx:
        await tx.connection.run_sync(SQLModel.metadata.tables["idempotency_key"].create)
    return Idempotency(db, RING)


async def claim(idempotency: Idempotency, **changes: object) -> Claim:
    begun = await idempotency.begin(**(REQUEST | changes))  # type: ignore[arg-type]
    assert isinstance(begun, Claim)
    return begun


async def finish(db: Database, idempotency: Idempotency, claimed: Claim, answer: StoredAnswer = ANSWER) -> None:
    async with db.tx() as tx:
        await idempotency.keep(tx, claimed, answer)


async def rows(db: Database) -> list[IdempotencyRow]:
    async with db.read() as tx:
        return list(await tx.all(select(IdempotencyRow)))


async def test_the_same_request_gets_the_same_answer_without_being_done_again(
    db: Database, idempotency: Idempotency
) -> None:
    await finish(db, idempotency, await claim(idempotency))
    assert await idempotency.begin(**REQUEST) == ANSWER


async def test_a_request_at_work_is_a_conflict(idempotency: Idempotency) -> None:
    await claim(idempotency)
    with pytest.raises(RequestInFlight) as refusal:
        await idempotency.begin(**REQUEST)
    assert refusal.value.headers["Retry-After"] == "1"


async def test_another_body_under_the_key_is_refused_at_work_and_when_done(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    claimed = await claim(idempotency)
    with pytest.raises(IdempotencyKeyReused):
        await idempotency.begin(**(REQUEST | {"body": b"other"}))
    await finish(db, idempotency, claimed)
    with pytest.raises(IdempotencyKeyReused):
        await idempotency.begin(**(REQUEST | {"body": b"other"}))
    clock.advance(LEASE.total_seconds() + 1)
    with pytest.raises(IdempotencyKeyReused):
        await idempotency.begin(**(REQUEST | {"body": b"other"}))


async def test_a_key_belongs_to_its_scope(db: Database, idempotency: Idempotency) -> None:
    await finish(db, idempotency, await claim(idempotency))
    await claim(idempotency, scope="driver:2:start")
    await claim(idempotency, key="k-87654321")


async def test_a_failed_attempt_frees_the_key(idempotency: Idempotency) -> None:
    async def fail(_: Claim) -> StoredAnswer:
        raise RuntimeError("no")

    async def succeed(_: Claim) -> StoredAnswer:
        return ANSWER

    with pytest.raises(RuntimeError):
        await idempotency.run(**REQUEST, work=fail)
    assert await idempotency.run(**REQUEST, work=succeed) == ANSWER
    assert await idempotency.run(**REQUEST, work=fail) == ANSWER


async def test_a_crash_at_work_frees_the_key_when_its_lease_is_over(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    dead = await claim(idempotency)
    clock.advance(LEASE.total_seconds() - 1)
    with pytest.raises(RequestInFlight):
        await idempotency.begin(**REQUEST)
    clock.advance(1)
    alive = await claim(idempotency)

    with pytest.raises(ClaimLost):  # the dead one was only slow
        await finish(db, idempotency, dead)
    await idempotency.release(dead)
    await finish(db, idempotency, alive)
    assert await idempotency.begin(**REQUEST) == ANSWER
    with pytest.raises(ClaimLost):
        await finish(db, idempotency, dead)


async def test_a_claim_that_outlived_its_lease_alone_may_still_be_kept(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    claimed = await claim(idempotency)
    clock.advance(LEASE.total_seconds() + 1)
    await finish(db, idempotency, claimed)
    assert await idempotency.begin(**REQUEST) == ANSWER


async def test_an_expired_key_may_be_used_for_anything(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    await finish(db, idempotency, await claim(idempotency))
    clock.advance(KEPT.total_seconds())
    again = await claim(idempotency, body=b"other")
    await finish(db, idempotency, again, StoredAnswer(200, "text/plain", b"new"))
    begun = await idempotency.begin(**(REQUEST | {"body": b"other"}))
    assert begun == StoredAnswer(200, "text/plain", b"new")


async def test_of_many_at_once_one_does_the_work(db: Database, idempotency: Idempotency) -> None:
    done = 0
    others_answered = asyncio.Event()

    async def work(_: Claim) -> StoredAnswer:
        nonlocal done
        done += 1
        await others_answered.wait()
        return ANSWER

    async def attempt() -> StoredAnswer | RequestInFlight:
        try:
            return await idempotency.run(**REQUEST, work=work)
        except RequestInFlight as refused:
            refusals.append(refused)
            if len(refusals) == 19:
                others_answered.set()
            return refused

    refusals: list[RequestInFlight] = []
    async with asyncio.timeout(30):
        results = await asyncio.gather(*(attempt() for _ in range(20)))
    assert done == 1
    assert results.count(ANSWER) == 1
    assert await idempotency.run(**REQUEST, work=work) == ANSWER
    assert done == 1


async def test_of_many_at_once_one_takes_an_abandoned_key_over(idempotency: Idempotency, clock: ManualClock) -> None:
    await claim(idempotency)
    clock.advance(LEASE.total_seconds())
    results = await asyncio.gather(*(idempotency.begin(**REQUEST) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, Claim) for result in results) == 1


async def test_the_answer_and_the_effect_are_one_commit(db: Database, idempotency: Idempotency) -> None:
    async def work(claimed: Claim) -> StoredAnswer:
        async with db.tx() as tx:
            await idempotency.keep(tx, claimed, ANSWER)
            raise RuntimeError("the effect failed")

    with pytest.raises(RuntimeError):
        await idempotency.run(**REQUEST, work=work)
    assert await rows(db) == []

    async def keeps_itself(claimed: Claim) -> StoredAnswer:
        async with db.tx() as tx:
            await idempotency.keep(tx, claimed, ANSWER)
        return ANSWER

    assert await idempotency.run(**REQUEST, work=keeps_itself) == ANSWER
    assert await idempotency.begin(**REQUEST) == ANSWER


async def test_work_that_was_overtaken_ends_in_an_error(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    async def slow(_: Claim) -> StoredAnswer:
        clock.advance(LEASE.total_seconds())
        await finish(db, idempotency, await claim(idempotency), StoredAnswer(200, "text/plain", b"faster"))
        return ANSWER

    with pytest.raises(ClaimLost):
        await idempotency.run(**REQUEST, work=slow)
    assert await idempotency.begin(**REQUEST) == StoredAnswer(200, "text/plain", b"faster")


async def test_a_cancelled_attempt_keeps_the_key_until_its_lease_is_over(
    idempotency: Idempotency, clock: ManualClock
) -> None:
    begun = asyncio.Event()

    async def stuck(_: Claim) -> StoredAnswer:
        begun.set()
        await asyncio.Event().wait()
        return ANSWER

    attempt = asyncio.create_task(idempotency.run(**REQUEST, work=stuck))
    await begun.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    with pytest.raises(RequestInFlight):
        await idempotency.begin(**REQUEST)
    clock.advance(LEASE.total_seconds())
    await claim(idempotency)


async def test_neither_answer_nor_body_is_readable_in_the_table(db: Database, idempotency: Idempotency) -> None:
    await finish(db, idempotency, await claim(idempotency))
    (row,) = await rows(db)
    assert "s3cret" not in repr(row)
    assert row.response
    assert RING.decrypt("idempotency", row.response) == ANSWER.body


async def test_keys_survive_the_rotation_of_the_ring(db: Database, idempotency: Idempotency) -> None:
    await finish(db, idempotency, await claim(idempotency))
    rotated = Idempotency(db, RING.rotated())
    assert await rotated.begin(**REQUEST) == ANSWER
    with pytest.raises(IdempotencyKeyReused):
        await rotated.begin(**(REQUEST | {"body": b"other"}))


async def test_expired_keys_are_forgotten_a_portion_at_a_time(
    db: Database, idempotency: Idempotency, clock: ManualClock
) -> None:
    for number in range(5):
        await claim(idempotency, key=f"old-{number}")
    clock.advance((KEPT - timedelta(hours=1)).total_seconds())
    await claim(idempotency, key="young-1")
    clock.advance(3600)
    async with db.tx() as tx:
        assert await forget_expired(tx, at_most=3) == 3
    async with db.tx() as tx:
        assert await forget_expired(tx) == 2
    assert [row.key for row in await rows(db)] == ["young-1"]


def test_a_stored_answer_says_that_it_is_a_replay() -> None:
    response = ANSWER.to_response()
    assert (response.status_code, response.body) == (201, ANSWER.body)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Idempotency-Replayed"] == "true"
