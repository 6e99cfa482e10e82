"""Whatever becomes of an attempt, a driver is told something in his language, and what to do."""

from itertools import product

import pytest

from hub.starts.lifecycle import StartState
from hub.starts.words import _REASONS, _STATES, _UNPAID, _WORDS, NextStep, told
from ocpi.v221.commands import CommandResultType

LANGUAGES = ("en", "de", "fr", "nl")


@pytest.mark.parametrize(("state", "reason"), list(product(StartState, [None, "anything", *_REASONS])))
def test_everything_has_words_in_every_language(state: StartState, reason: str | None) -> None:
    said = {language: told(state, reason, language) for language in LANGUAGES}
    assert len({each.code for each in said.values()}) == 1
    assert len({each.message for each in said.values()}) == len(LANGUAGES)
    assert told(state, reason, "xx") == said["en"]


def test_no_words_are_left_over() -> None:
    used = {code for code, _ in [*_STATES.values(), *_REASONS.values(), _UNPAID]}
    assert set(_WORDS) == used
    assert all(set(words) == set(LANGUAGES) for words in _WORDS.values())


def test_every_refusal_of_a_charger_has_words_of_its_own_or_has_failed() -> None:
    codes = {result: told(StartState.FAILED, result, "en").code for result in CommandResultType}
    assert {result for result, code in codes.items() if code == "failed"} == {
        "ACCEPTED",
        "CANCELED_RESERVATION",
        "FAILED",
        "UNKNOWN_RESERVATION",
    }


def test_a_running_start_keeps_its_words_whatever_was_before() -> None:
    assert told(StartState.CHARGING, "TIMEOUT", "en").code == "charging"
    assert told(StartState.COMMANDED, None, "en").next_step is NextStep.PLUG_IN
