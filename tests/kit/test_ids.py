"""Identifiers and secrets."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ids import first_id, moment_of, random_token, short_token, uuid7


def test_a_uuid7_has_36_characters_and_says_its_version() -> None:
    made = uuid7()
    assert len(made) == 36
    assert UUID(made).version == 7
    assert made == made.lower()


def test_uuid7s_increase_even_within_one_millisecond() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_random_tokens_differ_and_are_url_safe() -> None:
    made = {random_token() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)


def test_a_guessable_token_is_refused() -> None:
    with pytest.raises(ValueError, match="guessed"):
        random_token(15)


def test_short_tokens_fit_every_charger() -> None:
    made = {short_token() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"[A-Z2-7]{20}", token) for token in made)


@given(microseconds=st.integers(0, 4_000_000_000_000_000))
def test_an_id_that_begins_with_a_moment_tells_it(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert moment_of(f"{first_id(moment)}0001abcdef") == moment
