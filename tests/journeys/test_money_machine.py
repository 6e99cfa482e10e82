"""Whatever drivers, chargers, banks and dying processes do, in whatever order: every cent is where it belongs.

Hypothesis plays them all against a whole hub on one database: quotes, starts, holds, wallets that are filled, spent and
paid out, sessions, captures, refunds and disputes; answers of the provider that are lost, notices that come twice and
in any order, chargers that begin too late or say everything again, and a process that dies before or after any commit.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from csms.commands import CommandStatus
from csms.events import TransactionChanged
from csms.station import FactKind
from hub.drivers.tables import PaymentMethod
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr
from payments.events import HoldChanged, MoneyReceived, WalletRefunded
from payments.tables import Hold, Received
from payments.wallet_tables import WalletRefund
from tests.conftest import Databases
from tests.journeys.apps import App
from tests.journeys.house import Charging, House, open_house
from tests.journeys.network import Json
from tests.payments.test_agreement import PLACES, TROUBLES

CARDS = st.sampled_from(
    [
        *["pm_card_visa"] * 6,
        *["pm_card_mastercard"] * 2,
        "pm_card_chargeDeclined",
        "pm_card_authenticationRequired",
        "pm_card_threeDSecure2Required",
        "pm_card_chargeCustomerFail",
        "pm_card_refundFail",
        None,
    ]
)
TOO_LITTLE: Json = {"id": None}
"""The wallet has not as much."""
ANSWERS = st.sampled_from([*[CommandStatus.ACCEPTED] * 3, *CommandStatus])
WHICH = st.integers(0, 9)
WHO = st.integers(0, 4)
PURSES_FROM = 3
PURSES = st.integers(PURSES_FROM, 4)
"""Drivers with a wallet, among all."""


class Money(RuleBasedStateMachine):
    """One deployment, and whatever happens to it."""

    def __init__(self, databases: Databases, template: str) -> None:
        super().__init__()
        self.outside, self.runner, self.inside = ExitStack(), asyncio.Runner(), AsyncExitStack()
        directory = Path(self.outside.enter_context(tempfile.TemporaryDirectory()))
        url = self.outside.enter_context(databases.copy(template, directory))
        self.house: House = self.run(self.inside.enter_async_context(open_house(directory, url)))
        self.apps: list[str | None] = [None, *(self.run(self.house.driver(name)) for name in ("K-1", "K-2"))]
        self.purses: list[str] = [self.run(self.house.driver_id(name, PaymentMethod.WALLET)) for name in ("W-1", "W-2")]
        self.apps += [self.run(self.house.key(driver_id)) for driver_id in self.purses]
        self.starts: list[Json] = []
        self.given: Counter[str] = Counter()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def try_to(self, work: Any) -> Any:
        """Do something that a dying process may not come to the end of."""
        return self.run(self.house.survive(work))

    @initialize(
        when=st.sampled_from(["after", "before", "held"]), times=st.integers(1, 2), lag=st.sampled_from([0, 60])
    )
    def the_network_is_like_this(self, when: str, times: int, lag: int) -> None:
        self.run(self.house.control("delivery", {"when": when, "times": times, "retry_s": 0.01}))
        self.run(self.house.control("settings", {"search_lag_s": lag}))

    # What goes wrong

    @rule(trouble=TROUBLES, place=PLACES)
    def something_will_go_wrong(self, trouble: Json, place: str) -> None:
        self.run(self.house.control("plans", [{**trouble, "match": place}]))

    @rule(commits=st.integers(0, 40), after=st.booleans())
    def the_process_will_die(self, commits: int, after: bool) -> None:
        self.house.fate.commits, self.house.fate.after = commits, after

    @rule(status=ANSWERS)
    def the_charger_will_answer(self, status: CommandStatus) -> None:
        self.house.answers = status

    # Drivers

    @rule(who=WHO, times=st.integers(1, 2), card=CARDS)
    def a_driver_begins(self, who: int, times: int, card: str | None) -> None:
        """The app sends its request again when it gets no answer; one that is answered again is the same start."""

        async def begin() -> Json | None:
            found: list[Json] = []
            quote, key, tries = None, str(uuid4()), 0
            while len(found) < times and tries < 12:
                tries += 1
                quote = quote or await self.house.survive(self.quote(self.apps[who]))
                if quote is None:
                    continue
                start = await self.house.survive(self.begin(self.apps[who], quote, key))
                if start == TOO_LITTLE:
                    return None
                if start is not None:
                    found.append(start)
            assert len({each["id"] for each in found}) <= 1
            return found[0] if found else None

        start = self.run(begin())
        if start is not None:
            self.starts.append(start)
            if card is not None:
                self.run(self.pay(start, card))

    @rule(who=WHO, card=CARDS, energy_wh=st.lists(st.integers(0, 9000), min_size=1, max_size=2))
    def a_driver_begins_and_charges(self, who: int, card: str | None, energy_wh: list[int]) -> None:
        """The whole way at once, as far as it goes."""
        if self.running():
            return
        self.a_driver_begins(who, 1, card)
        self.notices_arrive("as_made", 1)
        self.the_worker_works()
        for order in self.unbegun()[-1:]:
            self.run(self.house.begins(order))
            for added_wh in energy_wh:
                self.the_worker_works()
                self.a_car_charges(added_wh)
            self.a_session_ends()
            self.the_worker_works()

    async def quote(self, key: str | None) -> Json:
        async with self.house.app(key) as app:
            return await app.quote(location_id="LOC1", evse_uid="E1", energy_kwh=10)

    async def begin(self, key: str | None, quote: Json, idempotency_key: str) -> Json | None:
        body = {"quote_id": quote["id"], "signature": quote["signature"]}
        async with self.house.app(key) as app:
            answer = await app.http.post("/starts", json=body, headers={"Idempotency-Key": idempotency_key})
        if answer.status_code == 202:
            return dict(answer.json())
        if answer.json().get("code") == "wallet_too_low":
            return TOO_LITTLE
        assert answer.status_code in (409, 500, 503, 504), answer.text
        assert answer.json().get("code") != "quote_used", "the same request was taken for another one"
        self.house.clock.advance(60)  # the app tries again in a minute
        return None

    async def pay(self, start: Json, card: str) -> None:
        secret = start["payment"]["client_secret"]
        if secret is not None:
            with suppress(httpx.HTTPError):  # the driver's network is no better than ours
                await self.house.bank.enter_card(secret, card)

    @precondition(lambda self: self.starts)
    @rule(which=WHICH, card=CARDS)
    def a_driver_enters_a_card(self, which: int, card: str | None) -> None:
        if card is not None:
            self.run(self.pay(self.starts[which % len(self.starts)], card))

    @rule(success=st.sampled_from([True, True, True, False]))
    def drivers_show_who_they_are(self, success: bool) -> None:
        async def act() -> None:
            for intent in await self.house.bank.intents():
                if intent["status"] == "requires_action":
                    await self.house.control("authenticate", {"id": intent["id"], "success": success})

        self.run(act())

    # Wallets

    @rule(who=PURSES, euros=st.integers(5, 60), card=CARDS)
    def a_driver_pays_in(self, who: int, euros: int, card: str | None) -> None:
        """A wallet is full one day: then it stays as it is."""
        paid_in = self.until_answered(
            lambda key: self.send(self.house.app(self.apps[who]), "/wallet/top-ups", {"amount": euros}, key),
            refused="top_up_out_of_bounds",
        )
        if paid_in and card is not None:
            self.run(self.pay({"payment": paid_in}, card))

    @rule(who=PURSES, euros=st.integers(10, 40), energy_wh=st.integers(0, 30_000))
    def a_driver_pays_in_and_charges(self, who: int, euros: int, energy_wh: int) -> None:
        """The whole way at once, as far as it goes."""
        self.a_driver_pays_in(who, euros, "pm_card_visa")
        self.notices_arrive("as_made", 1)
        self.a_driver_begins_and_charges(who, None, [energy_wh])

    @rule(who=PURSES, below=st.integers(0, 20), euros=st.integers(5, 40), card=CARDS)
    def a_wallet_is_filled_by_a_rule(self, who: int, below: int, euros: int, card: str | None) -> None:
        async def fill() -> None:
            async with self.house.app(self.apps[who]) as app:
                begun = await app.http.post("/cards")
                if card is not None and begun.status_code == 201:
                    with suppress(httpx.HTTPError):
                        await self.house.bank.enter_card(begun.json()["client_secret"], card, kind="setup_intents")
                    await app.http.post(f"/cards/{begun.json()['id']}/finish")
                answer = await app.http.put("/wallet/auto-reload", json={"below": below, "amount": euros})
                assert answer.status_code in (200, 500, 503, 504), answer.text

        self.try_to(fill())

    @rule(who=PURSES, euros=st.integers(1, 30))
    def an_operator_is_kind(self, who: int, euros: int) -> None:
        driver_id = self.purses[who - PURSES_FROM]
        path, body = f"/drivers/{driver_id}/wallet/credits", {"amount": euros, "reason": "a broken charger"}
        if self.until_answered(lambda key: self.send(self.house.operator(), path, body, key)):
            self.given[f"driver:{driver_id}"] += euros * 100

    @rule(who=PURSES)
    def a_driver_wants_it_back(self, who: int) -> None:
        self.try_to(self.send(self.house.app(self.apps[who]), "/wallet/payout", None, str(uuid4())))

    def until_answered(self, ask: Callable[[str], Awaitable[Json]], *, refused: str = "") -> Json | None:
        """The same request again and again, as whoever gets no answer sends it; None for one that is refused."""
        key = str(uuid4())
        for _ in range(12):
            answer: Json | None = self.try_to(ask(key))
            if answer is not None and answer["code"] is None:
                return answer
            if answer is not None and answer["code"] == refused:
                return None
            self.house.clock.advance(60)
        raise AssertionError(answer)

    async def send(self, client: AbstractAsyncContextManager[Any], path: str, body: Any, key: str) -> Json:
        """What is answered, with a `code` where it is an error."""
        async with client as opened:
            http = opened.http if isinstance(opened, App) else opened
            answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
        said = answer.json()
        if answer.is_success:
            return {"code": None, "found": said, **(said if isinstance(said, dict) else {})}
        assert answer.status_code in (404, 409, 422, 500, 503, 504), answer.text
        return {"code": said.get("code", "")}

    # Chargers

    @precondition(lambda self: self.unbegun())
    @rule(which=WHICH)
    def a_charger_begins(self, which: int) -> None:
        """In time or hours later, whatever we think of its start by then."""
        orders = self.unbegun()
        self.run(self.house.begins(orders[which % len(orders)]))

    def unbegun(self) -> list[Any]:
        begun = {each.remote_start_id for each in self.house.transactions}
        if any(not each.ended for each in self.house.transactions):
            return []  # it has one place
        return [order for order in self.house.heard if order.remote_start_id not in begun]

    def running(self) -> list[Charging]:
        return [each for each in self.house.transactions if not each.ended]

    @precondition(lambda self: self.running())
    @rule(added_wh=st.integers(0, 12_000))
    def a_car_charges(self, added_wh: int) -> None:
        self.house.clock.advance(300)
        self.run(self.house.meters(self.running()[0], added_wh))

    @precondition(lambda self: self.running())
    @rule()
    def a_session_ends(self) -> None:
        self.house.clock.advance(60)
        self.run(self.house.ends(self.running()[0]))

    @precondition(lambda self: self.house.transactions)
    @rule(which=WHICH)
    def a_charger_says_its_last_word_again(self, which: int) -> None:
        charging = self.house.transactions[which % len(self.house.transactions)]
        kind = FactKind.ENDED if charging.ended else FactKind.UPDATED
        self.run(self.house.says(charging, kind, key=f"{charging.number}-{charging.said}"))

    # The house

    @rule()
    def the_worker_works(self) -> None:
        self.try_to(self.house.work())

    @rule(order=st.sampled_from(["as_made", "reversed", "shuffled"]), times=st.integers(1, 2))
    def notices_arrive(self, order: str, times: int) -> None:
        self.run(self.house.control("release", {"order": order, "times": times}))
        self.try_to(self.house.control("settle"))
        self.the_worker_works()

    @rule(seconds=st.sampled_from([20, 40, 1000, 90_000, 8 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.try_to(self.house.pass_time(seconds))

    @rule()
    def everything_is_told_again(self) -> None:
        """Facts that came long ago, as a job that runs twice does it."""

        async def tell() -> None:
            async with self.house.db.tx() as tx:
                for cdr in await tx.all(select(Cdr)):
                    tx.emit(CdrStored(cdr.country_code, cdr.party_id, cdr.object_id))
                for hold in await tx.all(select(Hold)):
                    tx.emit(HoldChanged(hold.id, hold.reference, hold.state))
                for got in await tx.all(select(Received)):
                    tx.emit(MoneyReceived(got.id, got.reference, got.amount_minor, got.currency))
                for back in await tx.all(select(WalletRefund)):
                    tx.emit(WalletRefunded(back.id, back.earmark))
                for each in self.house.transactions:
                    tx.emit(TransactionChanged(each.number))

        self.try_to(tell())

    # Afterwards

    @precondition(lambda self: self.starts)
    @rule(cents=st.integers(1, 900), which=WHICH)
    def money_is_given_back(self, cents: int, which: int) -> None:
        """The operator's page sends its request again; one that is answered again is the same refund."""
        path = f"/starts/{self.starts[which % len(self.starts)]['id']}/refunds"
        body = {"amount": f"{cents / 100:.2f}", "reason": "it was slow"}
        key = str(uuid4())
        first, again = (self.try_to(self.send(self.house.operator(), path, body, key)) for _ in range(2))
        if first is not None and again is not None and first["code"] is None:
            assert again["code"] is None
            assert [each["id"] for each in again["found"]] == [each["id"] for each in first["found"]]
            assert sum(Decimal(each["amount"]) for each in first["found"]) == Decimal(body["amount"])
        for answer in (first, again):
            assert answer is None or answer["code"] in (None, "not_found", "nothing_paid", "over_refund")

    @rule()
    def banks_send_refunds_back(self) -> None:
        """To cards that take none."""
        self.run(self.house.control("fail-refunds"))

    @rule(which=WHICH, won=st.booleans(), ends=st.booleans())
    def a_cardholder_disputes(self, which: int, won: bool, ends: bool) -> None:
        async def dispute() -> None:
            objects = (await self.house.control("state"))["objects"]
            paid = [each for each in objects["ch"] if each["captured"] and not each["disputed"]]
            paid = [each for each in paid if not each["amount_refunded"]]
            if not paid:
                return
            intent = paid[which % len(paid)]["payment_intent"]
            made = await self.house.control("disputes", {"payment_intent": intent})
            if ends:
                await self.house.control("end-dispute", {"id": made["id"], "won": won})

        self.try_to(dispute())

    def teardown(self) -> None:
        try:
            self.run(self.in_the_end())
        finally:
            self.run(self.inside.aclose())
            self.runner.close()
            self.outside.close()

    async def in_the_end(self) -> None:
        """Nothing goes wrong any more, every car has left, the provider has told everything, and time has passed."""
        house = self.house
        house.fate.commits = None
        await house.survive(house.control("clear"))
        for charging in self.running():
            await house.ends(charging)
        await house.control("release", {"order": "shuffled", "times": 2})
        await house.control("settle")
        await house.resolve()
        await house.control("release", {"order": "shuffled", "times": 2})
        await house.control("settle")
        await house.webhooks.sweep(house.db, {})
        await house.resolve()
        await house.every_cent_is_where_it_belongs(self.given)


def test_every_cent_is_where_it_belongs(databases: Databases, migrated_template: str) -> None:
    few = settings(max_examples=2, stateful_step_count=30, deadline=None, derandomize=True)
    run_state_machine_as_test(lambda: Money(databases, migrated_template), settings=few)


@pytest.mark.slow
def test_every_cent_is_where_it_belongs_whatever_happens(databases: Databases, migrated_template: str) -> None:
    many = settings(max_examples=15, stateful_step_count=40, deadline=None, derandomize=True)
    run_state_machine_as_test(lambda: Money(databases, migrated_template), settings=many)
