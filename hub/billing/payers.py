"""Who pays for a start: the owner of an account in the ledger."""

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlmodel import col

from hub.billing.tables import Bill
from hub.starts.covers import start_of
from hub.starts.tables import Start
from kit.tx import Tx


def payer_of(start: Start) -> str:
    """The driver, or the guest of this start alone."""
    return f"driver:{start.driver_id}" if start.driver_id else f"guest:{start.id}"


async def payer_of_reference(tx: Tx, reference: str) -> str:
    """The payer of what the payments floor calls by a reference: a start, its second hold, or a bill."""
    return (await payers_of(tx, [reference]))[reference]


async def payers_of(tx: Tx, references: Collection[str]) -> Mapping[str, str]:
    """The payers behind many references."""
    wanted = {start_of(each) for each in references}
    starts = await tx.all(select(Start).where(col(Start.id).in_(wanted)))
    payers = {start.id: payer_of(start) for start in starts}
    payers |= {bill.reference: bill.payer for bill in await tx.all(select(Bill).where(col(Bill.reference).in_(wanted)))}
    return {each: payers.get(start_of(each), f"unknown:{each}") for each in references}
