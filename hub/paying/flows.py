"""Wallets, saved cards and debts of drivers, with the payment provider."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.paying.schemas import CreditIn, ReloadIn, TopUpIn
from hub.starts.driver_flows import CardsNotTaken
from hub.starts.driving import payer_of
from hub.starts.owing import debts_of
from kit.errors import Conflict, NotFound
from kit.idempotency import Claim, Idempotency, StoredAnswer
from kit.money import Money, exact
from kit.tx import Database
from payments import cards, top_ups, wallet
from payments.card_tables import SavedCard
from payments.errors import PspUnavailable, Refused, Unknown
from payments.psp import CardSetup
from payments.tables import Debt
from payments.wallet_balance import Movement, statement
from payments.wallet_rules import ReloadRule, Standing, WalletPolicy
from payments.wallet_tables import TopUp, Wallet
from payments.wiring import Payments


class CardNotSaved(Conflict):
    """The driver has not finished with the card yet, or it was declined."""

    code, title = "card_not_saved", "The card is not saved"


@dataclass(frozen=True, slots=True)
class Paying:
    """The use cases, each for one driver. `payments` is None where no cards are taken; wallets are in `currency`."""

    db: Database
    idempotency: Idempotency
    payments: Payments | None
    policy: WalletPolicy
    currency: str

    async def wallet(self, driver_id: str) -> tuple[Wallet, Standing] | None:
        """What a driver has paid in; None for who never has."""
        async with self.db.read() as tx:
            return await wallet.look(tx, payer_of(driver_id))

    async def movements(self, driver_id: str, *, offset: int, limit: int) -> tuple[Sequence[Movement], int]:
        """A page of what came and went, newest first, and how many lines there are."""
        async with self.db.read() as tx:
            found = await tx.get(Wallet, payer_of(driver_id))
            return await statement(tx, found, offset=offset, limit=limit) if found is not None else ([], 0)

    async def top_up(self, driver_id: str, asked: TopUpIn, key: str) -> tuple[TopUp, str | None]:
        """Pay in; the same key again is the same payment. With what the app needs where the driver has to act.

        Raises `CardsNotTaken`, `NotFound` for another's card, `TopUpOutOfBounds`, and what `kit.idempotency` raises.
        """
        owner, provider = payer_of(driver_id), self._provider()
        customer_id = await provider.cards.customer(self.db, owner)
        order: list[str] = []

        async def work(claim: Claim) -> StoredAnswer:
            async with self.db.tx() as tx:
                if asked.card_id is not None:
                    await cards.owned(tx, owner, asked.card_id)
                into = await wallet.open_wallet(tx, owner, self.currency)
                amount = exact(asked.amount, into.currency)
                made, sent = await top_ups.ask(
                    tx, into, amount, self.policy, customer_id=customer_id, card_id=asked.card_id
                )
                answer = StoredAnswer(201, "text/plain", made.id.encode())
                await self.idempotency.keep(tx, claim, answer)
                order.extend([sent.id] if sent else [])
            return answer

        body = asked.model_dump_json().encode()
        answer = await self.idempotency.run(scope=f"{owner}:top-ups", key=key, body=body, work=work)
        if order:
            await provider.operator.run(self.db, order[0])
        return await self.top_up_now(driver_id, answer.body.decode())

    async def top_up_now(self, driver_id: str, top_up_id: str, *, look: bool = False) -> tuple[TopUp, str | None]:
        """A top-up of one's own; after a `look` at the provider when the driver has acted. Raises `NotFound`."""
        found = await self._top_up(driver_id, top_up_id)
        if found.hold_id is None or self.payments is None:
            return found, None
        if look:
            await self.payments.holds.refresh(self.db, found.hold_id)
            found = await self._top_up(driver_id, top_up_id)
        try:
            return found, await self.payments.holds.client_secret(self.db, found.hold_id or "")
        except (Unknown, PspUnavailable, Refused):
            return found, None

    async def fill_by(self, driver_id: str, rule: ReloadIn | None) -> tuple[Wallet, Standing]:
        """Have the wallet filled by a rule, or by none any more. Raises `CardsNotTaken`, `TopUpOutOfBounds`."""
        self._provider()
        async with self.db.tx() as tx:
            found = await wallet.open_wallet(tx, payer_of(driver_id), self.currency)
            made = None
            if rule is not None:
                made = ReloadRule(exact(rule.below, found.currency), exact(rule.amount, found.currency))
                self.policy.check(made.amount, Money.zero(found.currency))
            await top_ups.set_rule(tx, found, made)
        return await self._wallet(driver_id)

    async def pay_back(self, driver_id: str) -> Money:
        """Pay all of the wallet out. Raises `NotFound`, `WalletInUse`, `CardsNotTaken`."""
        self._provider()
        async with self.db.tx() as tx:
            return await wallet.pay_back(tx, payer_of(driver_id))

    async def credit(self, driver_id: str, given: CreditIn, key: str) -> tuple[Wallet, Standing]:
        """An operator's kindness; the same key again is the same one."""
        owner = payer_of(driver_id)

        async def work(claim: Claim) -> StoredAnswer:
            async with self.db.tx() as tx:
                into = await wallet.open_wallet(tx, owner, self.currency)
                amount = exact(given.amount, into.currency)
                await wallet.credit(tx, owner, amount, reference=f"{owner}:{claim.owner}", why=given.reason)
                answer = StoredAnswer(200, "text/plain", b"")
                await self.idempotency.keep(tx, claim, answer)
            return answer

        body = given.model_dump_json().encode()
        await self.idempotency.run(scope=f"{owner}:credits", key=key, body=body, work=work)
        return await self._wallet(driver_id)

    async def cards(self, driver_id: str) -> Sequence[SavedCard]:
        """The saved cards, the default first."""
        async with self.db.read() as tx:
            return await cards.cards_of(tx, payer_of(driver_id))

    async def begin_card(self, driver_id: str) -> CardSetup:
        """Begin to save a card. Raises `CardsNotTaken`."""
        return await self._provider().cards.begin(self.db, payer_of(driver_id))

    async def finish_card(self, driver_id: str, setup_id: str) -> SavedCard:
        """Note the card that the driver has entered. Raises `NotFound` for another's, `CardNotSaved`."""
        provider = self._provider()
        try:
            saved = await provider.cards.finish(self.db, payer_of(driver_id), setup_id)
        except Refused:
            raise NotFound("no such card") from None
        if saved is None:
            raise CardNotSaved
        return saved

    async def prefer_card(self, driver_id: str, card_id: str) -> None:
        """Make a card the default. Raises `NotFound` for another's."""
        async with self.db.tx() as tx:
            await cards.prefer(tx, payer_of(driver_id), card_id)

    async def remove_card(self, driver_id: str, card_id: str) -> None:
        """Forget a card. Raises `NotFound` for another's, `CardsNotTaken`."""
        await self._provider().cards.remove(self.db, payer_of(driver_id), card_id)

    async def debts(self, driver_id: str) -> Sequence[Debt]:
        """What a driver owes or owed beyond what was put aside, newest first."""
        async with self.db.read() as tx:
            return await debts_of(tx, driver_id)

    async def pay_debt(self, driver_id: str, debt_id: str, card_id: str | None) -> tuple[Debt, str | None]:
        """Try to pay a debt now; with what the app needs where the bank wants the driver.

        Raises `NotFound` for another's debt or card, `CardsNotTaken`.
        """
        provider = self._provider()
        async with self.db.read() as tx:
            if all(debt.id != debt_id for debt in await debts_of(tx, driver_id)):
                raise NotFound("no such debt")
            if card_id is not None:
                await cards.owned(tx, payer_of(driver_id), card_id)
            customer_id = await cards.customer_id_of(tx, payer_of(driver_id))
        debt = await provider.collector.pay(self.db, debt_id, customer_id=customer_id, card_id=card_id)
        return debt, await provider.collector.confirmable(self.db, debt)

    async def _top_up(self, driver_id: str, top_up_id: str) -> TopUp:
        async with self.db.read() as tx:
            found = await tx.get(TopUp, top_up_id)
        if found is None or found.owner != payer_of(driver_id):
            raise NotFound("no such top-up")
        return found

    async def _wallet(self, driver_id: str) -> tuple[Wallet, Standing]:
        found = await self.wallet(driver_id)
        if found is None:
            raise NotFound("no wallet")
        return found

    def _provider(self) -> Payments:
        if self.payments is None:
            raise CardsNotTaken
        return self.payments
