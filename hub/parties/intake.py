"""How objects that we read from a partner's list come in: by the same functions of their room as those that it pushes.

Pure but for the type of a transaction: what is checked here is what the router checks of a pushed object.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from hub.parties.directory import Peer
from hub.parties.objects import KeptOne, ObjectKey, OcpiObject
from hub.parties.pulls import OWNERS
from kit.tx import Tx
from ocpi.types import JsonValue, OcpiModel
from ocpi.validation import findings, joined

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the objects of a page: how many were new or changed, and why some were refused."""

    changed: int = 0
    refused: tuple[str, ...] = ()
    is_bumped: bool = False
    is_stale: bool = False

    @classmethod
    def of(cls, kept: Sequence[KeptOne]) -> "Taken":
        """From what was kept."""
        return cls(
            changed=sum(each.is_changed for each in kept),
            is_bumped=any(each.is_bumped for each in kept),
            is_stale=any(each.is_stale for each in kept),
        )


@dataclass(frozen=True, slots=True)
class Intake:
    """A module as far as reading it goes.

    `store` takes valid objects from a platform; `remove` does what the module does with those that are gone from their
    owner's list, None where nothing ever goes (sessions, CDRs).
    """

    model: type[OcpiObject]
    wire: type[OcpiModel]
    store: Callable[[Tx, Sequence[Json], str], Awaitable[Taken]]
    remove: Callable[[Tx, Sequence[ObjectKey], str], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Sorted:
    """A page's items: those that can be stored, what is wrong with the others, and whether any could not be named."""

    good: list[Json]
    faults: list[str]


def named(item: JsonValue) -> ObjectKey | None:
    """The key that an item says it has; None when it has none that could be stored."""
    if not isinstance(item, dict):
        return None
    country_code, party_id, object_id = item.get("country_code"), item.get("party_id"), item.get("id")
    if not (isinstance(country_code, str) and isinstance(party_id, str) and isinstance(object_id, str)):
        return None
    is_printable = country_code.isprintable() and party_id.isprintable() and object_id.isprintable()
    return ObjectKey.of(country_code, party_id, object_id) if is_printable else None


def sort_page(
    items: Sequence[JsonValue], peer: Peer, module: str, wire: type[OcpiModel], known: Mapping[ObjectKey, bytes]
) -> Sorted:
    """Tell the objects of a page that a push would be accepted with from those that it would not be.

    `known` is the JSON of those that were accepted before: the same again is as good.
    """
    good: list[Json] = []
    faults: list[str] = []
    for item in items:
        key = named(item) if known else None
        is_known = key is not None and known.get(key) == orjson.dumps(item)
        fault = _foreign(item, peer, module) if is_known else _fault(item, peer, module, wire)
        if fault is None and isinstance(item, dict):
            good.append(item)
        else:
            faults.append(fault or "no object")
    return Sorted(good, faults)


def _fault(item: JsonValue, peer: Peer, module: str, wire: type[OcpiModel]) -> str | None:
    if not isinstance(item, dict):
        return "no object"
    try:
        wire.model_validate(item)
    except ValidationError as error:
        return joined(list(findings(error)))
    return _foreign(item, peer, module)


def _foreign(item: JsonValue, peer: Peer, module: str) -> str | None:
    assert isinstance(item, dict)  # noqa: S101 - it has a valid form
    owner = f"{item['country_code']}*{item['party_id']}".upper()
    return None if peer.speaks_as(owner, OWNERS[module]) else "its owner does not live on this platform"
