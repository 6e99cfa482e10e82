"""Tokens, ids and addresses in HTTP headers."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.errors import InvalidParameters
from ocpi.headers import (
    MessageHeaders,
    Party,
    authorization,
    read_headers,
    read_ids,
    token_candidates,
    with_addresses,
    write_headers,
)

TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
CNTRL = st.text(max_size=20).filter(lambda text: any(not 0x20 <= ord(char) <= 0x7E for char in text))


@given(TOKENS, st.booleans())
def test_a_token_is_among_the_candidates_however_it_was_sent(token: str, encode: bool) -> None:
    assert token in token_candidates(authorization(token, encode=encode))


@given(TOKENS)
def test_an_encoded_token_comes_first(token: str) -> None:
    assert token_candidates(authorization(token))[0] == token


def test_a_plain_token_that_is_base64_by_chance_gives_both_readings() -> None:
    plain = base64.b64encode(b"looks-like-a-token").decode()
    assert token_candidates(f"Token {plain}") == ["looks-like-a-token", plain]


def test_the_line_feed_of_the_specification_example_is_cut() -> None:
    assert "example-token" in token_candidates("Token ZXhhbXBsZS10b2tlbgo=")


@pytest.mark.parametrize("header", [None, "", "Token", "Token ", "Bearer abc", "Token a b", "Token " + "x" * 2000])
def test_what_is_no_token_header_has_no_candidates(header: str | None) -> None:
    assert token_candidates(header) == []


@pytest.mark.parametrize("header", ["token c2VjcmV0", "TOKEN   c2VjcmV0 "])
def test_the_scheme_is_read_whatever_its_case(header: str) -> None:
    assert "secret" in token_candidates(header)


@given(CNTRL)
def test_nothing_that_breaks_a_line_gets_into_a_header(text: str) -> None:
    with pytest.raises(ValueError, match=r"printable|token"):
        write_headers(MessageHeaders(text or "\n", "c"))
    with pytest.raises(ValueError, match="token"):
        authorization(text)


def test_ids_are_made_when_absent_or_unusable() -> None:
    made = iter(["one", "two"])
    message = read_ids({"x-request-id": "r" * 300}, lambda: next(made))
    assert (message.request_id, message.correlation_id) == ("one", "two")


def test_the_answer_has_the_ids_of_the_request_and_its_addresses_swapped() -> None:
    message = read_headers(
        {
            "x-request-id": "r",
            "x-correlation-id": "c",
            "ocpi-to-country-code": "NL",
            "ocpi-to-party-id": "TNM",
            "ocpi-from-country-code": "DE",
            "ocpi-from-party-id": "ABC",
        }
    )
    assert write_headers(message.reply()) == {
        "X-Request-ID": "r",
        "X-Correlation-ID": "c",
        "OCPI-to-country-code": "DE",
        "OCPI-to-party-id": "ABC",
        "OCPI-from-country-code": "NL",
        "OCPI-from-party-id": "TNM",
    }


def test_who_answers_an_open_request_names_itself() -> None:
    message = MessageHeaders("r", "c", to_party=None, from_party=Party("DE", "ABC"))
    assert message.reply(Party("NL", "TNM")).from_party == Party("NL", "TNM")


def test_a_forwarded_message_has_a_new_request_id_and_the_same_correlation_id() -> None:
    message = MessageHeaders("r", "c", Party("HU", "HUB"), Party("DE", "ABC"))
    forwarded = message.forwarded(to_party=Party("NL", "TNM"))
    assert forwarded.request_id != "r"
    assert forwarded.correlation_id == "c"
    assert (forwarded.to_party, forwarded.from_party) == (Party("NL", "TNM"), Party("DE", "ABC"))


def test_parties_are_equal_whatever_their_case() -> None:
    assert Party("nl", "tnm") == Party("NL", "TNM")
    assert len({Party("nl", "tnm"), Party("NL", "TNM")}) == 1
    assert str(Party("nl", "TNM")) == "nl*TNM"


@pytest.mark.parametrize(
    "headers",
    [
        {"ocpi-to-party-id": "TNM"},
        {"ocpi-to-country-code": "NL"},
        {"ocpi-from-party-id": "TNMX", "ocpi-from-country-code": "NL"},
        {"ocpi-from-party-id": "TNM", "ocpi-from-country-code": "NLD"},
        {"ocpi-from-party-id": "T M", "ocpi-from-country-code": "NL"},
    ],
)
def test_a_malformed_address_is_an_invalid_parameter(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidParameters):
        with_addresses(MessageHeaders("r", "c"), headers)
