"""Signed URLs: they say what was put in, to whom they were given, and to nobody else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.parties.callbacks import LONGEST_ID, LONGEST_URL, Callback, sign, verify
from kit.crypto import KeyRing
from ocpi.headers import Party

KEYS = KeyRing.generate()
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EMSP, CPO, OTHER = Party("DE", "EMS"), Party("BE", "CPO"), Party("AT", "XYZ")
HOMES = {EMSP: "platform-e", CPO: "platform-c", OTHER: "platform-o"}
URL = "https://ocpi.emsp.example/ocpi/emsp/2.2.1/commands/START_SESSION/0197a5a4-4f3c-7cc0-8f6e-0f2b9d1c7a11"
CALLBACK = Callback(URL, EMSP, CPO, NOW + timedelta(days=1))
KIND = "commands/START_SESSION"


def signed(callback: Callback = CALLBACK, *, keys: KeyRing = KEYS, kind: str = KIND) -> str:
    return sign(keys, callback, kind=kind, owner_platform=HOMES[callback.owner], user_platform=HOMES[callback.user])


def used(
    token: str,
    *,
    keys: KeyRing = KEYS,
    kind: str = KIND,
    by: str = "platform-c",
    homes: dict[Party, str] = HOMES,
    now: datetime = NOW,
) -> Callback | None:
    return verify(keys, token, kind=kind, user_platform=by, home_of=homes.get, now=now)


def test_a_token_says_what_was_put_in() -> None:
    assert used(signed()) == CALLBACK


urls = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=400)


@given(urls, st.integers(0, 2**32 - 1 - int(NOW.timestamp()) - 1))
def test_every_url_comes_back_as_it_was(url: str, seconds: int) -> None:
    callback = Callback(url, EMSP, CPO, NOW + timedelta(seconds=seconds + 1))
    assert used(signed(callback)) == callback


def test_a_url_of_ours_stays_within_the_255_characters_of_ocpi() -> None:
    ours = f"https://roaming.hub.example.com/ocpi/2.2.1/sender/commands/CANCEL_RESERVATION/{signed()}"
    assert len(URL) > 100
    assert len(ours) <= 255
    assert len(signed()) > LONGEST_ID, "no id of ours can be taken for a token"


@pytest.mark.parametrize("length", [20, 80, 81, 105])
def test_short_urls_and_long_ones_fit_alike(length: int) -> None:
    url = URL[:length].ljust(length, "x")
    token = signed(Callback(url, EMSP, CPO, NOW + timedelta(days=1)))
    found = used(token)
    assert found is not None
    assert found.url == url
    assert len(f"https://roaming.hub.example.com/ocpi/2.2.1/sender/commands/CANCEL_RESERVATION/{token}") <= 255


def test_a_token_is_good_after_a_restart_and_after_the_key_was_changed() -> None:
    token, restarted = signed(), KeyRing.parse(KEYS.to_text())
    assert used(token, keys=restarted) == CALLBACK
    assert used(token, keys=restarted.rotated()) == CALLBACK
    assert used(token, keys=KeyRing.generate()) is None


def test_a_token_ends() -> None:
    assert used(signed(), now=CALLBACK.expires_at - timedelta(seconds=1)) is not None
    assert used(signed(), now=CALLBACK.expires_at) is None


def test_a_time_beyond_what_is_written_is_the_last_one_that_can_be() -> None:
    forever = Callback(URL, EMSP, CPO, datetime(9999, 1, 1, tzinfo=UTC))
    found = used(signed(forever))
    assert found is not None
    assert found.expires_at.year == 2106


@pytest.mark.parametrize(
    "kind", ["commands/STOP_SESSION", "chargingprofiles/set_profile_result", "locations?hub_page", ""]
)
def test_a_token_is_of_no_use_as_another_kind_of_url(kind: str) -> None:
    assert used(signed(), kind=kind) is None


def test_results_of_charging_profiles_are_told_apart() -> None:
    token = signed(kind="chargingprofiles/set_profile_result")
    assert used(token, kind="chargingprofiles/set_profile_result") is not None
    assert used(token, kind="chargingprofiles/clear_profile_result") is None


def test_a_token_is_of_no_use_to_another_platform() -> None:
    for platform in ("platform-o", "platform-e", ""):
        assert used(signed(), by=platform) is None


@pytest.mark.parametrize("moved", [EMSP, CPO])
def test_a_token_ends_when_a_party_moves_or_leaves(moved: Party) -> None:
    assert used(signed(), homes={**HOMES, moved: "platform-n"}) is None
    assert used(signed(), by="platform-n", homes={**HOMES, moved: "platform-n"}) is None
    assert used(signed(), homes={party: home for party, home in HOMES.items() if party != moved}) is None


@given(st.data())
def test_no_changed_token_is_good(data: st.DataObject) -> None:
    token = signed()
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("AZaz09-_=.~"))
    changed = token[:at] + other + token[at + 1 :]
    assert changed == token or used(changed) is None


@given(st.text(max_size=200) | st.text("ABCabc123-_", min_size=40, max_size=4000))
def test_whatever_is_no_token_is_refused_without_an_error(text: str) -> None:
    assert used(text) is None


def test_a_url_that_is_too_long_or_not_ascii_is_not_signed() -> None:
    for url in ("https://x.example/" + "y" * LONGEST_URL, "https://é.example/"):
        with pytest.raises(ValueError, match=r"too long|ascii"):
            signed(Callback(url, EMSP, CPO, NOW))
