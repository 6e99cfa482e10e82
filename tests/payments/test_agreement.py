"""Whatever is lost, repeated, reordered or too early: in the end the provider and our rows agree, and no hold stays.

Hypothesis plays drivers, chargers and a bad network against the real adapter and the fake Stripe over a socket.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from payments import holds, refunds
from payments.errors import AlreadySettled, OverRefund
from payments.hold_lifecycle import HoldState, Wish
from payments.tables import DebtState, Hold, Operation, OperationState
from tests.conftest import Databases
from tests.payments.shop import Shop, eur, listening, open_shop

CARDS = st.sampled_from(
    [
        *["pm_card_visa"] * 4,
        "pm_card_mastercard",
        "pm_card_chargeDeclined",
        "pm_card_threeDSecure2Required",
        "pm_card_chargeCustomerFail",
        None,
    ]
)
TROUBLES = st.sampled_from(
    [
        {"do": "lose_answer"},
        {"do": "lose_request"},
        {"do": "fail_after", "status": 500},
        {"do": "refuse", "status": 503},
        {"do": "refuse", "status": 429},
        {"do": "delay_answer", "seconds": 0.05},
    ]
)
PLACES = st.sampled_from(
    ["", "POST /v1/payment_intents", "/capture", "/cancel", "/increment", "POST /v1/refunds", "GET "]
)
AMOUNTS = st.integers(50, 9000) | st.integers(0, 49)
Json = dict[str, Any]


class Agreement(RuleBasedStateMachine):
    """One shop, and whatever happens to it."""

    held = Bundle("held")

    def __init__(self, databases: Databases, template: str) -> None:
        super().__init__()
        self.outside, self.runner, self.inside = ExitStack(), asyncio.Runner(), AsyncExitStack()
        directory = Path(self.outside.enter_context(tempfile.TemporaryDirectory()))
        url = self.outside.enter_context(databases.copy(template, directory))
        self.shop: Shop = self.run(self.open(url))
        self.count = 0
        self.owed: dict[str, int] = {}
        self.told = True

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    async def open(self, url: str) -> Shop:
        shop = await self.inside.enter_async_context(open_shop(url))
        return await self.inside.enter_async_context(listening(shop))

    @initialize(
        when=st.sampled_from(["after", "before", "held"]), times=st.integers(1, 2), lag=st.sampled_from([0, 60])
    )
    def the_network_is_like_this(self, when: str, times: int, lag: int) -> None:
        self.run(self.shop.control("delivery", {"when": when, "times": times, "retry_s": 0.01}))
        self.run(self.shop.control("settings", {"search_lag_s": lag}))
        self.run(self.shop.cards.customer(self.shop.db, "driver-1"))

    @rule(trouble=TROUBLES, place=PLACES)
    def something_will_go_wrong(self, trouble: Json, place: str) -> None:
        self.run(self.shop.plan(**trouble, match=place))

    @rule(target=held, card=CARDS, amount=st.integers(500, 8000))
    def a_hold_is_placed(self, card: str | None, amount: int) -> Any:
        self.count += 1
        hold: Hold = self.run(self.shop.place(f"start-{self.count}", amount, card=card))
        return multiple(hold.id)

    @rule(hold_id=held, success=st.booleans())
    def the_driver_acts(self, hold_id: str, success: bool) -> None:
        async def act() -> None:
            hold = await self.shop.hold(hold_id)
            if hold.payment_id and (await self.shop.intent(hold.payment_id))["status"] == "requires_action":
                await self.shop.control("authenticate", {"id": hold.payment_id, "success": success})

        self.run(act())

    @precondition(lambda self: self.told)
    @rule(which=st.integers(0, 9))
    def a_driver_confirms_what_was_declined(self, which: int) -> None:
        """With another card and the client secret, at a moment of its own choice."""

        async def confirm() -> None:
            open_ones = [each for each in await self.shop.objects("pi") if each["status"] == "requires_payment_method"]
            if open_ones:
                path = f"/v1/payment_intents/{open_ones[which % len(open_ones)]['id']}/confirm"
                form, headers = {"payment_method": "pm_card_visa"}, {"Authorization": "Bearer sk_test_app"}
                with suppress(httpx.HTTPError):  # the driver's network is no better than ours
                    await self.shop.http.post(self.shop.stripe.url + path, data=form, headers=headers)

        self.run(confirm())

    @rule(hold_id=held, amount=AMOUNTS)
    def a_session_ends(self, hold_id: str, amount: int) -> None:
        async def settle() -> None:
            async with self.shop.db.tx() as tx:
                await holds.settle(tx, hold_id, eur(amount))

        try:
            self.run(settle())
        except AlreadySettled:
            assert self.owed[hold_id] != amount
        else:
            assert self.owed.setdefault(hold_id, amount) == amount

    @rule(hold_id=held)
    def a_start_is_given_up(self, hold_id: str) -> None:
        self.run(self.release(hold_id))

    async def release(self, hold_id: str) -> None:
        async with self.shop.db.tx() as tx:
            await holds.release(tx, hold_id)

    @rule(hold_id=held, more=st.integers(1, 4000))
    def a_hold_is_raised(self, hold_id: str, more: int) -> None:
        hold: Hold = self.run(self.shop.hold(hold_id))
        self.run(self.shop.holds.raise_to(self.shop.db, hold_id, eur(hold.amount_minor + more)))

    @rule(part=st.integers(1, 100), which=st.integers(0, 9))
    def money_is_given_back(self, part: int, which: int) -> None:
        async def refund() -> None:
            received = await self.shop.received()
            if not received:
                return
            row = received[which % len(received)]
            self.count += 1
            try:
                async with self.shop.db.tx() as tx:
                    amount = eur(max(1, row.amount_minor * part // 100))
                    await refunds.request(tx, row.id, amount, reference=f"credit-{self.count}")
            except OverRefund:
                return

        self.run(refund())

    @rule()
    def the_worker_works(self) -> None:
        self.run(self.shop.work())

    @rule(order=st.sampled_from(["as_made", "reversed", "shuffled"]), times=st.integers(1, 2))
    def notices_arrive(self, order: str, times: int) -> None:
        self.run(self.shop.control("release", {"order": order, "times": times}))
        self.run(self.shop.control("settle"))

    @rule(seconds=st.sampled_from([40, 1000, 90_000, 8 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.shop.pass_time(seconds))

    def teardown(self) -> None:
        try:
            self.run(self.in_the_end())
        finally:
            self.run(self.inside.aclose())
            self.runner.close()
            self.outside.close()

    async def in_the_end(self) -> None:
        """Nothing goes wrong any more, every start that nobody settled is given up, and the janitor has run."""
        shop = self.shop
        await shop.control("clear")
        for hold in await shop.rows(Hold):
            if hold.wish == Wish.KEEP:
                await self.release(hold.id)
        await shop.resolve()
        await shop.control("release", {"order": "shuffled", "times": 2})
        await shop.control("settle")
        if self.told:
            await shop.webhooks.sweep(shop.db, {})
        await shop.resolve()
        await self.everything_agrees((await shop.control("state"))["objects"])

    async def everything_agrees(self, objects: Json) -> None:
        shop, intents = self.shop, {each["id"]: each for each in objects["pi"]}
        assert all(not OperationState(each.state).is_open for each in await shop.rows(Operation))
        assert not {"requires_capture", "requires_action"} & {each["status"] for each in intents.values()}
        made_by = [each["metadata"]["plugbridge_operation"] for each in intents.values()]
        assert len(made_by) == len(set(made_by)), "an order was carried out twice"
        received = {each.payment_id: each for each in await shop.received()}
        assert {id: row.amount_minor for id, row in received.items()} == {
            id: each["amount_received"] for id, each in intents.items() if each["amount_received"]
        }
        debts = {debt.hold_id: debt for debt in await shop.debts()}
        for hold in await shop.rows(Hold):
            state = HoldState(hold.state)
            assert state.is_over, hold
            taken = intents[hold.payment_id]["amount_received"] if hold.payment_id else 0
            assert taken == hold.captured_minor <= hold.amount_minor
            debt = debts.get(hold.id)
            owed = self.owed.get(hold.id, 0)
            assert hold.captured_minor + (debt.amount_minor if debt else 0) == owed
            if debt is not None:
                paid = [row for row in received.values() if row.debt_id == debt.id]
                assert [row.amount_minor for row in paid] == [debt.amount_minor] * len(paid)
                assert (debt.state == DebtState.PAID) == bool(paid)
                whole = [row for row in paid if row.refunded_minor == row.amount_minor]
                assert len(paid) - len(whole) <= 1, "what was paid twice was given back"
        charges = {each["payment_intent"]: each for each in objects["ch"] if each["captured"]}
        for payment_id, row in received.items():
            assert row.refunded_minor == charges[payment_id]["amount_refunded"] <= row.amount_minor
        rows = sorted(each.amount_minor for each in await shop.refunds() if each.state == "SUCCEEDED")
        assert rows == sorted(each["amount"] for each in objects["re"])


@pytest.mark.slow
def test_in_the_end_the_provider_and_our_rows_agree(databases: Databases, migrated_template: str) -> None:
    run_state_machine_as_test(lambda: Agreement(databases, migrated_template))
