"""Rates in the format of the European Central Bank (`eurofxref-daily.xml`): what one euro costs, by day. Pure."""

from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from kit.errors import InvalidInput
from kit.money import CURRENCIES
from payments.ledger.conversion import Rate

_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"


class UnreadableRates(InvalidInput):
    """Not a document of this format."""

    code, title = "unreadable_exchange_rates", "These are no rates of exchange in the format of the ECB"


def parse(document: bytes, *, source: str = "ECB") -> list[Rate]:
    """The rates of a document; currencies that the house does not count in are left out. Raises `UnreadableRates`."""
    if b"<!" in document:  # a document type could define entities without end; comments are not in this format
        raise UnreadableRates
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - without a document type there are no entities
        found = [
            Rate("EUR", cube.attrib["currency"], Decimal(cube.attrib["rate"]), day, source)
            for outer in root.iter(_CUBE)
            if "time" in outer.attrib
            for day in [date.fromisoformat(outer.attrib["time"])]
            for cube in outer.iter(_CUBE)
            if cube.attrib.get("currency") in CURRENCIES
        ]
    except (ElementTree.ParseError, KeyError, ValueError, InvalidOperation, InvalidInput):
        raise UnreadableRates from None
    if not found:
        raise UnreadableRates
    return found
