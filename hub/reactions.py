"""Who reacts to what: every event and every job kind of the application, on one page.

TransactionChanged       → the session follows the charger's record; its CDR is issued when it has ended
ConnectorStatusChanged   → the EVSE's status in its location, and so to the partners
StationBooted            → what the station was asked in vain is asked again
StationBooted            → the station is brought to the configuration that it is to have
CertificateExpires       → the station is asked to request a new certificate
StationProgressed        → the operation that a station works at shows how far it is
StartRequested           → the charger, ours or a partner's, is told to start
stations.operate         → an operation at a station whose time has come
starts.post_result       → a partner learns what came of its command
starts.command_for_partner → a partner's command reaches our charger
stations.install_certificate → a station gets the certificate that it asked for
stations.provision       → the same, when the operator asks for it
stations.upgrade         → a station is moved to another security profile or password
stations.expire_upgrade  → a station that did not follow stays where it was
SessionBegan, CostDue, SessionEnded → a charger that shows costs is told the price, the cost so far, the total
CdrStored                → its driver is billed by the quoted price, or the bill is credited; the ledger follows
SessionMatched           → the same, for CDRs that came before their session
ExchangeWaits, RatesKept → CDRs in another currency than their driver's price, that had no rate, are settled again
RefundChanged, WalletRefunded → the credit note of a refund that has succeeded
BillCredited             → the credit note of what is left of its document
billing.credit_gathered  → the same, when its month was not invoiced yet
BillMade                 → its receipt or invoice is issued
DriverChanged            → the driver's cards and vehicles may charge as the driver may
HoldChanged              → the start that waits for the money goes on or is refused; the ledger follows
MoneyReceived, RefundChanged, DisputeChanged, DebtChanged, LineRead → the ledger follows
MoneyReceived, DebtChanged, DisputeChanged → what comes in for a bill that was credited goes back
StartGivenUp             → what its charger has announced is ended, what was put aside for it is given back
SessionProgressed        → a session ends before it costs more than is put aside for it, or is covered again
parties.redeliver        → an object that a partner refused is offered again
parties.read_hub         → whom a partner hub reaches is read from its list
"""

from collections.abc import Collection, Mapping

from csms.events import ConnectorStatusChanged, StationBooted, StationProgressed, TransactionChanged
from csms.station import ConnectorStatus
from hub.billing import credits, margin, paying_back, posting
from hub.billing import service as billing
from hub.billing.events import BillCredited, BillMade, ExchangeWaits
from hub.billing.flows import Minder
from hub.billing.receipts import Receipts
from hub.drivers.events import DriverChanged
from hub.locations import service as locations
from hub.parties import hub_reading
from hub.parties.clients import Clients
from hub.parties.directory import Directory
from hub.parties.moves import REDELIVER
from hub.parties.outbox import Sender, Source
from hub.parties.redelivery import redeliver
from hub.parts import hold_policy
from hub.sessions.events import CdrStored, CostDue, SessionBegan, SessionEnded
from hub.sessions.running import RunningSessions
from hub.settings import Settings
from hub.starts import driving
from hub.starts import service as starts
from hub.starts.events import SessionMatched, SessionProgressed, StartGivenUp, StartRequested
from hub.starts.flows import COMMAND_FOR_PARTNER, Starter
from hub.starts.showing import CostTeller
from hub.stations import service as stations
from hub.stations.certificates import INSTALL, Certificates
from hub.stations.events import CertificateExpires
from hub.stations.operations import OPERATE, Operations
from hub.stations.provisioning import PROVISION, Provisioner
from hub.stations.upgrading import EXPIRE, UPGRADE, Upgrader
from hub.tokens.linked import follower
from kit.crypto import KeyRing
from kit.reactions import Reactions
from kit.tx import Tx
from ocpi.headers import Party
from payments import wiring as payments_wiring
from payments.events import (
    DebtChanged,
    DisputeChanged,
    HoldChanged,
    LineRead,
    MoneyReceived,
    RatesKept,
    RefundChanged,
    WalletRefunded,
)
from payments.wiring import Payments

EVSE_STATUS = {
    ConnectorStatus.AVAILABLE: "AVAILABLE",
    ConnectorStatus.PREPARING: "BLOCKED",
    ConnectorStatus.CHARGING: "CHARGING",
    ConnectorStatus.SUSPENDED_EV: "CHARGING",
    ConnectorStatus.SUSPENDED_EVSE: "CHARGING",
    ConnectorStatus.FINISHING: "BLOCKED",
    ConnectorStatus.OCCUPIED: "CHARGING",
    ConnectorStatus.RESERVED: "RESERVED",
    ConnectorStatus.UNAVAILABLE: "INOPERATIVE",
    ConnectorStatus.FAULTED: "OUTOFORDER",
    ConnectorStatus.UNKNOWN: "UNKNOWN",
}
"""A connector's status as OCPI's EVSE Status."""


def wire(
    reactions: Reactions,
    *,
    settings: Settings,
    keys: KeyRing,
    starter: Starter,
    running: RunningSessions,
    operations: Operations,
    certificates: Certificates,
    provisioner: Provisioner,
    upgrader: Upgrader,
    directory: Directory,
    clients: Clients,
    send: Sender,
    sources: Mapping[str, Source],
) -> None:
    """Register every reaction and every job."""
    country_code, _, party_id = settings.emsp_parties[0].partition("*")
    emsp = Party(country_code, party_id)

    async def follow_transaction(tx: Tx, event: TransactionChanged) -> None:
        await starts.follow_transaction(tx, keys, event, running=running, currency=settings.currency, emsp=emsp)

    reactions.on(TransactionChanged, follow_transaction)
    reactions.on(ConnectorStatusChanged, show_status)
    reactions.on(StationBooted, operations.on_booted)
    reactions.on(StationProgressed, operations.on_progress)
    reactions.call(StartRequested, starter.carry_out)
    reactions.job(OPERATE, operations.operate)
    reactions.job(starts.POST_RESULT, starter.post_result)
    reactions.job(starts.LIMIT_SESSION, starter.limit_session)
    reactions.job(COMMAND_FOR_PARTNER, starter.command_for_partner)
    reactions.call(StationBooted, provisioner.booted)
    reactions.job(PROVISION, provisioner.asked)
    reactions.job(UPGRADE, upgrader.run)
    reactions.job(EXPIRE, upgrader.expire)
    reactions.call(CertificateExpires, certificates.renew)
    reactions.job(INSTALL, certificates.install)
    reactions.job(REDELIVER, redeliver(directory, sources, send))
    reactions.job(hub_reading.READ, hub_reading.reader(directory, clients))


def wire_costs(reactions: Reactions, costs: CostTeller) -> None:
    """Register what chargers show to drivers."""
    reactions.call(SessionBegan, costs.tell_price)
    reactions.call(CostDue, costs.tell_cost)
    reactions.call(SessionEnded, costs.tell_total)


def wire_money(
    reactions: Reactions,
    *,
    settings: Settings,
    keys: KeyRing,
    starter: Starter,
    running: RunningSessions,
    payments: Payments | None,
) -> None:
    """Register what has to do with money."""
    wire_bills(reactions, keys, frozenset(settings.emsp_parties))
    receipts = Receipts(settings.operator_name, settings.invoice_every == "month")
    reactions.on(BillMade, receipts.of_bill)
    reactions.on(BillCredited, credits.of_credited_bill)
    reactions.job(credits.CREDIT_GATHERED, credits.credit_gathered)
    reactions.on(DriverChanged, follower(keys))
    if payments is None:
        return
    payments_wiring.wire(
        reactions,
        operator=payments.operator,
        holds=payments.holds,
        collector=payments.collector,
        events=payments.webhooks,
        books=payments.books,
    )
    reactions.on(HoldChanged, driving.paid)
    wire_ledger(reactions)
    minder = Minder(starter, running, payments.holds, hold_policy(settings), settings.session_update_interval_s)
    reactions.call(StartGivenUp, minder.withdraw)
    reactions.call(SessionProgressed, minder.mind)


def ledger_reactions() -> Reactions:
    """What a process that only compares books leaves for the workers of the others."""
    reactions = Reactions()
    wire_ledger(reactions)
    return reactions


def wire_bills(reactions: Reactions, keys: KeyRing, own_emsps: Collection[str]) -> None:
    """Register what CDRs cost whom. `own_emsps` are our eMSP parties, `CC*PID`."""

    async def bill(tx: Tx, event: CdrStored) -> None:
        await billing.bill(tx, keys, event, own_emsps=own_emsps)

    async def bill_matched(tx: Tx, event: SessionMatched) -> None:
        await billing.bill_matched(tx, keys, event, own_emsps=own_emsps)

    reactions.on(CdrStored, bill)
    reactions.on(SessionMatched, bill_matched)
    reactions.on(ExchangeWaits, margin.look_again)
    reactions.on(RatesKept, margin.look_again)


def wire_ledger(reactions: Reactions) -> None:
    """Register how the ledger follows what is paid, and what goes back for bills that were credited."""
    reactions.on(HoldChanged, posting.hold_changed)
    reactions.on(MoneyReceived, posting.money_received)
    reactions.on(RefundChanged, posting.refund_changed)
    reactions.on(RefundChanged, credits.of_refund)
    reactions.on(WalletRefunded, credits.of_wallet_refund)
    reactions.on(DisputeChanged, posting.dispute_changed)
    reactions.on(DebtChanged, posting.debt_changed)
    reactions.on(LineRead, posting.line_read)
    reactions.on(MoneyReceived, paying_back.pay_back_received)
    reactions.on(DebtChanged, paying_back.cancel_credited)
    reactions.on(DisputeChanged, paying_back.pay_back_returned)


async def show_status(tx: Tx, event: ConnectorStatusChanged) -> None:
    """An EVSE's status in its location follows the station's connector."""
    if event.evse_id == 0:
        return
    place = await stations.place(tx, event.station_id, event.evse_id)
    if place is not None:
        status = EVSE_STATUS[ConnectorStatus(event.status)]
        await locations.set_evse_status(tx, place.country_code, place.party_id, place.evse_uid, status)
