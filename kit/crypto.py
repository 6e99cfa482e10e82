"""Secrets at rest under a rotatable key ring.

What we verify (tokens, RFID UIDs) is kept as a keyed digest; what we present to others is kept encrypted. Each purpose
has keys of its own, derived from the ring, so that a digest or a ciphertext is worthless anywhere else.

The ring is text: `id:base64,id:base64`. The first key writes, every key reads: put a new key in front, write again
what is old, then drop the last.
"""

import hmac
import os
import re
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class CryptoError(Exception):
    """Parent of what can go wrong here. No message quotes a key, a plaintext or a ciphertext."""


class BadKeyRing(CryptoError):
    """The key ring cannot be read, or must not be used."""


class CannotDecrypt(CryptoError):
    """Not made by this ring for this purpose, or changed since."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    secret: bytes = field(repr=False)


class KeyRing:
    """Keys in order: the first is current. Its `repr` shows ids alone."""

    def __init__(self, keys: tuple[_Key, ...]) -> None:
        if not keys:
            raise BadKeyRing("a key ring needs a key")
        if len({key.id for key in keys}) != len(keys):
            raise BadKeyRing("two keys have the same id")
        self._keys = keys
        self._derived: dict[tuple[str, str, str], bytes] = {}
        self._keyed: dict[tuple[str, str], hmac.HMAC] = {}
        self._ciphers: dict[tuple[str, str], tuple[AESGCM, bytes]] = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64,id2:base64`, each key of 32 bytes. Raises `BadKeyRing`."""
        return cls(tuple(_parse_key(part) for part in text.strip().split(",")))

    @classmethod
    def generate(cls) -> Self:
        """A ring of one new key."""
        return cls((_new_key(),))

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The ring in a file; a new one, readable by this user alone, when there is none.

        Processes that start together agree on one. Raises `BadKeyRing`, also for a file that others may change.
        """
        if not path.exists():
            _create(path, cls.generate().to_text())
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
            raise BadKeyRing(f"{path} may be changed by others: chmod 600")
        return cls.parse(path.read_text("ascii", errors="replace"))

    def rotated(self) -> "KeyRing":
        """This ring with a new key in front."""
        return KeyRing((_new_key(), *self._keys))

    def to_text(self) -> str:
        """What `parse` reads. A secret."""
        return ",".join(f"{key.id}:{urlsafe_b64encode(key.secret).decode()}" for key in self._keys)

    @property
    def current_id(self) -> str:
        """The id of the key that writes."""
        return self._keys[0].id

    def digest(self, purpose: str, text: str) -> str:
        """The keyed digest of a text under the current key: 64 hexadecimal digits."""
        return self._digest(self._keys[0], purpose, text)

    def digests(self, purpose: str, text: str) -> list[str]:
        """The digest under each key, the current first: look up by any of them while keys rotate."""
        return [self._digest(key, purpose, text) for key in self._keys]

    def matches(self, purpose: str, text: str, digest: str) -> bool:
        """Whether a kept digest belongs to this text, under any key; takes as long for a miss as for a hit."""
        results = [hmac.compare_digest(made.encode(), digest.encode()) for made in self.digests(purpose, text)]
        return any(results)

    def encrypt(self, purpose: str, plaintext: bytes) -> str:
        """Encrypted and sealed under the current key: `id.base64`, different each time.

        AES-256-GCM with random nonces: a key and purpose serve for four thousand million messages.
        """
        return f"{self._keys[0].id}.{_text_of(self._sealed(purpose, plaintext))}"

    def decrypt(self, purpose: str, text: str) -> bytes:
        """What `encrypt` was given, by whichever key of the ring. Raises `CannotDecrypt`."""
        key_id, _, encoded = text.partition(".")
        return self._opened(purpose, key_id, _decode(encoded))

    def seal(self, purpose: str, plaintext: bytes) -> bytes:
        """The same as `encrypt` makes, in bytes: shorter by a quarter, for what is kept by the million."""
        return b"%b.%b" % (self._keys[0].id.encode(), self._sealed(purpose, plaintext))

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal` was given, by whichever key of the ring. Raises `CannotDecrypt`."""
        key_id, _, octets = sealed.partition(b".")
        return self._opened(purpose, key_id.decode("ascii", errors="replace"), octets)

    def _sealed(self, purpose: str, plaintext: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        cipher, bound_to = self._cipher(self._keys[0], purpose)
        return nonce + cipher.encrypt(nonce, plaintext, bound_to)

    def _opened(self, purpose: str, key_id: str, sealed: bytes | None) -> bytes:
        key = next((key for key in self._keys if key.id == key_id), None)
        if key is None:
            raise CannotDecrypt("no key of the ring made it")
        if sealed is None or len(sealed) < _NONCE_BYTES:
            raise CannotDecrypt("not a ciphertext")
        cipher, bound_to = self._cipher(key, purpose)
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise CannotDecrypt("changed, or made for another purpose") from None

    def is_current(self, text: str) -> bool:
        """Whether a ciphertext was made by the current key; if not, it waits to be written again."""
        return text.partition(".")[0] == self.current_id

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key.id for key in self._keys)})"

    def __reduce__(self) -> str:
        raise TypeError("a key ring is not to be copied around: pass its text on purpose")

    def _digest(self, key: _Key, purpose: str, text: str) -> str:
        slot = (key.id, purpose)
        if (keyed := self._keyed.get(slot)) is None:
            keyed = self._keyed[slot] = hmac.new(self._derive(key, "digest", purpose), digestmod=sha256)
        made = keyed.copy()  # in half the time that a new one takes
        made.update(text.encode())
        return made.hexdigest()

    def _cipher(self, key: _Key, purpose: str) -> tuple[AESGCM, bytes]:
        """The cipher, and what a ciphertext is bound to besides its key."""
        slot = (key.id, purpose)
        if (cipher := self._ciphers.get(slot)) is None:
            bound_to = f"{key.id}/{purpose}".encode()
            cipher = self._ciphers[slot] = AESGCM(self._derive(key, "encrypt", purpose)), bound_to
        return cipher

    def _derive(self, key: _Key, use: str, purpose: str) -> bytes:
        slot = (key.id, use, purpose)
        if (derived := self._derived.get(slot)) is None:
            info = f"plugbridge/{use}/{purpose}".encode()
            derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(key.secret)
            self._derived[slot] = derived
        return derived


def _new_key() -> _Key:
    return _Key(secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES))


def _parse_key(part: str) -> _Key:
    key_id, _, encoded = part.strip().partition(":")
    secret = _decode(encoded)
    if not _KEY_ID.fullmatch(key_id) or secret is None or len(secret) != _KEY_BYTES:
        raise BadKeyRing(f"a key is written id:base64, the base64 of {_KEY_BYTES} bytes")
    return _Key(key_id, secret)


def _text_of(octets: bytes) -> str:
    """Base64 that is safe in URLs; every message that is logged is written in it."""
    return b2a_base64(octets, newline=False).translate(_URL_SAFE).decode()


def _decode(encoded: str) -> bytes | None:
    """Base64 in the URL-safe or the common alphabet, with or without padding; None when it is neither."""
    unpadded = encoded.rstrip("=").replace("+", "-").replace("/", "_")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", unpadded) or len(unpadded) % 4 == 1:
        return None
    return urlsafe_b64decode(unpadded + "=" * (-len(unpadded) % 4))


def _create(path: Path, text: str) -> None:
    """Write a complete file that nobody else may read, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
