"""Validation against a wire type, and how its faults are told."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import ValidationError

from ocpi.errors import InvalidParameters
from ocpi.types import JsonValue, OcpiModel

ModelT = TypeVar("ModelT", bound=OcpiModel)

_MAX_FINDINGS = 5


def validated(model_type: type[ModelT], value: JsonValue) -> ModelT:
    """The value as the type. Raises InvalidParameters that names each fault by a JSON pointer."""
    try:
        return model_type.model_validate(value)
    except ValidationError as error:
        raise InvalidParameters(joined(list(findings(error)))) from None


def findings(error: ValidationError, *, under: str = "") -> Iterator[str]:
    """What a validation found, one sentence for each fault, led by a JSON pointer; never the faulty value itself."""
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        pointer = "".join(f"/{_pointer_token(part)}" for part in fault["loc"])
        yield f"{under}{pointer}: {fault['msg'].removeprefix('Value error, ')}"


def joined(faults: Sequence[str]) -> str:
    """A few faults as one text."""
    more = len(faults) - _MAX_FINDINGS
    return "; ".join(faults[:_MAX_FINDINGS]) + (f"; and {more} more" if more > 0 else "")


def _pointer_token(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
