"""The costs of a session by the tariff that was frozen when it started. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hub.sessions.documents import Stretch, seconds
from hub.tariffs.cuts import cut
from hub.tariffs.pricing import Period, cost_fields, parse_tariff, price
from kit.errors import InvalidInput

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a session costs so far: the exact sum, an OCPI Price of it, and the cost fields of a CDR."""

    total_excl_vat: Decimal
    total: Json
    cdr_fields: Json


def price_periods(
    tariff: Json | None, stretches: Sequence[Stretch], currency: str, time_zone: str | None
) -> Costs | None:
    """Price a session; None without a tariff, or with one that cannot be priced here (a partner's).

    With a `time_zone`, that of our own charger, the stretches are cut where the price changes; without one they are
    the charging periods of a partner's CDR, each priced as it starts.
    """
    if tariff is None or not stretches:
        return None
    periods: Sequence[Period] = [_period(stretch) for stretch in stretches]
    try:
        parsed = parse_tariff(tariff)
        if time_zone is not None:
            periods = cut(parsed, periods, ended_at=stretches[-1].end, time_zone=time_zone)
        priced = price(parsed, periods, currency=currency, time_zone=time_zone)
    except InvalidInput:
        return None
    fields: Json = {**cost_fields(priced)}
    return Costs(priced.total.excl_vat, fields["total_cost"], fields)


def _period(stretch: Stretch) -> Period:
    lasted_s = seconds(stretch.start, stretch.end)
    if stretch.parked:
        return Period(stretch.start, stretch.energy_wh, parking_s=lasted_s)
    return Period(stretch.start, stretch.energy_wh, charging_s=lasted_s)
