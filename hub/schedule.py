"""What happens by the clock, on one page.

every 30 s   starts that waited for a session past their time are closed
every 60 s   reservations that nobody came for are billed, where that costs something
every 1 h    prices that nobody used in time, and vehicles that nobody confirmed, are forgotten
every 1 h    eMSPs that allowed a card long ago are forgotten
every 30 s   partners of whom nothing was heard for too long are asked whether they are there
every 60 s   registrations with partners that a dying process left unfinished are forgotten
every 15 s   firmware campaigns see how far their stations are and ask the next ones
every 60 s   operations at stations that lost their process are closed, and old ones forgotten
every 1 h    sessions of months that are over are invoiced, where that is done by the month
every 60 s   idempotency keys past their time are forgotten
every 5 min  messages past their time are deleted from the message log
every 24 h   whom partner hubs reach is read from their lists
every 5 min  frames past their time are deleted from the frame log
every hour   certificates of stations whose end is near are told of, once
every hour   what stations told long ago is forgotten
every 24 h   rates of exchange are read, where a URL for them is set
every 24 h   provider, ledger, bills and CDRs are compared, and what does not match is noted
every hour   reservations and charging profiles between partners that are long over are forgotten
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from csms.frame_log import forget_frames
from csms.noticer import forgetter as notices_forgetter
from hub.billing import rate_feed as rates
from hub.billing.monthly import Monthly
from hub.billing.rate_feed import RateFeed
from hub.billing.receipts import Receipts
from hub.billing.reconciliation import EVERY, RECONCILE, Reconciler
from hub.parties import hub_reading, profile_setters, reservations
from hub.parties.directory import Directory
from hub.parties.message_log import forgetter
from hub.parties.presence import Presence
from hub.parties.registration import Registrar
from hub.settings import Settings
from hub.starts import unused_reservations
from hub.starts.flows import Starter
from hub.starts.quote_tables import forget_unused
from hub.starts.vehicle_tables import forget_vehicles
from hub.stations.campaigns import Campaigns
from hub.stations.certificates import Certificates
from hub.stations.operations import Operations
from hub.tokens import routes
from kit.idempotency import forget_expired
from kit.reactions import Reactions
from kit.tx import Database


def wire(
    reactions: Reactions,
    *,
    settings: Settings,
    starter: Starter,
    operations: Operations,
    campaigns: Campaigns,
    registrar: Registrar,
    presence: Presence,
    directory: Directory,
    certificates: Certificates,
    reconciler: Reconciler,
    rate_feed: RateFeed,
) -> None:
    """Register every schedule."""
    reactions.every("parties.probe", timedelta(seconds=30), presence.probe)
    reactions.every("parties.forget_unfinished", timedelta(seconds=60), registrar.forget_unfinished)
    reactions.every("parties.read_hubs", timedelta(hours=24), hub_reading.daily(directory))
    reactions.every("starts.expire", timedelta(seconds=30), starter.expire)
    reactions.every("starts.bill_reservations", timedelta(seconds=60), unused_reservations.biller(starter.keys))
    reactions.every("starts.forget_quotes", timedelta(hours=1), _forget_quotes)
    reactions.every("stations.lead_campaigns", timedelta(seconds=15), campaigns.look)
    reactions.every("stations.tidy_operations", timedelta(seconds=60), operations.tidy)
    reactions.every("tokens.forget_routes", timedelta(hours=1), routes.forget_expired)
    monthly = Monthly(Receipts(settings.operator_name, monthly=True))
    reactions.every("billing.invoice_months", timedelta(hours=1), monthly.invoice)
    reactions.every("idempotency.forget", timedelta(seconds=60), _forget_keys)
    messages, contents = timedelta(days=settings.message_log_days), timedelta(days=settings.message_content_days)
    reactions.every("messages.forget", timedelta(minutes=5), forgetter(messages, contents))
    reactions.every("frames.forget", timedelta(minutes=5), _frame_forgetter(settings))
    reactions.every("stations.watch_certificates", timedelta(hours=1), certificates.watch)
    notices_kept = timedelta(days=settings.station_notice_days)
    reactions.every("notices.forget", timedelta(hours=1), notices_forgetter(notices_kept))
    reactions.every(rates.FETCH, rates.EVERY, rate_feed.daily)
    reactions.every(RECONCILE, EVERY, reconciler.daily)
    reactions.every("parties.forget", timedelta(hours=1), _forget_relayed)


def _frame_forgetter(settings: Settings) -> Callable[[Database, Mapping[str, Any]], Awaitable[None]]:
    frames, about_transactions = (
        timedelta(days=settings.frame_log_days),
        timedelta(days=settings.frame_transaction_days),
    )

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        await forget_frames(db, frames=frames, about_transactions=about_transactions)

    return flow


async def _forget_keys(db: Database, payload: Mapping[str, Any]) -> None:
    async with db.tx() as tx:
        await forget_expired(tx)


async def _forget_quotes(db: Database, payload: Mapping[str, Any]) -> None:
    async with db.tx() as tx:
        await forget_unused(tx)
        await forget_vehicles(tx)


async def _forget_relayed(db: Database, payload: Mapping[str, Any]) -> None:
    async with db.tx() as tx:
        await reservations.forget_past(tx)
        await profile_setters.forget_past(tx)
