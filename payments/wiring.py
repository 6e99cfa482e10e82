"""The parts of the payments floor over one provider, and every job and schedule of them, on one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from kit.reactions import Reactions
from payments import debts, hold_flows, lines, operations, top_ups, wallet, webhooks
from payments.card_flows import Cards
from payments.events import DisputeChanged, HoldChanged, MoneyReceived, RefundChanged
from payments.hold_flows import Collector, Holds
from payments.line_flows import Books
from payments.operator import Operator
from payments.psp import Psp
from payments.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Payments:
    """What calls the provider."""

    psp: Psp
    operator: Operator
    holds: Holds
    collector: Collector
    cards: Cards
    webhooks: Webhooks
    books: Books

    @classmethod
    def over(cls, psp: Psp, webhook_secrets: Sequence[str]) -> Self:
        """Make every part."""
        operator = Operator(psp)
        return cls(
            psp,
            operator,
            Holds(psp, operator),
            Collector(psp, operator),
            Cards(psp),
            Webhooks(psp, webhook_secrets),
            Books(psp),
        )


def wire(
    reactions: Reactions,
    *,
    operator: Operator,
    holds: Holds,
    collector: Collector,
    events: Webhooks,
    books: Books,
) -> None:
    """Register them.

    payments.perform          an order goes to the provider
    payments.collect          a debt is tried
    payments.handle_webhook   an event is handled
    MoneyReceived, HoldChanged, RefundChanged, DisputeChanged → wallets that it was paid into
    payments.read_lines       the fee of a payment, a refund or a dispute is read
    every 30 s                orders without an answer are asked after, holds past their time are ended
    every 5 min               events that never came are fetched
    every 24 h                events that were handled long ago are forgotten
    """
    reactions.job(operations.PERFORM, operator.perform)
    reactions.job(debts.COLLECT, collector.collect)
    reactions.job(webhooks.HANDLE, events.handle)
    reactions.on(MoneyReceived, top_ups.load)
    reactions.on(HoldChanged, top_ups.follow_hold)
    reactions.on(RefundChanged, wallet.follow_refund)
    reactions.on(DisputeChanged, wallet.follow_dispute)
    reactions.job(lines.READ, books.read)
    reactions.every(hold_flows.JANITOR, hold_flows.LOOK_EVERY, holds.look_after)
    reactions.every(webhooks.SWEEP, webhooks.SWEEP_EVERY, events.sweep)
    reactions.every(webhooks.FORGET, timedelta(hours=24), events.forget)
