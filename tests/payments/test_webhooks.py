"""The way in for events: what is forged, repeated, huge or no event stays outside; what was missed is fetched."""

import asyncio
import json

import pytest
from sqlalchemy import delete, select

from kit.errors import TooLarge, UnsupportedMedia
from kit.job_rows import JobRow
from kit.jobs import backlog
from payments import holds, refunds
from payments.errors import UnreadableNotice
from payments.signatures import BadSignature, sign
from payments.webhook_tables import Webhook
from payments.webhooks import LARGEST_BODY
from tests.payments.shop import SECRET, Shop, eur, event_body

pytestmark = pytest.mark.anyio

JSON = "application/json; charset=utf-8"


async def take(shop: Shop, body: bytes, *, secret: str = SECRET, content_type: str | None = JSON) -> bool:
    signature = sign(body, [secret], shop.clock.now())
    return await shop.webhooks.take(shop.db, body, signature=signature, content_type=content_type)


async def stored(shop: Shop) -> list[Webhook]:
    async with shop.db.read() as tx:
        return list(await tx.all(select(Webhook)))


async def test_a_forged_signature_stores_nothing(shop: Shop) -> None:
    with pytest.raises(BadSignature):
        await take(shop, event_body(), secret="whsec_of_somebody_else")
    assert await stored(shop) == []


async def test_a_replay_after_the_tolerance_is_refused_and_before_it_stored_once(shop: Shop) -> None:
    body = event_body()
    signature = sign(body, [SECRET], shop.clock.now())
    taken = [
        await shop.webhooks.take(shop.db, body, signature=signature, content_type=JSON),
        await shop.webhooks.take(shop.db, body, signature=signature, content_type=JSON),
    ]
    assert taken == [True, False]
    shop.clock.advance(301)
    with pytest.raises(BadSignature):
        await shop.webhooks.take(shop.db, body, signature=signature, content_type=JSON)
    [row] = await stored(shop)
    assert row.body == body


async def test_the_same_event_many_times_at_once_is_handled_once(shop: Shop) -> None:
    taken = await asyncio.gather(*(take(shop, event_body()) for _ in range(8)))
    assert sorted(taken) == [False] * 7 + [True]
    async with shop.db.read() as tx:
        assert await backlog(tx) == {"ready": 1}


async def test_a_huge_body_is_refused_before_it_is_looked_at(shop: Shop) -> None:
    with pytest.raises(TooLarge):
        await shop.webhooks.take(shop.db, b"x" * (LARGEST_BODY + 1), signature=None, content_type=JSON)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_wrong_content_type_is_refused(shop: Shop, content_type: str | None) -> None:
    with pytest.raises(UnsupportedMedia):
        await take(shop, event_body(), content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"id": "evt_1"}',
        json.dumps({"id": 1, "type": "x", "created": 1, "data": {"object": {}}}).encode(),
        json.dumps({"id": "e", "type": "x", "created": 1e300, "data": {"object": {}}}).encode(),
        json.dumps({"id": "e", "type": "payment_intent.x", "created": 1, "data": {"object": {}}}).encode(),
    ],
)
async def test_what_is_signed_and_no_event_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises(UnreadableNotice):
        await take(shop, body)
    assert await stored(shop) == []


async def test_an_event_about_what_is_not_ours_changes_nothing(shop: Shop) -> None:
    await take(shop, event_body(object_id="pi_of_nobody"))
    await shop.work()
    [row] = await stored(shop)
    assert row.handled_at is not None


async def test_a_provider_that_is_away_is_asked_later(shop: Shop) -> None:
    await take(shop, event_body())
    await shop.plan("refuse", "GET /v1/payment_intents/pi_1", status=500)
    await shop.work()
    [row] = await stored(shop)
    assert row.handled_at is None
    shop.clock.advance(60)
    await shop.work()
    [row] = await stored(shop)
    assert row.handled_at is not None


async def test_events_that_never_came_are_fetched(shop: Shop) -> None:
    await shop.cards.customer(shop.db, "driver-1")
    await shop.plan("lose_answer", "POST /v1/payment_intents")
    hold = await shop.place()
    await shop.webhooks.sweep(shop.db, {})
    await shop.work()
    assert (await shop.hold(hold.id)).state == "HELD"
    rows = await stored(shop)
    assert [row.kind for row in rows] == ["payment_intent.amount_capturable_updated"]
    assert all(row.swept for row in rows)
    await shop.webhooks.sweep(shop.db, {})
    assert len(await stored(shop)) == 1


async def test_an_event_whose_job_is_gone_is_taken_up_again(shop: Shop) -> None:
    await take(shop, event_body())
    async with shop.db.tx() as tx:
        await tx.execute(delete(JobRow))
    shop.clock.advance(3700)
    await shop.webhooks.sweep(shop.db, {})
    await shop.work()
    [row] = await stored(shop)
    assert row.handled_at is not None


async def test_events_are_forgotten_when_they_were_handled_long_ago(shop: Shop) -> None:
    await take(shop, event_body())
    await shop.work()
    shop.clock.advance(91 * 86_400)
    await shop.webhooks.forget(shop.db, {})
    assert await stored(shop) == []


async def test_a_dispute_is_noted_whichever_notice_comes_first(listening_shop: Shop) -> None:
    shop = listening_shop
    hold = await shop.place()
    async with shop.db.tx() as tx:
        await holds.settle(tx, hold.id, eur(2500))
    await shop.work()
    await shop.control("delivery", {"when": "held"})
    opened = await shop.control("disputes", {"payment_intent": hold.payment_id, "reason": "product_not_received"})
    await shop.control("release", {"order": "reversed", "times": 2})
    await shop.work()
    [dispute] = await shop.disputes()
    [received] = await shop.received()
    assert (dispute.state, dispute.withdrawn_minor, dispute.received_id) == ("needs_response", 2500, received.id)
    await shop.control("end-dispute", {"id": opened["id"], "won": True})
    await shop.control("release", {"order": "shuffled"})
    await shop.work()
    [dispute] = await shop.disputes()
    assert (dispute.state, dispute.withdrawn_minor) == ("won", 0)


async def test_a_refund_that_the_bank_sends_back_may_be_made_again(listening_shop: Shop) -> None:
    shop = listening_shop
    hold = await shop.place(card="pm_card_refundFail")
    async with shop.db.tx() as tx:
        await holds.settle(tx, hold.id, eur(2500))
    await shop.work()
    [received] = await shop.received()
    async with shop.db.tx() as tx:
        await refunds.request(tx, received.id, eur(2500), reference="credit-1")
    await shop.work()
    assert [each.state for each in await shop.refunds()] == ["SUCCEEDED"]
    await shop.control("fail-refunds")
    await shop.control("settle")
    await shop.work()
    [refund] = await shop.refunds()
    [received] = await shop.received()
    assert (refund.state, refund.reason, received.refunded_minor) == ("FAILED", "expired_or_canceled_card", 0)
