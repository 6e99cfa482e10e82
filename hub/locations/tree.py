"""The Location tree as a value: find, replace and patch an EVSE or a connector inside a location's JSON. Pure.

A change below lifts `last_updated` above: a PUT or PATCH of an EVSE or a connector sets the parents' to the child's
(OCPI 2.2.1, mod_locations, "PUT Method"), never back in time.
"""

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]


def evse(location: Mapping[str, Any], uid: str) -> Json | None:
    """The EVSE with this uid, or None."""
    return _by_id(location.get("evses"), "uid", uid)


def connector(evse: Mapping[str, Any], connector_id: str) -> Json | None:
    """The connector with this id, or None."""
    return _by_id(evse.get("connectors"), "id", connector_id)


def with_evse(location: Json, replacement: Json) -> Json:
    """The location with this EVSE put in place of the one with its uid, or added."""
    changed = {**location, "evses": _put(location.get("evses"), "uid", replacement)}
    return lifted(changed, replacement)


def with_connector(location: Json, evse_uid: str, replacement: Json) -> Json | None:
    """The location with this connector put into an EVSE; None when there is no such EVSE."""
    parent = evse(location, evse_uid)
    if parent is None:
        return None
    changed = {**parent, "connectors": _put(parent.get("connectors"), "id", replacement)}
    return with_evse(location, lifted(changed, replacement))


def lifted(parent: Json, child: Mapping[str, Any]) -> Json:
    """The parent with the child's `last_updated`, when that is the later one. Both as OCPI writes them, in UTC."""
    mine, theirs = parent.get("last_updated"), child.get("last_updated")
    if theirs is None or (mine is not None and _instant(mine) >= _instant(theirs)):
        return parent
    return {**parent, "last_updated": theirs}


def map_evses(location: Json, change: Callable[[Json], Json]) -> Json:
    """The location with each EVSE replaced by what `change` makes of it."""
    return {**location, "evses": [change(item) for item in location.get("evses") or []]}


def removed(location: Json, at: str) -> Json:
    """The location with every EVSE REMOVED, at this time unless it was before."""
    gone = map_evses(
        location,
        lambda evse: evse if evse.get("status") == "REMOVED" else {**evse, "status": "REMOVED", "last_updated": at},
    )
    return lifted(gone, {"last_updated": at})


def tariff_ids(location: Mapping[str, Any], evse_uid: str, connector_id: str) -> list[str]:
    """The tariffs of a connector."""
    unit = evse(location, evse_uid)
    plug = connector(unit, connector_id) if unit else None
    return list((plug or {}).get("tariff_ids") or [])


def _by_id(items: Any, name: str, value: str) -> Json | None:
    for item in items or []:
        if str(item.get(name, "")).casefold() == value.casefold():
            found: Json = item
            return found
    return None


def _put(items: Any, name: str, replacement: Json) -> list[Json]:
    wanted = str(replacement[name]).casefold()
    kept = list(items or [])
    for index, item in enumerate(kept):
        if str(item.get(name, "")).casefold() == wanted:
            kept[index] = replacement
            return kept
    return [*kept, replacement]


def _instant(text: str) -> tuple[str, str]:
    """A sortable form of an OCPI DateTime: whole seconds, then the fraction padded."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return whole, fraction.ljust(6, "0")
