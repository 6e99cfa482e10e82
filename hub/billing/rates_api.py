"""Operator API: rates of exchange."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlmodel import col

from auth.guards import AdminDep, OperatorDep
from kit.paging import Page, Paging
from kit.tx import Database
from payments.ledger.conversion import Rate
from payments.rate_tables import RateRow, keep

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class RateIn(BaseModel):
    """What one `base` cost in `quote` on a day."""

    model_config = ConfigDict(extra="forbid")

    base: Currency
    quote: Currency
    value: Decimal = Field(gt=0, max_digits=20, decimal_places=10)
    day: date
    source: str = Field(min_length=1, max_length=60, description="Whose rate it is: told to drivers.")


RatesIn = Annotated[Sequence[RateIn], Field(max_length=1000)]


class RateOut(RateIn):
    """A rate that is stored."""


class ImportedOut(BaseModel):
    """How many rates were imported."""

    count: int


def router(db: Database) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["money"])

    @routes.post("/exchange-rates", operation_id="import_exchange_rates", status_code=201)
    async def import_exchange_rates(body: RatesIn, _: AdminDep) -> ImportedOut:
        """Import rates. One that is there for its day and source gets the new value; quotes keep theirs."""
        async with db.tx() as tx:
            await keep(tx, [Rate(each.base, each.quote, each.value, each.day, each.source) for each in body])
        return ImportedOut(count=len(body))

    @routes.get("/exchange-rates", operation_id="list_exchange_rates")
    async def list_exchange_rates(_: OperatorDep, paging: Paging) -> Page[RateOut]:
        """Rates, those of the newest days first."""
        order = (col(RateRow.day).desc(), col(RateRow.id).desc())
        async with db.read() as tx:
            rows = await tx.all(select(RateRow).order_by(*order).offset(paging.offset).limit(paging.limit))
            total = (await tx.execute(select(func.count()).select_from(RateRow))).scalar_one()
        items = [
            RateOut(base=row.base, quote=row.quote, value=row.value, day=row.day, source=row.source) for row in rows
        ]
        return Page.of(items, int(total), paging)

    return routes
