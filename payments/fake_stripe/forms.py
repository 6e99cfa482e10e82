"""Requests as Stripe takes them: forms with brackets (`metadata[a]=b`, `expand[0]=x`), and typed reading of them."""

from typing import Any
from urllib.parse import parse_qsl

from payments.fake_stripe.faults import Fault, Json, invalid, missing

_LONGEST = 5000
_MOST = 500
COMMON = frozenset({"expand", "metadata"})


class Params:
    """The parameters of one request. What it may have is said with the route, and anything else is refused."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def check(self, allowed: frozenset[str]) -> None:
        """Refuse what is not known."""
        if "payment_method_types" in set(self.values) - allowed:
            raise invalid(
                "payment_method_types",
                "The `payment_method_types` parameter is no longer supported. Use `allowed_payment_method_types`.",
                "payment_method_types_no_longer_supported",
            )
        if unknown := sorted(set(self.values) - allowed - COMMON):
            raise Fault(
                f"Received unknown parameter: {unknown[0]}", code="parameter_unknown", param=unknown[0], stored=False
            )

    def text(self, name: str) -> str | None:
        """A text, None when it is absent or empty."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, "Invalid string")
        if value is not None and len(value) > _LONGEST:
            raise invalid(name, f"Invalid string: must be at most {_LONGEST} characters")
        return value or None

    def needed(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not value.lstrip("-").isdigit() or not value.isascii() or len(value) > 15:
            raise invalid(name, f"Invalid integer: {value}", "parameter_invalid_integer")
        return int(value)

    def amount(self, name: str = "amount") -> int:
        """A positive number of minor units that must be there."""
        value = self.integer(name)
        if value is None:
            raise missing(name)
        if value < 1:
            raise invalid(name, "Invalid positive integer", "parameter_invalid_integer")
        if value > 99_999_999:
            raise invalid(name, "Amount must be no more than 99999999", "amount_too_large")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false when absent."""
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise invalid(name, f"Invalid boolean: {value}")
        return value == "true"

    def choice(self, name: str, *choices: str) -> str | None:
        """One of some words."""
        value = self.text(name)
        if value is not None and value not in choices:
            raise invalid(name, f"Invalid {name}: must be one of {', '.join(choices)}")
        return value

    def mapping(self, name: str) -> Json:
        """What has names of its own."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise invalid(name, "Invalid object")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise invalid(name, "Invalid array")
        return [str(value[key]) for key in sorted(value, key=lambda key: (len(key), key))]

    def part(self, name: str) -> "Params":
        """What is inside a parameter, as parameters."""
        return Params(self.mapping(name))

    def metadata(self) -> dict[str, str]:
        """Metadata: at most fifty pairs of texts."""
        found = self.mapping("metadata")
        if len(found) > 50 or any(not isinstance(value, str) or len(value) > 500 for value in found.values()):
            raise invalid("metadata", "Metadata has at most 50 keys, and values of at most 500 characters")
        return dict(found)


def decode(text: str) -> Json:
    """The nested values of a form or a query."""
    values: Json = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        raise Fault("Too many parameters", stored=False) from None
    for name, value in pairs:
        keys = name.replace("]", "").split("[")
        place: Any = values
        for key in keys[:-1]:
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise invalid(name, "Invalid object")
            place = inner
        place[keys[-1] or str(len(place))] = value
    return values
