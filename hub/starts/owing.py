"""What drivers owe and have not paid: for the driver to see, and a reason not to let the next session begin."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlmodel import col

from hub.starts.covers import SECOND, references_of
from hub.starts.tables import Start
from kit.errors import PaymentRequired
from kit.money import Money
from kit.tx import Tx
from payments.tables import Debt, DebtState


class DebtOpen(PaymentRequired):
    """Sessions of this driver are not paid yet."""

    code, title = "debt_open", "An earlier session is not paid yet"

    def __init__(self, owed: Money) -> None:
        told = {"owed": str(owed.to_decimal()), "currency": owed.currency, "next_step": "pay_debt"}
        super().__init__(f"{owed} are open", extensions=told)


async def debts_of(tx: Tx, driver_id: str) -> Sequence[Debt]:
    """Every debt of a driver, newest first."""
    of_start = col(Debt.reference).in_([col(Start.id), SECOND + col(Start.id)])
    theirs = select(Debt).join(Start, of_start).where(col(Start.driver_id) == driver_id)
    return await tx.all(theirs.order_by(col(Debt.id).desc()))


async def debt_of(tx: Tx, start_id: str) -> Debt | None:
    """What is still to pay for a start."""
    owed = (col(Debt.reference).in_(references_of(start_id)), col(Debt.state) != DebtState.PAID)
    return await tx.first(select(Debt).where(*owed))


async def check_debts(tx: Tx, driver_id: str, limit: Decimal) -> None:
    """That a driver owes no more than `limit` in the major unit of any currency. Raises `DebtOpen`."""
    owed: dict[str, Money] = {}
    for debt in await debts_of(tx, driver_id):
        if debt.state != DebtState.PAID:
            owed[debt.currency] = owed.get(debt.currency, Money.zero(debt.currency)) + debt.amount
    for amount in owed.values():
        if amount.to_decimal() > limit:
            raise DebtOpen(amount)
