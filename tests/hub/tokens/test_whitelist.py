"""The whitelist table of OCPI, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.whitelist import Verdict, must_ask, without_asking


@pytest.mark.parametrize(
    ("whitelist", "ask", "offline_valid", "offline_invalid"),
    [
        ("ALWAYS", False, Verdict.ALLOWED, Verdict.ALLOWED),
        ("ALLOWED", False, Verdict.ALLOWED, Verdict.BLOCKED),
        ("ALLOWED_OFFLINE", True, Verdict.ALLOWED, Verdict.BLOCKED),
        ("NEVER", True, Verdict.NOT_ALLOWED, Verdict.NOT_ALLOWED),
    ],
)
def test_each_row_of_the_table(whitelist: str, ask: bool, offline_valid: Verdict, offline_invalid: Verdict) -> None:
    assert must_ask(whitelist) is ask
    assert without_asking(whitelist, valid=True) is offline_valid
    assert without_asking(whitelist, valid=False) is offline_invalid


@given(st.text(max_size=12), st.booleans())
def test_an_unknown_value_is_never_allowed_without_asking(whitelist: str, valid: bool) -> None:
    if whitelist not in ("ALWAYS", "ALLOWED", "ALLOWED_OFFLINE"):
        assert must_ask(whitelist)
        assert without_asking(whitelist, valid=valid) is Verdict.NOT_ALLOWED
