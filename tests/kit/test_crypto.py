"""Digests, encryption and the rotation of keys."""

import multiprocessing
import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.crypto import BadKeyRing, CannotDecrypt, KeyRing

RING = KeyRing.generate()
TEXTS = st.text(max_size=200)
PURPOSES = st.sampled_from(["token", "credentials", "message"])


@given(text=TEXTS, purpose=PURPOSES)
def test_a_digest_is_stable_and_matches_only_its_text_and_purpose(text: str, purpose: str) -> None:
    digest = RING.digest(purpose, text)
    assert digest == RING.digest(purpose, text)
    assert len(digest) == 64
    assert RING.matches(purpose, text, digest)
    assert not RING.matches(purpose, text + "x", digest)
    assert not RING.matches(purpose + "x", text, digest)
    assert not RING.matches(purpose, text, "é")


@given(data=st.binary(max_size=2_000), purpose=PURPOSES)
def test_what_is_encrypted_comes_back_and_looks_different_each_time(data: bytes, purpose: str) -> None:
    one, other = RING.encrypt(purpose, data), RING.encrypt(purpose, data)
    assert one != other
    assert RING.decrypt(purpose, one) == RING.decrypt(purpose, other) == data


@given(data=st.binary(max_size=50), position=st.integers(min_value=0), bit=st.integers(0, 5))
def test_a_changed_ciphertext_is_refused(data: bytes, position: int, bit: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = RING.encrypt("p", data)
    start, end = text.index(".") + 1, len(text.rstrip("=")) - 1  # the last character may carry unused bits
    place = start + position % (end - start)
    changed = alphabet[alphabet.index(text[place]) ^ (1 << bit)]
    with pytest.raises(CannotDecrypt):
        RING.decrypt("p", text[:place] + changed + text[place + 1 :])


@given(data=st.binary(max_size=2_000), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_what_is_sealed_comes_back_as_long_as_nobody_changes_it(data: bytes, place: int, bit: int) -> None:
    sealed = RING.seal("p", data)
    assert RING.unseal("p", sealed) == RING.rotated().unseal("p", sealed) == data
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= 1 << bit
    for other, purpose in ((bytes(changed), "p"), (sealed, "other"), (sealed[:-1], "p"), (data, "p")):
        with pytest.raises(CannotDecrypt):
            RING.unseal(purpose, other)


@given(text=TEXTS)
def test_what_is_no_ciphertext_is_refused(text: str) -> None:
    with pytest.raises(CannotDecrypt):
        RING.decrypt("p", text)
    with pytest.raises(CannotDecrypt):
        RING.decrypt("p", f"{RING.current_id}.{text}")


def test_a_ciphertext_of_one_purpose_is_refused_by_another() -> None:
    with pytest.raises(CannotDecrypt):
        RING.decrypt("other", RING.encrypt("p", b"x"))


def test_a_ring_survives_its_text_in_either_alphabet_and_without_padding() -> None:
    ring = RING.rotated()
    common = ring.to_text().replace("-", "+").replace("_", "/")
    for text in (ring.to_text(), common, ring.to_text().replace("=", ""), f" {ring.to_text()}\n"):
        read = KeyRing.parse(text)
        assert read.digests("p", "x") == ring.digests("p", "x")
        assert read.decrypt("p", ring.encrypt("p", b"x")) == b"x"


def test_rotation_reads_the_old_writes_the_new_and_ends_when_the_old_key_goes() -> None:
    old = KeyRing.generate()
    digest, ciphertext = old.digest("p", "uid"), old.encrypt("p", b"secret")
    both = old.rotated()
    assert digest in both.digests("p", "uid")
    assert both.digests("p", "uid")[0] == both.digest("p", "uid") != digest
    assert both.matches("p", "uid", digest)
    assert both.decrypt("p", ciphertext) == b"secret"
    assert old.is_current(ciphertext)
    assert not both.is_current(ciphertext)

    rewritten = both.encrypt("p", both.decrypt("p", ciphertext))
    new = KeyRing.parse(both.to_text().split(",")[0])
    assert new.is_current(rewritten)
    assert new.decrypt("p", rewritten) == b"secret"
    assert not new.matches("p", "uid", digest)
    with pytest.raises(CannotDecrypt):
        new.decrypt("p", ciphertext)


def test_another_key_under_the_same_id_reads_nothing() -> None:
    other = KeyRing.parse(f"{RING.current_id}:{KeyRing.generate().to_text().split(':')[1]}")
    with pytest.raises(CannotDecrypt):
        other.decrypt("p", RING.encrypt("p", b"x"))


@pytest.mark.parametrize("text", ["", "a", "a:", "a:c2hvcnQ=", ":" + "A" * 43, "a b:" + "A" * 43, "a:" + "!" * 43])
def test_a_malformed_ring_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(BadKeyRing) as refusal:
        KeyRing.parse(text)
    assert "AAAA" not in str(refusal.value)


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(BadKeyRing, match="same id"):
        KeyRing.parse(f"{RING.to_text()},{RING.to_text()}")


def test_a_ring_shows_no_secret_and_is_not_pickled() -> None:
    secret = RING.to_text().split(":")[1]
    RING.digest("p", "x")
    assert secret not in repr(RING)
    assert secret not in str(vars(RING)["_keys"])
    with pytest.raises(TypeError):
        pickle.dumps(RING)


def test_a_missing_file_is_created_for_this_user_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ring"
    made = KeyRing.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["ring"]
    assert KeyRing.load_or_create(path).to_text() == made.to_text()


def test_a_file_that_others_may_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    KeyRing.load_or_create(path)
    path.chmod(0o660)
    with pytest.raises(BadKeyRing, match="chmod 600"):
        KeyRing.load_or_create(path)


def load(path: Path) -> str:
    return KeyRing.load_or_create(path).to_text()


def test_processes_that_start_together_agree_on_one_ring(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(load, [tmp_path / "ring"] * 9, chunksize=1))) == 1
