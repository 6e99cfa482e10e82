"""Temporary."""
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
@dataclass(frozen=True)
class Period:
    start: datetime
    dimensions: dict
@dataclass(frozen=True)
class Priced:
    excl: dict
    incl: dict
def parse_tariff(doc):
    return doc
def price(tariff, periods, *, currency, time_zone):
    excl = {}; incl = {}
    flat = False
    for p in periods:
        for d, vol in p.dimensions.items():
            for e in tariff["elements"]:
                c = next((c for c in e["price_components"] if c["type"] == d), None)
                if c:
                    a = Decimal(str(c["price"])) * vol
                    excl[d] = excl.get(d, Decimal(0)) + a
                    incl[d] = incl.get(d, Decimal(0)) + a * (1 + Decimal(str(c.get("vat", 0))) / 100)
                    break
    for e in tariff["elements"]:
        for c in e["price_components"]:
            if c["type"] == "FLAT" and not flat:
                flat = True
                a = Decimal(str(c["price"]))
                excl["FLAT"] = a; incl["FLAT"] = a * (1 + Decimal(str(c.get("vat", 0))) / 100)
    return Priced(excl, incl)
