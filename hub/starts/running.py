"""How far a start has come, as its driver sees it: energy, power and what it costs by the quoted price.

The cost is that of the quoted tariff, whatever the operator's is by now: the same that the driver will be billed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hub.drivers.tables import PaymentMethod
from hub.sessions.costs import Costs, Terms, price_periods
from hub.sessions.documents import Course, Reserved
from hub.sessions.partner_course import course_of_partner
from hub.sessions.running import RunningSessions
from hub.sessions.service import facts_of
from hub.starts.lifecycle import StartState
from hub.starts.owing import debt_of
from hub.starts.quote_tables import QuoteRow, of_start
from hub.starts.service import session_of
from hub.starts.tables import Start
from kit.money import Money, round_to_minor
from kit.tx import Tx
from payments.tables import Debt, Hold
from payments.wallet_tables import Earmark


@dataclass(frozen=True, slots=True)
class SoFar:
    """A start, its promise, and where its session is. `power_w` is the last that was read."""

    start: Start
    quote: QuoteRow | None
    course: Course | None = None
    power_w: Decimal | None = None
    costs: Costs | None = None
    hold: Hold | None = None
    earmark: Earmark | None = None
    """What is put aside in a wallet."""
    debt: Debt | None = None
    """What it did not cover, and is still to pay."""

    @property
    def to_pay(self) -> Money | None:
        """What it costs by now for the payer, VAT included."""
        if self.quote is None or self.costs is None:
            return None
        quote = self.quote.quote()
        return quote.to_pay(round_to_minor(self.costs.total_incl_vat, quote.currency))

    @property
    def paid_to_wait(self) -> Decimal:
        """What of that the reservation before the session costs, in major units."""
        if self.quote is None or self.costs is None:
            return Decimal(0)
        quote, cost = self.quote.quote(), self.costs.cdr_fields.get("total_reservation_cost", {"incl_vat": 0})
        return quote.to_pay(round_to_minor(Decimal(str(cost["incl_vat"])), quote.currency)).to_decimal()

    @property
    def started_at(self) -> datetime | None:
        """When energy could flow."""
        return self.course.started_at if self.course else None

    @property
    def ended_at(self) -> datetime | None:
        """When the session ended."""
        return self.course.ended_at if self.course else None


async def so_far(tx: Tx, start: Start, running: RunningSessions) -> SoFar:
    """Where a start is now."""
    quote = await of_start(tx, start.id)
    hold = await tx.get(Hold, start.hold_id) if start.hold_id else None
    earmark = await tx.get(Earmark, start.id) if start.payment == PaymentMethod.WALLET else None
    session = await session_of(tx, start)
    if session is None:
        return SoFar(start, quote, hold=hold, earmark=earmark)
    debt = await debt_of(tx, start.id) if start.state == StartState.ENDED else None
    facts = facts_of(session)
    terms = terms_of(quote, facts.reserved if facts is not None else None)
    if session.transaction_id is None:
        course = course_of_partner(session, now=tx.now)
        costs = price_periods(terms.tariff, course.stretches, terms.currency, terms.time_zone) if terms else None
        return SoFar(start, quote, course, None, costs, hold, earmark, debt)
    seen = await running.see(tx, session.transaction_id, terms)
    power_w = seen.record.power_w if seen.course.ended_at is None else None
    return SoFar(start, quote, seen.course, power_w, seen.costs, hold, earmark, debt)


def terms_of(row: QuoteRow | None, reserved: Reserved | None) -> Terms | None:
    """What was promised, for a session with this reservation before it; None where nothing was."""
    if row is None:
        return None
    quote = row.quote()
    return Terms(quote.tariff, quote.currency, quote.time_zone or "UTC", reserved)
