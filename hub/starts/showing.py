"""What chargers show to drivers: the price, what it costs so far, and the total in the end.

OCPP 2.x has CostUpdated for it, and the total goes with the answer to the end of the transaction. For 1.6 there is
"California Pricing Requirements" of the Open Charge Alliance: DataTransfer with SetUserPrice, RunningCost, FinalCost.
Only chargers that say they can are told (`CustomDisplayCostAndPrice`, or `TariffCostCtrlr.Enabled[Cost]`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from csms.capabilities import SettingsRead
from csms.link import Link
from csms.operations import ReadSettings, TellCost, TransferData
from csms.record import TransactionRecord
from csms.station import ChargingState
from hub.drivers.tables import PaymentMethod
from hub.sessions import service as sessions
from hub.sessions.costs import Costs, Terms
from hub.sessions.events import CostDue, SessionBegan, SessionEnded
from hub.sessions.running import RunningSessions
from hub.sessions.tables import by_transaction
from hub.starts.quote_tables import of_start
from hub.starts.running import terms_of
from hub.starts.tables import Start
from hub.stations.live import LiveStation, last_boot, live_stations, model_of
from hub.tariffs.describing import describe
from hub.tariffs.idle import FIELD, parse_idle_fee
from hub.tariffs.parsing import parse_tariff
from kit.errors import InvalidInput
from kit.money import round_to_minor
from kit.tx import Database

SETTING = "CustomDisplayCostAndPrice"
VENDOR = "org.openchargealliance.costmsg"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the driver of a session pays, by the price that was promised, or else by that of the charger."""

    record: TransactionRecord
    station: LiveStation | None
    terms: Terms
    costs: Costs | None
    is_free: bool
    language: str

    @property
    def total(self) -> Decimal | None:
        """With VAT, in the currency's main unit."""
        if self.is_free:
            return Decimal(0)
        if self.costs is None:
            return None
        return round_to_minor(self.costs.total_incl_vat, self.terms.currency).to_decimal()

    @property
    def is_16(self) -> bool:
        """Whether the charger speaks OCPP 1.6."""
        return self.station is not None and self.station.protocol == "ocpp1.6"


@dataclass(slots=True)
class CostTeller:
    """Tells chargers. Whether one can show costs is asked once after each of its starts."""

    db: Database
    link: Link
    running: RunningSessions
    call_timeout_s: float
    _can: dict[str, tuple[datetime | None, bool]] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def total(self, transaction_id: int) -> Decimal | None:
        """What a session costs its driver by now; None where nobody knows."""
        shown = await self._look(transaction_id)
        return shown.total if shown is not None else None

    async def tell_price(self, db: Database, event: SessionBegan) -> None:
        """What the driver pays, in words. 2.x has no message for it."""
        shown = await self._look(event.transaction_id)
        if shown is None or not shown.is_16 or not await self._shows(shown):
            return
        text = "" if shown.is_free else _price_text(shown.terms, shown.language)
        if text and shown.record.token is not None:
            told = TransferData(VENDOR, "SetUserPrice", {"idToken": shown.record.token, "priceText": text})
            await self.link.call(shown.record.station_id, told, self.call_timeout_s)

    async def tell_cost(self, db: Database, event: CostDue) -> None:
        """What a session has cost so far."""
        shown = await self._look(event.transaction_id)
        if shown is not None and shown.record.ended_at is None:
            await self._tell(shown, final=False)

    async def tell_total(self, db: Database, event: SessionEnded) -> None:
        """What a session cost. 2.x has it from the answer to its end."""
        shown = await self._look(event.transaction_id)
        if shown is not None and shown.is_16:
            await self._tell(shown, final=True)

    async def _tell(self, shown: _Shown, *, final: bool) -> None:
        total, record = shown.total, shown.record
        if total is None or not await self._shows(shown):
            return
        told = TellCost(
            record.transaction_id,
            total,
            at=record.metered_at or self.db.clock.now(),
            meter_wh=int(record.meter_wh or 0),
            charging=record.state in (None, ChargingState.CHARGING),
            final=final,
            text=f"{total} {shown.terms.currency}" if final else "",
        )
        await self.link.call(record.station_id, told, self.call_timeout_s)

    async def _shows(self, shown: _Shown) -> bool:
        """Whether the charger can show costs, by its own word."""
        station_id, booted = shown.record.station_id, shown.station
        if booted is None or not booted.connected:
            return False
        async with self.db.read() as tx:
            can, booted_at = await model_of(tx, station_id), await last_boot(tx, station_id)
        if can.settings_read is SettingsRead.NEVER:
            return False
        async with self._asking[station_id]:  # price and cost may be due at once: the second waits for the answer
            known = self._can.get(station_id)
            if known is None or known[0] != booted_at:
                known = await self._ask(station_id, booted_at)
        return known[1]

    async def _ask(self, station_id: str, booted_at: datetime | None) -> tuple[datetime | None, bool]:
        outcome = await self.link.call(station_id, ReadSettings((SETTING,)), self.call_timeout_s)
        if outcome.result is None:
            return booted_at, False  # it did not answer: it is asked again next time
        values: Sequence[dict[str, object]] = outcome.result.get("values") or ()
        self._can[station_id] = booted_at, any(str(each.get("value")).lower() == "true" for each in values)
        return self._can[station_id]

    async def _look(self, transaction_id: int) -> _Shown | None:
        async with self.db.read() as tx:
            session = await by_transaction(tx, transaction_id)
            facts = sessions.facts_of(session) if session is not None else None
            if session is None or facts is None or facts.doubt is not None:
                return None
            start = await tx.get(Start, session.start_id) if session.start_id else None
            quote = await of_start(tx, start.id) if start is not None else None
            terms = terms_of(quote, facts.reserved) or sessions.terms_of(facts)
            if terms is None:
                return None
            seen = await self.running.see(tx, transaction_id, terms)
            station = (await live_stations(tx, [seen.record.station_id])).get(seen.record.station_id)
        is_free = start is not None and start.payment == PaymentMethod.FREE
        language = (start.guest_language if start is not None else None) or "en"
        return _Shown(seen.record, station, terms, seen.costs, is_free, language)


def _price_text(terms: Terms, language: str) -> str:
    plain = {name: value for name, value in terms.tariff.items() if name != FIELD}
    try:
        return describe(parse_tariff(plain), language, parse_idle_fee(terms.tariff))
    except InvalidInput:
        return ""
