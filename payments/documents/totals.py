"""The sums of a document: what was billed, spread over rates of VAT and lines so that all adds up. Pure.

The total is given: it was rounded once, when it was billed. The net of each rate is its share of the net, the VAT of
each rate its share of the VAT, both within one minor unit of what the lines come to exactly. Each line is rounded by
itself, half up; what a rate then lacks, or has too much, becomes a line of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_FLOOR, Context, Decimal, localcontext

from kit.money import exponent, round_to_minor
from payments.documents.model import ROUNDING, Line, VatTotal

_EXACT = Context(prec=80)
_PLACES = Decimal(1).scaleb(-15)


@dataclass(frozen=True, slots=True)
class Item:
    """What was priced: exact amounts, with VAT in `gross`. One that is `on_all` changes the price of everything."""

    code: str
    text: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_percent: Decimal | None
    net: Decimal
    gross: Decimal
    on_all: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """Lines that add up to their rate, and rates that add up to what was billed."""

    lines: tuple[Line, ...]
    vat: tuple[VatTotal, ...]


def reckon(
    items: Sequence[Item],
    *,
    currency: str,
    net_minor: int,
    vat_minor: int,
    rounding: str,
    usual_vat: Decimal | None = None,
) -> Sums:
    """The sums of what was billed. `usual_vat` is the rate of a price that has no line with one; `rounding` a text.

    Where VAT was billed and nobody has said at which rate, the rate is what it comes to, to the hundredth. Raises
    `ValueError` for VAT of nothing.
    """
    with localcontext(_EXACT):
        shared = _shared_out(items, usual_vat)
        if vat_minor and not any(item.vat_percent for item in shared):
            percent = usual_vat or _percent(net_minor, vat_minor)
            shared = [replace(item, vat_percent=percent) for item in shared]
            usual_vat = percent
        rates = list(dict.fromkeys(item.vat_percent for item in shared))
        if not rates:
            rates = [usual_vat] if net_minor or vat_minor else []
        scale = exponent(currency)
        nets = [_sum(shared, rate, scale, vat=False) for rate in rates]
        vats = [_sum(shared, rate, scale, vat=True) for rate in rates]
        taxed = [index for index, rate in enumerate(rates) if rate]
        net_of, vat_of = spread(net_minor, nets), [0] * len(rates)
        for index, amount in zip(taxed, spread(vat_minor, [vats[index] for index in taxed]), strict=True):
            vat_of[index] = amount
        lines = [_line(item, currency) for item in shared]
        for rate, net in zip(rates, net_of, strict=True):
            lacking = net - sum(line.net_minor for line in lines if line.vat_percent == rate)
            if lacking:
                lines.append(_rounding(rounding, lacking, rate, scale))
    totals = zip(rates, net_of, vat_of, strict=True)
    return Sums(tuple(lines), tuple(VatTotal(*each) for each in totals))


def spread(total: int, shares: Sequence[Decimal]) -> list[int]:
    """Whole numbers that add up to `total`, as near to the shares as can be: the largest remainders are rounded up."""
    if not shares:
        if total:
            raise ValueError("nothing to spread an amount over")
        return []
    with localcontext(_EXACT):
        found = [int(share.to_integral_value(ROUND_FLOOR)) for share in shares]
        order = sorted(range(len(shares)), key=lambda index: (shares[index] - found[index], index), reverse=True)
    missing = total - sum(found)
    step = 1 if missing > 0 else -1
    for turn in range(abs(missing)):
        at = turn % len(order)
        found[order[at] if step > 0 else order[-1 - at]] += step
    return found


def credit(cells: Sequence[VatTotal], credited: Sequence[VatTotal], amount_minor: int) -> tuple[VatTotal, ...]:
    """Net and VAT of each rate when so much of what remains of a document is given back.

    `cells` are the document's, `credited` those of the credit notes before. Whatever the steps, in the end all of it is
    given back exactly. Raises `ValueError` for more than remains.
    """
    left: list[int] = []
    for cell in cells:
        before = [each for each in credited if each.percent == cell.percent]
        left.append(cell.net_minor - sum(each.net_minor for each in before))
        left.append(cell.vat_minor - sum(each.vat_minor for each in before))
    remains = sum(left)
    if not 0 < amount_minor <= remains:
        raise ValueError("more is credited than remains")
    with localcontext(_EXACT):
        parts = spread(amount_minor, [Decimal(amount_minor * part) / remains for part in left])
    pairs = zip(cells, parts[::2], parts[1::2], strict=True)
    return tuple(VatTotal(cell.percent, net, vat) for cell, net, vat in pairs if net or vat)


def _percent(net_minor: int, vat_minor: int) -> Decimal:
    if not net_minor:
        raise ValueError("VAT of nothing")
    return (Decimal(vat_minor * 100) / net_minor).quantize(Decimal("0.01"))


def _shared_out(items: Sequence[Item], usual_vat: Decimal | None) -> list[Item]:
    """Items with what changes the whole price shared out among the rates, in proportion to what each comes to."""
    plain = [item for item in items if not item.on_all]
    rates = list(dict.fromkeys(item.vat_percent for item in plain if item.net or item.gross))
    for item in (item for item in items if item.on_all):
        if len(rates) < 2:
            plain.append(_at(item, rates[0] if rates else usual_vat, item.net, item.gross))
            continue
        nets = [sum((each.net for each in plain if each.vat_percent == rate), Decimal(0)) for rate in rates]
        vats = [
            sum((each.gross - each.net for each in plain if each.vat_percent == rate), Decimal(0)) for rate in rates
        ]
        parts = zip(rates, _parts(item.net, nets), _parts(item.gross - item.net, vats), strict=True)
        plain += [_at(item, rate, net, net + vat) for rate, net, vat in parts]
    return plain


def _at(item: Item, rate: Decimal | None, net: Decimal, gross: Decimal) -> Item:
    return Item(item.code, item.text, item.quantity, item.unit, net, rate, net, gross)


def _parts(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """An amount in proportion to weights, exact together."""
    whole = sum(weights)
    if not whole:
        return [amount, *(Decimal(0) for _ in weights[1:])]
    parts = [(amount * weight / whole).quantize(_PLACES, ROUND_DOWN) for weight in weights]
    largest = max(range(len(weights)), key=lambda index: abs(weights[index]))
    parts[largest] += amount - sum(parts)
    return parts


def _sum(items: Sequence[Item], rate: Decimal | None, scale: int, *, vat: bool) -> Decimal:
    found = (item.gross - item.net if vat else item.net for item in items if item.vat_percent == rate)
    return sum(found, Decimal(0)).scaleb(scale)


def _line(item: Item, currency: str) -> Line:
    minor = round_to_minor(item.net, currency).amount_minor
    text, quantity, unit, price = item.text, item.quantity, item.unit, item.unit_price
    return Line(item.code, text, quantity, unit, price, item.vat_percent, item.net, minor)


def _rounding(text: str, minor: int, rate: Decimal | None, scale: int) -> Line:
    amount = Decimal(minor).scaleb(-scale)
    return Line(ROUNDING, text, Decimal(1), "", amount, rate, amount, minor)
