"""Webhook signatures: ours fit Stripe's library, and nothing forged, old or changed is taken."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from payments.signatures import BadSignature, sign, verify

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRETS = ["whsec_new", "whsec_old"]
BODY = b'{"id": "evt_1"}'


def test_what_we_sign_stripes_library_takes() -> None:
    assert stripe.WebhookSignature.verify_header(BODY.decode(), sign(BODY, SECRETS, NOW), "whsec_old")


def test_what_stripes_library_signs_we_take() -> None:
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), "whsec_new", int(NOW.timestamp()))
    verify(BODY, header, SECRETS, now=NOW)


@pytest.mark.parametrize("signed_with", [["whsec_new"], ["whsec_old"], SECRETS, ["whsec_other", "whsec_old"]])
def test_either_secret_does_while_one_is_exchanged(signed_with: list[str]) -> None:
    verify(BODY, sign(BODY, signed_with, NOW), SECRETS, now=NOW)


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_an_old_signature_is_a_replay(off: timedelta) -> None:
    header = sign(BODY, SECRETS, NOW)
    verify(BODY, header, SECRETS, now=NOW + off * 0.99)
    with pytest.raises(BadSignature):
        verify(BODY, header, SECRETS, now=NOW + off)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1",
        "v1=abc",
        f"t={int(NOW.timestamp())},v1=",
        f"t={int(NOW.timestamp())},v0=00",
        f"t=x,v1={'0' * 64}",
        f"t=²,v1={'0' * 64}",
        f"t={int(NOW.timestamp())},v1=ä",
        f"t={int(NOW.timestamp())},t=1,v1={'0' * 64}",
        f"t={int(NOW.timestamp())}" + f",v1={'0' * 64}" * 17,
        "t=1," + "x" * 5000,
    ],
)
def test_a_header_that_is_none_is_refused(header: str | None) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, header, SECRETS, now=NOW)


@pytest.mark.parametrize("secrets", [[], [""], [" "]])
def test_without_a_secret_nothing_is_taken(secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, sign(BODY, secrets or [""], NOW), secrets, now=NOW)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_a_body_with_one_changed_byte_is_refused(body: bytes, place: int, change: int) -> None:
    header = sign(body, SECRETS, NOW)
    verify(body, header, SECRETS, now=NOW)
    changed = bytearray(body + b"\0")
    changed[place % len(changed)] ^= change
    with pytest.raises(BadSignature):
        verify(bytes(changed), header, SECRETS, now=NOW)


@given(st.text(max_size=300))
def test_no_header_makes_it_stumble(header: str) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, header, SECRETS, now=NOW)
