"""Frames as they are kept: those of one connection that came close together, packed, compressed and sealed as one.

A chunk costs a fraction of what its frames would cost one by one, and nothing of it can be read without the key ring.
What may be shown is masked when it is read (`csms.masking`).
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

import orjson

from kit.crypto import KeyRing

PURPOSE = "ocpp-frames"
IN, OUT = "IN", "OUT"
ABOUT_TRANSACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})
"""What a station says by these, and our answers, is kept byte for byte, so that a record can be made of it again."""
_LEVEL, _WINDOW, _MEMORY = 1, 13, 7
"""Setting up a compressor costs more than using it: a small one does as well."""
_WORTH_IT_BYTES = 600


class Noted(NamedTuple):
    """A frame on its way into the log. `place` is its number within its connection."""

    place: int
    at: datetime
    direction: str
    action: str | None
    data: bytes
    correlation_id: str | None = None

    @property
    def is_about_transaction(self) -> bool:
        """Whether it belongs to what is kept longer. Answers too: a question and its answer are one chunk, not two."""
        return self.action in ABOUT_TRANSACTIONS


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame out of a chunk. `data` is shorter than `size` when it was cut."""

    station_id: str
    session_id: str
    protocol: str
    place: int
    at: datetime
    direction: str
    action: str | None
    data: bytes
    size: int
    correlation_id: str | None


def seal(keys: KeyRing, session_id: str, protocol: str, frames: Iterable[Noted], *, most: int | None = None) -> str:
    """Frames of one connection as one text; of each no more than `most` bytes."""
    heads, bodies = [], []
    for place, at, direction, action, data, correlation_id in frames:
        body = data if most is None else data[:most]
        heads.append((place, at, direction, action, len(data), len(body), correlation_id))
        bodies.append(body)
    packed = b"".join((orjson.dumps((session_id, protocol, heads)), b"\n", *bodies))
    return keys.encrypt(PURPOSE, _squeezed(packed))


def unseal(keys: KeyRing, station_id: str, sealed: str) -> Sequence[Kept]:
    """The frames of a chunk in their order. Raises `CannotDecrypt` when the key is no longer in the ring."""
    head, _, bodies = _unpacked(keys.decrypt(PURPOSE, sealed)).partition(b"\n")
    session_id, protocol, heads = orjson.loads(head)
    frames: list[Kept] = []
    start = 0
    for place, at, direction, action, size, length, correlation_id in heads:
        data = bodies[start : start + length]
        start += length
        moment = datetime.fromisoformat(at)
        kept = Kept(station_id, session_id, protocol, place, moment, direction, action, data, size, correlation_id)
        frames.append(kept)
    return frames


def _squeezed(packed: bytes) -> bytes:
    """The same in fewer bytes where that is worth the effort; what is not compressed begins with its JSON."""
    if len(packed) < _WORTH_IT_BYTES:
        return packed
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
    return compressor.compress(packed) + compressor.flush()


def _unpacked(squeezed: bytes) -> bytes:
    return squeezed if squeezed.startswith(b"[") else zlib.decompress(squeezed)


def correlation_of(session_id: str, message_id: str) -> str:
    """The correlation id of what a station asks by this message: told by both, so that nobody has to remember it."""
    return blake2b(f"{session_id}/{message_id}".encode(errors="replace"), digest_size=16).hexdigest()
