"""Reading and changing values at a station, in the words of the OCPP version that it speaks."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from csms.commands import CommandOutcome, CommandStatus, RawCall
from csms.link import Link
from hub.stations.desired import Version
from kit.jobs import Retry

_AT_ONCE = 5
"""Variables in one message: what the smallest stations bear."""
_GONE = (CommandStatus.OFFLINE, CommandStatus.BUSY, CommandStatus.DISCONNECTED)


class Configuring(Protocol):
    """One version's way. All raise `Retry` when the station is not there; what it does not answer is left out."""

    async def read(self, station_id: str, keys: Sequence[str]) -> dict[str, str]:
        """What the station has."""
        ...

    async def change(self, station_id: str, values: Mapping[str, str]) -> dict[str, str]:
        """Change values; the station's word for each."""
        ...


class Configuring16:
    """GetConfiguration and ChangeConfiguration. Never for all keys at once: some stations die of that."""

    def __init__(self, link: Link, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s

    async def read(self, station_id: str, keys: Sequence[str]) -> dict[str, str]:
        """What the station has."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _AT_ONCE):
            call = RawCall("GetConfiguration", {"key": list(keys[start : start + _AT_ONCE])})
            answer = await _ask(self._link, station_id, call, self._timeout_s)
            for entry in answer.get("configurationKey") or ():
                if isinstance(entry, dict) and isinstance(entry.get("value"), str):
                    found[str(entry.get("key"))] = entry["value"]
        return found

    async def change(self, station_id: str, values: Mapping[str, str]) -> dict[str, str]:
        """Change values one after the other."""
        words: dict[str, str] = {}
        for key, value in values.items():
            call = RawCall("ChangeConfiguration", {"key": key, "value": value})
            answer = await _ask(self._link, station_id, call, self._timeout_s)
            if isinstance(answer.get("status"), str):
                words[key] = answer["status"]
        return words


class Configuring2:
    """GetVariables and SetVariables."""

    def __init__(self, link: Link, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s

    async def read(self, station_id: str, keys: Sequence[str]) -> dict[str, str]:
        """What the station has."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _AT_ONCE):
            asked = [_variable(key) for key in keys[start : start + _AT_ONCE]]
            call = RawCall("GetVariables", {"getVariableData": asked})
            answer = await _ask(self._link, station_id, call, self._timeout_s)
            for key, result in _results(answer, "getVariableResult"):
                if isinstance(result.get("attributeValue"), str):
                    found[key] = result["attributeValue"]
        return found

    async def change(self, station_id: str, values: Mapping[str, str]) -> dict[str, str]:
        """Change values, a few in one message."""
        words: dict[str, str] = {}
        keys = list(values)
        for start in range(0, len(keys), _AT_ONCE):
            told = [_variable(key) | {"attributeValue": values[key]} for key in keys[start : start + _AT_ONCE]]
            answer = await _ask(
                self._link, station_id, RawCall("SetVariables", {"setVariableData": told}), self._timeout_s
            )
            for key, result in _results(answer, "setVariableResult"):
                words[key] = str(result.get("attributeStatus"))
        return words


def configuring(version: Version, link: Link, timeout_s: float) -> Configuring:
    """The way of a version."""
    return Configuring2(link, timeout_s) if version is Version.OCPP_2 else Configuring16(link, timeout_s)


async def _ask(link: Link, station_id: str, call: RawCall, timeout_s: float) -> Mapping[str, Any]:
    outcome: CommandOutcome = await link.call(station_id, call, timeout_s)
    if outcome.status in _GONE:
        raise Retry(f"the station is {outcome.status.value}")
    return outcome.payload or {}


def _variable(key: str) -> dict[str, Any]:
    component, _, variable = key.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


def _results(answer: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for result in answer.get(name) or ():
        try:
            found.append((f"{result['component']['name']}.{result['variable']['name']}", result))
        except (KeyError, TypeError):
            continue
    return found
