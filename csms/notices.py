"""What a station tells or answers that is kept as it is: notices, and its variables. Pure.

A notice is a request of a station that no other part of the central system keeps: security events, reports, states of
firmware and logs, data of vendors. A variable is an entry of the device model of 2.x, or a configuration key of 1.6.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from csms.masking import is_secret_setting
from csms.words import clean, optional_int
from kit.redact import redact_text

KEPT_OTHERWISE = frozenset(
    {
        *("Authorize", "BootNotification", "Heartbeat", "MeterValues", "StartTransaction", "StatusNotification"),
        *("StopTransaction", "TransactionEvent"),
    }
)
"""The requests of stations that are no notices."""
TELLING_ANSWERS = frozenset({"GetConfiguration", "ChangeConfiguration", "GetVariables", "SetVariables"})
"""The requests of ours whose answers tell of variables."""
SECURITY = "SecurityEventNotification"
_NAME, _VALUE = 100, 10_000
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
_SET = frozenset({"Accepted", "RebootRequired"})


class Place(NamedTuple):
    """Which variable is meant; of 1.6 the configuration key alone. EVSE and connector 0 stand for the station."""

    component: str
    component_instance: str
    evse_id: int
    connector_id: int
    variable: str
    variable_instance: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's attribute as the station told it; the value of a secret is None.

    `described` says that mutability and characteristics were told too, None for those that there are not.
    """

    place: Place
    value: str | None
    described: bool = False
    mutability: str | None = None
    characteristics: bytes | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Where a notice stands in a report: which request it answers, its number, and whether there is more to come."""

    request_id: int | None = None
    seq_no: int | None = None
    more: bool = False


def part_of(payload: Mapping[str, Any]) -> Part:
    """Which part of which report a notice is."""
    more = payload.get("tbc") is True
    return Part(optional_int(payload.get("requestId")), optional_int(payload.get("seqNo")), more)


def newest_report(parts: Sequence[Part]) -> list[int]:
    """Of parts under one request id, the newest first, the places of those of the newest report, in its order.

    Parts with numbers may have come in any order, and twice. Others came in order, so that one which ends a report
    ends the one before, unless it is the newest.
    """
    if all(part.seq_no is None for part in parts):
        ends = [place for place, part in enumerate(parts) if place and not part.more]
        return list(reversed(range(ends[0] if ends else len(parts))))
    places: dict[int, int] = {}
    last: int | None = None
    for place, part in enumerate(parts):
        if part.seq_no is None:
            continue
        if not part.more and last is None:
            last = part.seq_no
        places.setdefault(part.seq_no, place)
    return [places[number] for number in sorted(places) if last is None or number <= last]


def is_complete(parts: Sequence[Part]) -> bool:
    """Whether these, in the order in which they came, are all parts of a report."""
    if not parts or all(part.more for part in parts):
        return False
    numbers = {part.seq_no for part in parts if part.seq_no is not None}
    return not numbers or numbers == set(range(max(numbers) + 1))


def reported(action: str, payload: Mapping[str, Any]) -> list[Variable]:
    """The variables that a request of a station describes."""
    if action != "NotifyReport":
        return []
    return _read(_described(payload))


def answered(action: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> list[Variable]:
    """The variables that an answer tells of, to a question or to a change that the station has made."""
    match action:
        case "GetConfiguration":
            return _read(_keys(answer))
        case "ChangeConfiguration":
            return _read(_changed_key(request, answer))
        case "GetVariables":
            return _read(_values(answer))
        case "SetVariables":
            return _read(_set_values(request, answer))
    return []


def _read(variables: Iterator[Variable]) -> list[Variable]:
    """As many as can be understood; of a variable that is told twice the last."""
    found: dict[Place, Variable] = {}
    try:
        for variable in variables:
            found[variable.place] = variable
    except _UNREADABLE:
        pass
    return list(found.values())


def _described(payload: Mapping[str, Any]) -> Iterator[Variable]:
    for one in payload.get("reportData") or ():
        characteristics = one.get("variableCharacteristics")
        for attribute in one["variableAttribute"]:
            mutability = clean(attribute.get("mutability"), 16) or "ReadWrite"
            place = _place(one, attribute.get("type"))
            yield Variable(
                place,
                None if mutability == "WriteOnly" else _value(place, attribute.get("value")),
                described=True,
                mutability=mutability,
                characteristics=orjson.dumps(characteristics) if characteristics else None,
            )


def _keys(answer: Mapping[str, Any]) -> Iterator[Variable]:
    for one in answer.get("configurationKey") or ():
        place = _key(one["key"])
        mutability = "ReadOnly" if one.get("readonly") is True else "ReadWrite"
        yield Variable(place, _value(place, one.get("value")), described=True, mutability=mutability)


def _changed_key(request: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Variable]:
    if answer.get("status") in _SET:
        place = _key(request["key"])
        yield Variable(place, _value(place, request["value"]))


def _values(answer: Mapping[str, Any]) -> Iterator[Variable]:
    for one in answer.get("getVariableResult") or ():
        if one.get("attributeStatus") == "Accepted":
            place = _place(one, one.get("attributeType"))
            yield Variable(place, _value(place, one.get("attributeValue")))


def _set_values(request: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Variable]:
    asked = _asked(request.get("setVariableData") or ())
    for one in answer.get("setVariableResult") or ():
        place = _place(one, one.get("attributeType"))
        if one.get("attributeStatus") in _SET and place in asked:
            yield Variable(place, _value(place, asked[place]))


def _asked(data: Iterable[Mapping[str, Any]]) -> dict[Place, Any]:
    return {_place(one, one.get("attributeType")): one.get("attributeValue") for one in data}


def _place(one: Mapping[str, Any], attribute: object) -> Place:
    component, variable = one["component"], one["variable"]
    evse = component.get("evse") or {}
    return Place(
        clean(component["name"], _NAME) or "",
        clean(component.get("instance"), _NAME) or "",
        optional_int(evse.get("id")) or 0,
        optional_int(evse.get("connectorId")) or 0,
        clean(variable["name"], _NAME) or "",
        clean(variable.get("instance"), _NAME) or "",
        clean(attribute, 16) or "Actual",
    )


def _key(name: object) -> Place:
    return Place("", "", 0, 0, clean(name, _NAME) or "", "", "Actual")


def _value(place: Place, value: object) -> str | None:
    if is_secret_setting(place.variable):
        return None
    text = clean(value, _VALUE)
    return redact_text(text) if text is not None and "://" in text else text
