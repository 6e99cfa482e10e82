"""Every job and schedule of the payments floor, on one page: what the application registers at its start."""

from datetime import timedelta

from kit.reactions import Reactions
from payments import debts, hold_flows, operations, webhooks
from payments.hold_flows import Collector, Holds
from payments.operator import Operator
from payments.webhooks import Webhooks


def wire(reactions: Reactions, *, operator: Operator, holds: Holds, collector: Collector, events: Webhooks) -> None:
    """Register them.

    payments.perform          an order goes to the provider
    payments.collect          a debt is tried
    payments.handle_webhook   an event is handled
    every 30 s                orders without an answer are asked after, holds past their time are ended
    every 5 min               events that never came are fetched
    every 24 h                events that were handled long ago are forgotten
    """
    reactions.job(operations.PERFORM, operator.perform)
    reactions.job(debts.COLLECT, collector.collect)
    reactions.job(webhooks.HANDLE, events.handle)
    reactions.every(hold_flows.JANITOR, hold_flows.LOOK_EVERY, holds.look_after)
    reactions.every(webhooks.SWEEP, webhooks.SWEEP_EVERY, events.sweep)
    reactions.every(webhooks.FORGET, timedelta(hours=24), events.forget)
