"""How objects that we read from a partner's list come in: by the same functions of their room as those that it pushes.

Pure but for the type of a transaction: what is checked here is what the router checks of a pushed object.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from hub.parties.directory import Peer
from hub.parties.objects import KeptOne, ObjectKey, OcpiObject
from hub.parties.pulls import OWNERS
from hub.parties.quick_check import quick_check
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


class Sorted(NamedTuple):
    """A page's items: those that can be stored, and what is wrong with the others."""

    good: list[Json]
    faults: list[str]


def sort_page(items: Sequence[JsonValue], peer: Peer, module: str, wire: type[OcpiModel]) -> Sorted:
    """Tell the objects of a page that a push would be accepted with from those that it would not be."""
    found, is_certainly_valid = Sorted([], []), quick_check(wire).passes
    at_home: dict[tuple[str, str], bool] = {}
    for item in items:
        fault = None if is_certainly_valid(item) else _fault(item, wire)
        if fault is None:
            assert isinstance(item, dict)  # noqa: S101 - it has a valid form
            owner: Any = item["country_code"], item["party_id"]
            if owner not in at_home:
                at_home[owner] = peer.speaks_as("*".join(owner).upper(), OWNERS[module])
            fault = None if at_home[owner] else "its owner does not live on this platform"
        if fault is None:
            found.good.append(item)  # type: ignore[arg-type]
        else:
            found.faults.append(fault)
    return found


def _fault(item: JsonValue, wire: type[OcpiModel]) -> str | None:
    if not isinstance(item, dict):
        return "no object"
    try:
        wire.model_validate(item)
    except ValidationError as error:
        return joined(list(findings(error)))
    return None
