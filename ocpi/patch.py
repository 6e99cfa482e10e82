"""PATCH: what an object becomes when some of its fields are sent (transport and format, section PATCH).

The rules come from the full type alone, there is no second set of types with optional fields:

- `last_updated` is mandatory (status codes, 2001);
- each field that is sent is checked against the type of that field, then the whole once more;
- a field that is sent replaces the stored one as a whole, nested objects and lists too; the lists named in
  `APPENDED_BY_PATCH` grow instead (sessions, section PATCH Method);
- `null` means not specified: a PATCH cannot take a field away (locations, section PATCH Method);
- the identity of an object cannot be patched; unknown fields merge like known ones.
"""

from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from ocpi.errors import InvalidParameters
from ocpi.types import JsonObject, JsonValue, OcpiModel, same_id, to_json
from ocpi.validation import findings, joined, validated

ModelT = TypeVar("ModelT", bound=OcpiModel)


def check(model_type: type[OcpiModel], patch: JsonObject) -> None:
    """Validate a PATCH by itself, before the object that it is for is looked up. Raises InvalidParameters."""
    if "last_updated" in model_type.model_fields and patch.get("last_updated") is None:
        raise InvalidParameters("/last_updated: a PATCH must carry it")
    faults = [
        fault
        for name, adapter in _fields(model_type).items()
        if patch.get(name) is not None
        for fault in _faults_of(adapter, name, patch[name])
    ]
    if faults:
        raise InvalidParameters(joined(faults))


def merge(model_type: type[ModelT], stored: JsonObject, patch: JsonObject) -> JsonObject:
    """The stored object with the patch applied, as JSON values. Raises InvalidParameters."""
    return to_json(patched(model_type, stored, patch))


def patched(model_type: type[ModelT], stored: JsonObject, patch: JsonObject) -> ModelT:
    """The stored object with the patch applied, validated as a whole. Raises InvalidParameters."""
    check(model_type, patch)
    sent = {name: value for name, value in patch.items() if value is not None}
    for name in model_type.IDENTITY:
        if name in sent and not _same(stored.get(name), sent[name]):
            raise InvalidParameters(f"/{name}: the identity of an object cannot be patched")
    for name in model_type.APPENDED_BY_PATCH & sent.keys():
        added = _as_list(sent.pop(name))
        if added:
            sent[name] = [*_as_list(stored.get(name)), *added]
    return validated(model_type, {**stored, **sent})


@cache
def _fields(model_type: type[OcpiModel]) -> dict[str, TypeAdapter[object]]:
    return {name: TypeAdapter(field.rebuild_annotation()) for name, field in model_type.model_fields.items()}


def _faults_of(adapter: TypeAdapter[object], name: str, value: JsonValue) -> list[str]:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return list(findings(error, under=f"/{name}"))
    return []


def _same(stored: JsonValue, sent: JsonValue) -> bool:
    return isinstance(stored, str) and isinstance(sent, str) and same_id(stored, sent)


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
