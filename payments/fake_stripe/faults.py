"""What the fake refuses, in Stripe's JSON."""

from typing import Any

Json = dict[str, Any]


class Fault(Exception):
    """An error answer. `stored` says whether the idempotency key remembers it: what never began is not remembered."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        stored: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        optional = {"code": code, "param": param, **more}
        self.error: Json = {"message": message, "type": type}
        self.error.update({name: value for name, value in optional.items() if value is not None})

    def body(self) -> Json:
        """The answer's body."""
        return {"error": self.error}


def missing(param: str) -> Fault:
    """A parameter that must be there is not."""
    return Fault(f"Missing required param: {param}.", code="parameter_missing", param=param, stored=False)


def invalid(param: str, message: str, code: str | None = None) -> Fault:
    """A parameter with a value that cannot be."""
    return Fault(message, code=code, param=param, stored=False)


def unknown_object(kind: str, id: str, param: str = "id", status: int = 404) -> Fault:
    """No such object."""
    return Fault(f"No such {kind}: '{id}'", status=status, code="resource_missing", param=param)


def declined(message: str, code: str, decline_code: str | None = None, **more: Any) -> Fault:
    """The card's bank says no."""
    return Fault(message, status=402, type="card_error", code=code, decline_code=decline_code, **more)


def wrong_state(message: str, intent: Json, kind: str = "payment_intent") -> Fault:
    """The object is past it, or not there yet."""
    fault = Fault(message, code=f"{kind}_unexpected_state")
    fault.error[kind] = intent
    return fault
