"""The envelope, written by joining and read with tolerance."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.envelope import envelope, list_envelope, parse_envelope, parse_json, unwrapped
from ocpi.errors import InvalidJson
from ocpi.types import JsonValue

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)


def test_data_is_joined_as_it_is() -> None:
    assert envelope(b'{"a":1.50}', status_code=1000, now=NOW) == (
        b'{"data":{"a":1.50},"status_code":1000,"timestamp":"2026-11-24T12:00:00.250Z"}'
    )


def test_no_data_is_no_field() -> None:
    assert json.loads(envelope(None, status_code=2001, now=NOW, message='say "hi"\n')) == {
        "status_code": 2001,
        "status_message": 'say "hi" ',
        "timestamp": "2026-11-24T12:00:00.250Z",
    }


def test_a_long_message_is_cut() -> None:
    assert len(json.loads(envelope(None, status_code=2001, now=NOW, message="x" * 5000))["status_message"]) == 500


@given(st.lists(st.binary(min_size=1, max_size=5).map(lambda octets: json.dumps(octets.hex()).encode())))
def test_a_list_is_its_items(items: list[bytes]) -> None:
    read = parse_envelope(list_envelope(items, now=NOW))
    assert read is not None
    assert read.data == [json.loads(item) for item in items]
    assert read.timestamp == NOW
    joined = [memoryview(b",".join(items))] if items else []
    assert list_envelope(joined, now=NOW) == list_envelope(items, now=NOW)


@pytest.mark.parametrize(
    ("raw", "code", "data"),
    [
        (b'{"status_code":1000}', 1000, None),
        (b'{"status_code":"1000","data":null,"timestamp":"soon"}', 1000, None),
        (b'{"status_code":1000,"data":"ACCEPTED","status_message":5}', 1000, "ACCEPTED"),
    ],
)
def test_an_answer_is_read_with_tolerance(raw: bytes, code: int, data: object) -> None:
    reply = parse_envelope(raw)
    assert reply is not None
    assert (reply.status_code, reply.data, reply.timestamp, reply.status_message) == (code, data, None, None)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"status_code":true}', b'{"status_code":1.5}'])
def test_what_is_no_envelope_is_none(raw: bytes) -> None:
    assert parse_envelope(raw) is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"NaN", b'{"a":Infinity}', b"'x'", b"\xff", b"[" * 5000 + b"]" * 5000, b"[" * 300 + b"]" * 300]
)
def test_bad_or_bottomless_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        parse_json(raw)


def test_many_brackets_side_by_side_are_fine() -> None:
    assert parse_json(b"[" + b",".join([b"[]"] * 10_000) + b"]") == [[]] * 10_000


def test_a_wrapped_request_body_is_unwrapped() -> None:
    bare: JsonValue = {"result": "ACCEPTED"}
    assert unwrapped(bare) == bare
    assert unwrapped({"data": bare, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}) == bare
    assert unwrapped({"data": [1], "status_code": 1000}) == {"data": [1], "status_code": 1000}
    assert unwrapped([1]) == [1]
