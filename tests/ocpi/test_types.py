"""The basic types: exact where it matters, tolerant where it does not hurt."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocpi.datetimes import format_datetime, normal_datetime, parse_datetime
from ocpi.types import (
    Boolean,
    CiString3,
    Integer,
    Number,
    OcpiDateTime,
    OcpiModel,
    Price,
    String10,
    Url,
    same_id,
    to_bytes,
    to_json,
)
from ocpi.v221.locations import Connector, Status
from ocpi.v221.versions import VersionDetails, VersionNumber
from ocpi.validation import findings


class Sample(OcpiModel):
    ci: CiString3 | None = None
    text: String10 | None = None
    url: Url | None = None
    number: Number | None = None
    integer: Integer | None = None
    boolean: Boolean | None = None
    moment: OcpiDateTime | None = None
    status: Status | None = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015-06-29T20:39:09Z", datetime(2015, 6, 29, 20, 39, 9, tzinfo=UTC)),
        ("2015-06-29T20:39:09", datetime(2015, 6, 29, 20, 39, 9, tzinfo=UTC)),
        ("2016-12-29T17:45:09.2Z", datetime(2016, 12, 29, 17, 45, 9, 200_000, tzinfo=UTC)),
        ("2016-12-29T17:45:09.2", datetime(2016, 12, 29, 17, 45, 9, 200_000, tzinfo=UTC)),
        ("2018-01-01T01:08:01.123Z", datetime(2018, 1, 1, 1, 8, 1, 123_000, tzinfo=UTC)),
        ("2018-01-01T01:08:01.123", datetime(2018, 1, 1, 1, 8, 1, 123_000, tzinfo=UTC)),
        ("2018-01-01T01:08:01.123987Z", datetime(2018, 1, 1, 1, 8, 1, 123_000, tzinfo=UTC)),
        ("2018-01-01T01:08:01+00:00", datetime(2018, 1, 1, 1, 8, 1, tzinfo=UTC)),
        ("1970-1-1T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_time_of_the_specification_is_read(text: str, expected: datetime) -> None:
    assert parse_datetime(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2018-01-01",
        "2018-01-01 01:08:01Z",
        "2018-01-01T01:08Z",
        "2018-01-01T01:08:01+02:00",
        "2018-01-01T01:08:01-00:30",
        "2018-02-30T01:08:01Z",
        "2018-01-01T24:00:00Z",
        "2018-01-01T01:08:01.Z",
        "2018-01-01T01:08:01Z\n",
        "٢٠١٨-01-01T01:08:01Z",
    ],
)
def test_any_other_date_time_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="not an OCPI DateTime") as caught:
        parse_datetime(text)
    assert not text or text not in str(caught.value)


ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(st.datetimes(timezones=ZONES))
def test_a_written_date_time_is_read_as_the_same_instant(moment: datetime) -> None:
    assume(1 < moment.year < 9999)
    moment = normal_datetime(moment)
    text = format_datetime(moment)
    assert parse_datetime(text) == moment
    assert len(text) <= 25
    assert text.endswith("Z")


def test_a_naive_datetime_of_ours_is_refused() -> None:
    with pytest.raises(ValidationError):
        Sample(moment=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("number", ["0.1", "1.9730", "15.342", "-3", "372", "0", "1000000", "0.0006", "123456789.1234"])
def test_a_number_is_a_decimal_inside_and_a_json_number_outside(number: str) -> None:
    price = Price.model_validate(json.loads(f'{{"excl_vat": {number}}}'))
    assert price.excl_vat == Decimal(number)
    written = json.loads(to_bytes(price), parse_float=Decimal)["excl_vat"]
    assert Decimal(written) == Decimal(number)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_four_decimals_survive_any_trip(number: Decimal) -> None:
    read = Price.model_validate_json(to_bytes(Price(excl_vat=number)))
    assert read.excl_vat == number


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ci", "abcd"),
        ("ci", "a\n"),
        ("ci", "é"),
        ("ci", 12),
        ("text", "tab\tbed"),
        ("text", "01234567890"),
        ("url", "https://a b"),
        ("url", "https://a\r\nX: y"),
        ("number", "1.5"),
        ("number", True),
        ("number", float("inf")),
        ("number", 1e300),
        ("integer", 1.5),
        ("integer", "3"),
        ("integer", False),
        ("integer", 1e20),
        ("integer", -(2**64)),
        ("boolean", "true"),
        ("boolean", 1),
        ("moment", 1700000000),
        ("moment", "yesterday"),
        ("status", 3),
        ("status", ""),
        ("status", "A\nB"),
    ],
)
def test_a_wrong_value_is_refused_at_its_pointer_without_repeating_it(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({field: value})
    (finding,) = findings(caught.value)
    assert finding.startswith(f"/{field}: ")
    assert str(value) not in finding or len(str(value)) < 4


def test_a_whole_number_with_a_fraction_of_zero_is_an_int() -> None:
    assert Sample.model_validate({"integer": 300.0}).integer == 300


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 1e25, -1e30])
def test_a_number_of_any_size_that_is_read_can_be_written(number: float) -> None:
    written = orjson.loads(orjson.dumps(to_json(Sample.model_validate({"number": number}))))
    assert float(written["number"]) == float(number)


def test_na_stands_for_what_cannot_be_known() -> None:
    assert Sample.model_validate({"ci": "#NA", "text": "#NA"}).ci == "#NA"


def test_an_unknown_enum_value_survives_and_says_so() -> None:
    sample = Sample.model_validate({"status": "NAPPING"})
    assert sample.status == "NAPPING"
    assert sample.status is not None
    assert not sample.status.known
    assert Status.AVAILABLE.known
    assert to_json(sample) == {"status": "NAPPING"}
    assert VersionNumber("2.2.1") is VersionNumber.V2_2_1
    assert {VersionNumber.V2_2_1: 1}["2.2.1"] == 1  # type: ignore[index]


def test_unknown_fields_survive_and_nulls_do_not() -> None:
    raw = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "CABLE",
        "power_type": "DC",
        "max_voltage": 900,
        "max_amperage": 500,
        "max_electric_power": None,
        "last_updated": "2026-01-01T00:00:00Z",
        "vendor_extension": {"deep": [1, None, {"x": "y"}]},
    }
    written = json.loads(to_bytes(Connector.model_validate(raw)))
    expected = {name: value for name, value in raw.items() if value is not None}
    assert written == expected


def test_objects_are_immutable() -> None:
    price = Price(excl_vat=Decimal(1))
    with pytest.raises(ValidationError):
        price.excl_vat = Decimal(2)  # type: ignore[misc]


def test_ids_are_the_same_whatever_their_case() -> None:
    assert same_id("NL-abc", "nl-ABC")
    assert not same_id("a", "b")


def test_a_list_of_at_least_one_has_one() -> None:
    with pytest.raises(ValidationError):
        VersionDetails.model_validate({"version": "2.2.1", "endpoints": []})
