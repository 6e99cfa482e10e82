"""A link opens one document, until it expires."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.billing.links import GOOD_FOR, Links
from kit.crypto import KeyRing
from kit.errors import NotFound

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LINKS = Links(KeyRing.generate(), "https://hub.example/api/driver/v1")


def token_of(url: str) -> str:
    prefix = "https://hub.example/api/driver/v1/shared-documents/"
    assert url.startswith(prefix)
    return url.removeprefix(prefix)


def test_a_link_opens_its_document_until_it_expires() -> None:
    token = token_of(LINKS.to("doc-1", NOW))
    assert LINKS.opened(token, NOW + GOOD_FOR) == "doc-1"
    with pytest.raises(NotFound):
        LINKS.opened(token, NOW + GOOD_FOR + timedelta(seconds=1))


def test_nobody_changes_a_link() -> None:
    document, until, digest = token_of(LINKS.to("doc-1", NOW)).split(".")
    for wrong in (f"doc-2.{until}.{digest}", f"{document}.{int(until) + 1}.{digest}", f"{document}.{until}"):
        with pytest.raises(NotFound):
            LINKS.opened(wrong, NOW)


@given(st.text(max_size=80))
def test_what_is_no_link_opens_nothing(token: str) -> None:
    with pytest.raises(NotFound):
        LINKS.opened(token, NOW)


def test_a_link_of_another_hub_opens_nothing() -> None:
    with pytest.raises(NotFound):
        Links(KeyRing.generate(), "").opened(token_of(LINKS.to("doc-1", NOW)), NOW)
