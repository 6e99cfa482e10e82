"""What bills drivers and follows in the ledger, over a real database, the real adapter and the fake Stripe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import select

from hub.billing.reconciliation import Reconciler
from hub.billing.tables import Bill
from hub.reactions import wire_bills, wire_ledger
from hub.sessions import service as sessions
from hub.starts.lifecycle import StartMethod, StartState
from hub.starts.quote_tables import QuoteRow
from hub.starts.tables import Start
from kit.crypto import KeyRing
from kit.job_rows import JobRow
from kit.money import Money
from kit.reactions import Reactions
from ocpi.datetimes import format_datetime
from payments import wallet
from payments.finding_tables import FindingRow
from payments.ledger.check import Checked, check
from tests.payments.shop import Shop, listening, open_shop

Json = dict[str, Any]

EMSP, CPO = "NL*PLB", "BE*CPO"
TARIFF: Json = {
    "country_code": "BE",
    "party_id": "CPO",
    "id": "T1",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20.0, "step_size": 1}]}],
    "last_updated": "2026-01-01T00:00:00Z",
}


@dataclass
class Till:
    shop: Shop

    async def start(
        self, *, card: bool = True, purse: int = 0, hold: int = 5000, session_id: str | None = "S-1"
    ) -> Start:
        """A start of a driver at a partner's charger, with a quote and money put aside.

        On a card, or in a wallet with this much in its `purse`; without either it is billed by invoice.
        """
        db, driver_id = self.shop.db, uuid4().hex
        start = Start(
            id=uuid4().hex,
            method=StartMethod.APP,
            state=StartState.ENDED,
            country_code="BE",
            party_id="CPO",
            uid_digest="digest",
            authorization_reference=uuid4().hex,
            session_id=session_id.casefold() if session_id else None,
            driver_id=driver_id,
            payment="wallet" if purse else "card" if card else "invoice",
            created_at=db.clock.now(),
            updated_at=db.clock.now(),
            expires_at=db.clock.now() + timedelta(hours=1),
        )
        if purse:
            await self._put_aside(driver_id, start.id, purse, hold)
        elif card:
            start.hold_id = (await self.shop.place(start.id, hold, driver=driver_id)).id
        async with db.tx() as tx:
            tx.add(start)
            tx.add(quote_for(start, db.clock.now()))
        await self.shop.work()
        return start

    async def _put_aside(self, driver_id: str, start_id: str, purse: int, amount: int) -> None:
        owner = f"driver:{driver_id}"
        async with self.shop.db.tx() as tx:
            await wallet.open_wallet(tx, owner, "EUR")
            await wallet.credit(tx, owner, Money(purse, "EUR"), reference=start_id)
            await wallet.reserve(tx, owner, start_id, Money(amount, "EUR"))

    async def cdr(self, start: Start | None = None, cdr_id: str = "C-1", *, kwh: int = 20, **changes: Any) -> Json:
        """A CDR of the session comes from its CPO; all that follows is done."""
        body = cdr_body(start, cdr_id, kwh=kwh, at=self.shop.clock.now()) | changes
        async with self.shop.db.tx() as tx:
            await sessions.receive_cdr(tx, body, platform_id="partner")
        await self.shop.work()
        return body

    async def credit(self, cdr: Json, cdr_id: str = "C-1-C", **changes: Any) -> Json:
        """The credit CDR of a CDR comes from its CPO."""
        total = {name: -amount for name, amount in cdr["total_cost"].items()}
        credit = {"id": cdr_id, "credit": True, "credit_reference_id": cdr["id"], "total_cost": total}
        body = {**cdr, **credit, **changes}
        async with self.shop.db.tx() as tx:
            await sessions.receive_cdr(tx, body, platform_id="partner")
        await self.shop.work()
        return body

    async def bills(self) -> list[Bill]:
        async with self.shop.db.read() as tx:
            return list(await tx.all(select(Bill).order_by(Bill.id)))  # type: ignore[arg-type]

    async def checked(self) -> Checked:
        checked = await check(self.shop.db)
        assert checked.findings == ()
        return checked

    async def balances(self, *leave_out: str) -> dict[str, int]:
        """What is not zero in the ledger, by kind of account."""
        checked = await self.checked()
        found: dict[str, int] = {}
        for (account, _), amount in checked.balances.items():
            found[account.kind] = found.get(account.kind, 0) + amount.amount_minor
        return {kind: minor for kind, minor in found.items() if minor and kind not in leave_out}

    async def dead(self) -> list[str]:
        """Jobs that nobody tries any more."""
        return [job.kind for job in await self.shop.rows(JobRow) if job.state == "dead"]


def quote_for(start: Start, now: datetime, *, currency: str = "EUR", tariff: Json | None = None) -> QuoteRow:
    """The quote that a start was made with."""
    return QuoteRow(
        payer=f"driver:{start.driver_id}",
        country_code="BE",
        party_id="CPO",
        location_id="LOC",
        evse_uid="E1",
        connector_id="1",
        currency=currency,
        time_zone="Europe/Brussels",
        tariff=orjson.dumps(tariff or TARIFF),
        hold_minor=5000,
        made_at=now,
        expires_at=now + timedelta(minutes=15),
        used_by=start.id,
    )


def cdr_body(start: Start | None, cdr_id: str, *, kwh: int, at: datetime, session_id: str = "S-1") -> Json:
    """A CDR of a partner: 0.40 for a kilowatt-hour, with VAT 21 %."""
    began = at - timedelta(hours=1)
    body: Json = {
        "country_code": "BE",
        "party_id": "CPO",
        "id": cdr_id,
        "start_date_time": format_datetime(began),
        "end_date_time": format_datetime(at),
        "session_id": session_id,
        "cdr_token": {"country_code": "NL", "party_id": "PLB", "uid": "U1", "type": "APP_USER", "contract_id": "C"},
        "auth_method": "COMMAND",
        "cdr_location": {"id": "LOC", "country": "BEL", "evse_uid": "E1", "connector_id": "1"},
        "currency": "EUR",
        "tariffs": [],
        "charging_periods": [
            {
                "start_date_time": format_datetime(began),
                "dimensions": [{"type": "ENERGY", "volume": kwh}, {"type": "TIME", "volume": 1}],
            }
        ],
        "total_cost": {"excl_vat": kwh * 0.4, "incl_vat": round(kwh * 0.484, 4)},
        "total_energy": kwh,
        "total_time": 1,
        "last_updated": format_datetime(at),
    }
    if start is not None and start.authorization_reference is not None:
        body["authorization_reference"] = start.authorization_reference
    return body


@asynccontextmanager
async def open_till(database_url: str) -> AsyncIterator[Till]:
    def more(reactions: Reactions) -> None:
        wire_bills(reactions, KeyRing.generate(), {EMSP})
        wire_ledger(reactions)

    async with open_shop(database_url, more=more) as shop, listening(shop):
        yield Till(shop)


async def reconcile(till: Till, *, days: float = 2) -> dict[str, list[str]]:
    """Let time pass, compare, and tell what is open: the subjects by their code."""
    await till.shop.control("settle")
    await till.shop.work()
    till.shop.clock.advance(days * 86_400)
    await Reconciler({EMSP}, till.shop.psp).run(till.shop.db)
    await till.shop.work()
    return await still_open(till)


async def still_open(till: Till) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in await till.shop.rows(FindingRow):
        if row.resolved_at is None:
            found.setdefault(row.code, []).append(row.subject)
    return found
