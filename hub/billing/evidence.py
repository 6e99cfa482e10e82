"""What proves the energy of a session: the signed meter values of its CDR, verified, and as a file to verify. Pure.

The file is that of the transparency software (S.A.F.E. e.V.): values with their public key, to the letter.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from csms.signed import Checked, Nature, SignedValue, Verdict, check
from payments.documents.model import Attachment, Detail, Evidence
from payments.documents.speech import Speech
from payments.documents.xmltext import xml_text

Json = Mapping[str, Any]
Words = Mapping[str, str]

FILE = "signed-meter-values.xml"
MOST_VALUES, MOST_CHARACTERS = 100, 500_000
SAME_WITHIN_WH = Decimal(10)
"""Meters sign to the hundredth of a kilowatt-hour: as much may lie between what is signed and what is billed."""
DIFFERS, NONE = "differs", "none"

_CONTEXTS = {Nature.START: "Transaction.Begin", Nature.END: "Transaction.End"}
_WORST_FIRST = (Verdict.FORGED, Verdict.UNREADABLE, Verdict.UNSUPPORTED, Verdict.NO_KEY, Verdict.GENUINE)


def evidence_of(cdr: Json, words: Words, speech: Speech) -> tuple[Evidence, Attachment | None]:
    """What a CDR (OCPI 2.2.1, mod_cdrs) has of evidence, and the file of it."""
    values = signed_in(cdr)
    if not values:
        return Evidence(NONE, words[NONE]), None
    checked = [check(value) for value in values]
    verdict: str = next(each for each in _WORST_FIRST if any(one.verdict is each for one in checked))
    begin, end = _registers(checked)
    billed_wh = Decimal(str(cdr["total_energy"])) * 1000
    if verdict in (Verdict.GENUINE, Verdict.NO_KEY) and begin is not None and end is not None:
        verdict = DIFFERS if abs(end - begin - billed_wh) > SAME_WITHIN_WH else verdict
    facts: list[tuple[str, str]] = [("format", values[0].encoding)]
    if begin is not None and end is not None:
        facts = [
            ("signed_energy", f"{speech.number((end - begin).scaleb(-3), most=4)} kWh"),
            ("begin", f"{speech.number(begin.scaleb(-3), most=4)} kWh"),
            ("end", f"{speech.number(end.scaleb(-3), most=4)} kWh"),
            *facts,
        ]
    if values[0].public_key:
        facts.append(("public_key", values[0].public_key))
    details = tuple(Detail(code, words[code], value) for code, value in facts if value)
    return Evidence(verdict, f"{words[verdict]} {words['how']}", details, FILE), _file(values)


def signed_in(cdr: Json) -> list[SignedValue]:
    """The signed values of a CDR, in their order; no more than a document has room for."""
    data = cdr.get("signed_data") or {}
    encoding, key = str(data.get("encoding_method", "")), data.get("public_key")
    natures = {nature.value.casefold(): nature for nature in Nature}
    found, room = [], MOST_CHARACTERS
    for each in (data.get("signed_values") or [])[:MOST_VALUES]:
        text = str(each["signed_data"])
        room -= len(text)
        if room >= 0:
            nature = natures.get(str(each.get("nature")).casefold(), Nature.INTERMEDIATE)
            found.append(SignedValue(at=None, nature=nature, text=text, encoding=encoding, public_key=key))
    return found


def _registers(checked: Sequence[Checked]) -> tuple[Decimal | None, Decimal | None]:
    """The lowest and the highest register that can be read."""
    begins = [each.begin_wh for each in checked if each.begin_wh is not None]
    ends = [each.end_wh for each in checked if each.end_wh is not None]
    return (min(begins), max(ends)) if begins and ends else (None, None)


def _file(values: Sequence[SignedValue]) -> Attachment:
    root = Element("values")
    for value in values:
        attributes = {"context": _CONTEXTS[value.nature]} if value.nature in _CONTEXTS else {}
        entry = SubElement(root, "value", attributes)
        SubElement(entry, "signedData", format=xml_text(value.encoding) or "unknown", encoding="plain").text = xml_text(
            value.text
        )
        if value.public_key:
            SubElement(entry, "publicKey", encoding="plain").text = xml_text(value.public_key)
    indent(root)
    text = tostring(root, encoding="unicode")
    return Attachment(FILE, "application/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
