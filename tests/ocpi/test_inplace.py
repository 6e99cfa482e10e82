"""JSON that is changed in place: one value is another, and every other byte is as it was."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.errors import InvalidJson, InvalidParameters
from ocpi.inplace import JsonMembers, bare

RAW = (
    b' {"x_own" : [1.50, 1e2, 100000000000000000000.10, "\\u00e9"],\n"response_url":"https:\\/\\/a.example\\/r?x=1" ,'
    b'\t"nested": {"response_url": "stays"}, "last": null } '
)


def test_one_value_changes_and_nothing_else() -> None:
    changed = JsonMembers(RAW).with_texts({"response_url": 'https://hub.example/"t'})
    assert changed == RAW.replace(b'"https:\\/\\/a.example\\/r?x=1"', b'"https://hub.example/\\"t"')


def test_several_values_change_at_once() -> None:
    raw = b'{"b":"1","n":1.10,"a":"2"}'
    assert JsonMembers(raw).with_texts({"a": "two", "b": "é"}) == '{"b":"é","n":1.10,"a":"two"}'.encode()


def test_values_are_read_as_json_reads_them() -> None:
    members = JsonMembers(RAW)
    assert members.text("response_url") == "https://a.example/r?x=1"
    assert members.value("nested") == {"response_url": "stays"}
    assert members.raw("x_own") == b'[1.50, 1e2, 100000000000000000000.10, "\\u00e9"]'
    assert members.raw("absent") is None
    assert members.value("last") is None


def test_a_name_in_another_spelling_is_the_same_name() -> None:
    assert JsonMembers(b'{"response\\u005furl":"x"}').with_texts({"response_url": "y"}) == b'{"response\\u005furl":"y"}'


def test_a_name_that_is_given_twice_is_refused() -> None:
    members = JsonMembers(b'{"response_url":"a","response\\u005furl":"b","other":1}')
    for ask in (members.raw, members.text, lambda name: members.with_texts({name: "x"})):
        with pytest.raises(InvalidParameters, match="more than once"):
            ask("response_url")
    assert members.value("other") == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"{'a':1}", b'{"a":NaN}', b"\xff{}", b'{"a":1}x'])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        JsonMembers(raw)


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"1", b"null"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidParameters):
        JsonMembers(raw)
    with pytest.raises(InvalidParameters):
        bare(raw)


@pytest.mark.parametrize("raw", [b'{"a":1}', b'{"a":null}', b"{}"])
def test_a_text_that_is_missing_or_none_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidParameters):
        JsonMembers(raw).text("a")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.text(), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_any_object_keeps_its_other_members(
    body: dict[str, object], text: str, indent: int | str | None, is_ascii: bool
) -> None:
    body["changed"] = "before"
    try:
        raw = json.dumps(body, indent=indent, ensure_ascii=is_ascii).encode()
        orjson.loads(raw)
        orjson.dumps(text)
    except (UnicodeEncodeError, orjson.JSONDecodeError, orjson.JSONEncodeError):
        return  # lone surrogates and the like are no JSON on the wire
    changed = JsonMembers(raw).with_texts({"changed": text})
    assert orjson.loads(changed) == {**orjson.loads(raw), "changed": text}


def test_a_result_in_an_envelope_is_taken_out_byte_by_byte() -> None:
    inner = b'{ "result":"ACCEPTED","x":1.50}'
    assert bare(b'{"data": ' + inner + b', "status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}') == inner
    assert bare(inner) == inner
    assert bare(b'{"other":1}') == b'{"other":1}'
