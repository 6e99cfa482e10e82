"""What a document says of a session: the lines of its price, where and when, and what proves the energy."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import fromstring

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.billing.bills import _exact
from hub.billing.evidence import DIFFERS, FILE, evidence_of, signed_in
from hub.billing.session_document import MOST_LINES, WORDS, Billed, draft, items_of, words_of
from hub.tariffs.pricing import Dimension, Limit, Period, parse_tariff, price
from payments.documents.model import Document, DocumentKind, Payment
from payments.documents.profile import SellerProfile
from payments.documents.speech import Speech
from tests.csms.test_signed import PUBLIC, ocmf, payload
from tests.journeys.network import TARIFF
from tests.journeys.peers import cdr_of

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PROFILE = SellerProfile("Canal Charging", country="NL", vat_id="NL1", vat_ids={"DE": "DE2"})
SPEECH = Speech("en", "EUR", "UTC")
Json = dict[str, Any]


def lines_of(tariff: Json, *periods: Period) -> tuple[list[Json], int, int]:
    """The lines of a bill as they are stored, its net and its VAT."""
    priced = price(parse_tariff({"id": "T", **tariff}), periods, currency="EUR", time_zone="UTC")
    net = round(priced.total.excl_vat * 100)
    stored = orjson.loads(orjson.dumps([_exact(line) for line in priced.lines]))
    return stored, net, priced.payable().amount_minor - net


def billed(lines: Sequence[Json], net: int, vat: int, **changes: Any) -> Billed:
    found = Billed(
        lines=lines,
        currency="EUR",
        net_minor=net,
        vat_minor=vat,
        country="NL",
        time_zone="Europe/Amsterdam",
        started_at=AT,
        ended_at=datetime(2026, 6, 1, 13, 2, 3, tzinfo=UTC),
        cdr=cdr_of("BE*CPO", "C1", "NL*PLB"),
        tariff={"id": "T", **TARIFF},
        language="en",
        payment=Payment("card", "visa", "4242", 1000, net + vat, 1000 - net - vat),
        buyer=None,
    )
    return replace(found, **changes)


def made(wanted: Billed) -> Document:
    return draft(wanted, PROFILE, issued_at=AT)


def details(document: Document) -> dict[str, str]:
    return {each.code: each.value for each in document.details}


def test_lines_are_those_of_the_price_and_add_up_to_the_bill() -> None:
    lines, net, vat = lines_of(TARIFF, Period(AT, Decimal(10_123), charging_s=Decimal(3600)))
    document = made(billed(lines, net, vat))
    assert [(line.code, line.net) for line in document.lines[:2]] == [
        (line["dimension"], Decimal(line["excl_vat"])) for line in lines
    ]
    assert (document.net_minor, document.vat_minor) == (net, vat)
    assert (document.kind, document.simplified) == (DocumentKind.RECEIPT, True)
    assert document.seller.vat_id == "NL1"
    assert made(replace(billed(lines, net, vat), country="DE")).seller.vat_id == "DE2", "by the place of charging"


def test_where_and_when_stand_on_it() -> None:
    lines, net, vat = lines_of(TARIFF, Period(AT, Decimal(1000), charging_s=Decimal(60)))
    found = details(made(billed(lines, net, vat, language="de")))
    assert found["location"] == "Canal Street 1, Utrecht, NLD"
    assert found["evse"] == "BE*CPO*E1"
    assert found["connector"] == "1 (IEC_62196_T2)"
    assert found["duration"] == "1:02:03"
    assert found["energy"] == "1,5 kWh"
    assert found["operator"] == "BE*CPO"
    assert "0,484" in found["tariff"], "the price with VAT, in the driver's language"


@pytest.mark.parametrize(("came", "lasted"), [("2026-06-01T12:30:00Z", "0:32:03"), (None, "0:00:00")])
def test_a_reservation_before_a_session_is_a_line_and_no_part_of_its_duration(came: str | None, lasted: str) -> None:
    """The CDR begins with it; of one that nobody came for it is all."""
    waiting = [{"type": "TIME", "price": 5, "vat": 20, "step_size": 1}]
    element = {"price_components": waiting, "restrictions": {"reservation": "RESERVATION"}}
    tariff = {**TARIFF, "elements": [element, *TARIFF["elements"]]}
    lines, net, vat = lines_of(tariff, Period(AT, reserved_s=Decimal(1800)), Period(AT, Decimal(1000)))
    periods = [{"start_date_time": "2026-06-01T12:00:00Z", "dimensions": [{"type": "RESERVATION_TIME", "volume": 0.5}]}]
    if came is not None:
        periods.append({"start_date_time": came, "dimensions": [{"type": "TIME", "volume": 0.5342}]})
    cdr = {**cdr_of("BE*CPO", "C1", "NL*PLB"), "charging_periods": periods}
    document = made(billed(lines, net, vat, cdr=cdr, tariff={"id": "T", **tariff}))
    assert details(document)["duration"] == lasted
    assert document.supplied_from == AT
    assert ("RESERVATION_TIME", Decimal("0.5")) in {(line.code, line.quantity) for line in document.lines}


def test_what_nobody_pays_for_is_a_record_of_quantities() -> None:
    lines, net, vat = lines_of(TARIFF, Period(AT, Decimal(10_123), charging_s=Decimal(3600)))
    document = made(billed(lines, net, vat, payment=Payment("free")))
    assert (document.kind, document.gross_minor) == (DocumentKind.RECORD, 0)
    assert {line.code: line.quantity for line in document.lines}["ENERGY"] == Decimal("10.123")
    assert all(line.net == 0 for line in document.lines)


def test_whoever_pays_later_gets_an_invoice_and_nothing_is_a_receipt_of_zero() -> None:
    lines, net, vat = lines_of(TARIFF, Period(AT, Decimal(1000), charging_s=Decimal(60)))
    assert made(billed(lines, net, vat, payment=Payment("invoice"))).kind is DocumentKind.INVOICE
    nothing = made(billed([], 0, 0))
    assert (nothing.kind, nothing.gross_minor, nothing.lines) == (DocumentKind.RECEIPT, 0, ())


def test_a_receipt_above_the_limit_is_no_simplified_invoice() -> None:
    lines, net, vat = lines_of(TARIFF, Period(AT, Decimal(500_000), charging_s=Decimal(3600)))
    assert not made(billed(lines, net, vat)).simplified
    assert made(billed(lines, net, vat, country="AT")).simplified, "Austria allows 400"


@given(st.integers(MOST_LINES + 1, 3 * MOST_LINES))
def test_very_many_lines_are_told_together(count: int) -> None:
    lines, _, _ = lines_of(TARIFF, Period(AT, Decimal(1001), charging_s=Decimal(60)))
    items = items_of(lines[-1:] * count, words_of("en"))
    assert len(items) == 1
    assert items[0].net == Decimal(lines[-1]["excl_vat"]) * count


@pytest.mark.parametrize("language", sorted(WORDS))
def test_every_language_has_words_for_every_line(language: str) -> None:
    assert set(WORDS[language]) == set(WORDS["en"])
    assert {each.value for each in (*Dimension, *Limit)} <= set(WORDS[language])


def signed(*texts: str, kwh: float = 0.5, key: str | None = PUBLIC) -> Json:
    values = [{"nature": "End", "plain_data": "", "signed_data": text} for text in texts]
    data = {"encoding_method": "OCMF", "public_key": key, "signed_values": values}
    return cdr_of("BE*CPO", "C1", "NL*PLB", total_energy=kwh, signed_data=data)


@pytest.mark.parametrize(
    ("cdr", "verdict"),
    [
        (cdr_of("BE*CPO", "C1", "NL*PLB"), "none"),
        (signed(ocmf()), "genuine"),
        (signed(ocmf().replace('"RV": 1.5', '"RV": 1.6'), kwh=0.6), "forged"),
        (signed(ocmf(), key=None), "no_key"),
        (signed("a vendor's own"), "unsupported"),
        (signed("OCMF|nonsense"), "unreadable"),
        (signed(ocmf(), kwh=0.7), DIFFERS),
        (signed(ocmf(payload(end="1.509")), kwh=0.5), "genuine"),
    ],
)
def test_the_evidence_says_what_is_known_of_the_signature(cdr: Json, verdict: str) -> None:
    found, _ = evidence_of(cdr, words_of("en"), SPEECH)
    assert found.verdict == verdict
    assert words_of("en")[verdict] in found.text


def test_the_file_of_the_evidence_has_the_values_to_the_letter() -> None:
    text = ocmf()
    found, file = evidence_of(signed(text), words_of("en"), SPEECH)
    assert file is not None
    assert (found.attachment, file.name) == (FILE, FILE)
    [value] = fromstring(file.content).findall("value")
    assert value.attrib == {"context": "Transaction.End"}
    assert (value.findtext("signedData"), value.findtext("publicKey")) == (text, PUBLIC)
    assert {each.code: each.value for each in found.details}["signed_energy"] == "0.5 kWh"


def test_no_more_signed_values_are_taken_than_there_is_room_for() -> None:
    assert len(signed_in(signed(*["x" * 10] * 500))) == 100
    assert len(signed_in(signed(*["x" * 400_000] * 3))) == 1
