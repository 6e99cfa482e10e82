"""Payloads against the JSON schemas of their OCPP version, compiled once for each action when it is first met.

Real chargers break the schemas in ways that do no harm: texts longer than allowed, words that the version does not
know, extra keys, null for what is left out, a number with a fraction. Such a payload passes and its violations are
returned. What cannot be understood (something required is missing, a value of another type) raises `SchemaViolation`.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from csms.meters import number

_DEEPEST = 64
_MOST_VIOLATIONS = 32


class Fault(Enum):
    """What is wrong with a payload, in the terms of the error codes of OCPP-J."""

    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    UNREADABLE = "unreadable"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Violation:
    """A breach of the schema: where, and which rule, never the value."""

    path: str
    rule: str


class SchemaViolation(Exception):
    """A payload that cannot be accepted. The text names the place and never the value.

    `place` is known when it was the schema that was broken.
    """

    def __init__(self, fault: Fault, description: str, place: Violation | None = None) -> None:
        super().__init__(description)
        self.fault = fault
        self.description = description
        self.place = place


class Schemas:
    """The schemas of one OCPP version, a folder of the `ocpp` package. `request_suffix` ends the names of requests."""

    def __init__(self, version: str, request_suffix: str) -> None:
        # The version's own package is not imported: it brings a whole OCPP stack along.
        self._folder = resources.files("ocpp").joinpath(version, "schemas")
        self._request_suffix = request_suffix
        names = {entry.name.removesuffix(".json") for entry in self._folder.iterdir()}
        self.actions = frozenset(name.removesuffix("Response") for name in names if name.endswith("Response"))
        self.sends: frozenset[str] = frozenset()
        if request_suffix:
            self.sends = frozenset(name for name in names if not name.endswith(("Request", "Response")))
        """The actions of requests that are not answered; their schemas have no suffix."""
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def check_request(self, action: str, payload: dict[str, Any]) -> tuple[Violation, ...]:
        """The tolerable violations of a request. Raises `SchemaViolation`. Nulls are removed from the payload."""
        return self._check(self._request_name(action), payload)

    def check_response(self, action: str, payload: dict[str, Any]) -> tuple[Violation, ...]:
        """The same for the answer to a request."""
        return self._check(action + "Response", payload)

    def is_strictly_valid_request(self, action: str, payload: dict[str, Any]) -> bool:
        """Whether a request keeps every rule of its schema."""
        return self._validator(self._request_name(action)).is_valid(payload)

    def is_strictly_valid_response(self, action: str, payload: dict[str, Any]) -> bool:
        """Whether an answer keeps every rule of its schema."""
        return self._validator(action + "Response").is_valid(payload)

    def _request_name(self, action: str) -> str:
        return action if action in self.sends else action + self._request_suffix

    def _validator(self, name: str) -> jsonschema_rs.Validator:
        validator = self._validators.get(name)
        if validator is None:
            text = self._folder.joinpath(f"{name}.json").read_text(encoding="utf-8-sig")
            # Formats are not checked: zone-less times are common, and times are parsed by us in any case.
            validator = jsonschema_rs.validator_for(orjson.loads(text), validate_formats=False)
            self._validators[name] = validator
        return validator

    def _check(self, name: str, payload: dict[str, Any]) -> tuple[Violation, ...]:
        validator = self._validator(name)
        if validator.is_valid(payload):
            return ()
        violations: list[Violation] = []
        _remove_nulls(payload, "", _DEEPEST, violations)
        for error in islice(validator.iter_errors(payload), _MOST_VIOLATIONS):
            violation = Violation(_path(error.instance_path), error.kind.name)
            if not _tolerable(error):
                fault = Fault.MISSING if violation.rule == "required" else Fault.WRONG_TYPE
                raise SchemaViolation(fault, _describe(violation, error), _missing(violation, error))
            violations.append(violation)
        return tuple(violations)


@cache
def schemas_16() -> Schemas:
    """OCPP 1.6 with the security extensions."""
    return Schemas("v16", "")


@cache
def schemas_201() -> Schemas:
    """OCPP 2.0.1."""
    return Schemas("v201", "Request")


@cache
def schemas_21() -> Schemas:
    """OCPP 2.1."""
    return Schemas("v21", "Request")


def _tolerable(error: jsonschema_rs.ValidationError) -> bool:
    if "customData" in error.instance_path:
        return True
    if error.kind.name == "type":
        return _harmless_number(error)
    return error.kind.name != "required"


def _harmless_number(error: jsonschema_rs.ValidationError) -> bool:
    """A number with a fraction instead of an integer, or a sampled value as a text where a number is due or back."""
    if isinstance(error.instance, bool):
        return False
    expected = str(error.message).rpartition(" ")[2].strip('"')
    if error.instance_path[-1:] == ["value"] and "sampledValue" in error.instance_path:
        return expected in ("string", "number") and number(error.instance) is not None
    return expected == "integer" and isinstance(error.instance, float)


def _missing(violation: Violation, error: jsonschema_rs.ValidationError) -> Violation:
    """The same with the place of what is missing instead of the place that it is missing from."""
    if violation.rule != "required":
        return violation
    return Violation(_path([*error.instance_path, getattr(error.kind, "property", "")]), violation.rule)


def _describe(violation: Violation, error: jsonschema_rs.ValidationError) -> str:
    if violation.rule == "required":
        # The name of a missing property is the schema's word, not the sender's.
        return f"{violation.path or 'the payload'}: {getattr(error.kind, 'property', 'a property')} is missing"
    return f"{violation.path or 'the payload'} has a wrong type"


def _path(parts: list[str | int]) -> str:
    return "/".join(str(part)[:64] for part in parts)


def _remove_nulls(node: object, path: str, deepest: int, violations: list[Violation]) -> None:
    """Take out keys whose value is null, which many stations send for what they mean to leave out."""
    if deepest == 0:
        raise SchemaViolation(Fault.UNREADABLE, "the payload is nested too deeply")
    if isinstance(node, dict):
        for key in [key for key, value in node.items() if value is None]:
            del node[key]
            violations.append(Violation(f"{path}{str(key)[:64]}", "null"))
        for key, value in node.items():
            if isinstance(value, dict | list):
                _remove_nulls(value, f"{path}{str(key)[:64]}/", deepest - 1, violations)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            if isinstance(value, dict | list):
                _remove_nulls(value, f"{path}{index}/", deepest - 1, violations)
