"""Temporary."""
from dataclasses import dataclass
from decimal import Decimal
from hub.tariffs.pricing import Period, price
from hub.sessions.documents import json_number
@dataclass(frozen=True)
class Costs:
    total_excl_vat: Decimal
    total: dict
    cdr_fields: dict
def price_periods(tariff, stretches, currency, time_zone):
    if not tariff:
        return None
    ps = [Period(s.start, {"ENERGY": s.energy_wh/1000, ("PARKING_TIME" if s.parked else "TIME"): s.hours}) for s in stretches]
    r = price(tariff, ps, currency=currency, time_zone=time_zone)
    e, i = sum(r.excl.values(), Decimal(0)), sum(r.incl.values(), Decimal(0))
    t = {"excl_vat": json_number(e), "incl_vat": json_number(i)}
    return Costs(e, t, {"total_cost": t})
