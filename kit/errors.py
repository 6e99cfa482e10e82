"""The errors of the house: each a class with a fixed code, HTTP status and title, rendered as RFC 9457 problems.

    Problem                          500  internal
    ├── BadRequest                   400  bad_request
    ├── Unauthenticated              401  unauthenticated
    ├── PaymentRequired              402  payment_required
    ├── Forbidden                    403  forbidden
    ├── NotFound                     404  not_found
    ├── MethodNotAllowed             405  method_not_allowed
    ├── Conflict                     409  conflict
    │   ├── RequestInFlight               request_in_flight         (kit.idempotency)
    │   └── ClaimLost                     idempotency_claim_lost    (kit.idempotency)
    ├── Gone                         410  gone
    ├── PreconditionFailed           412  precondition_failed
    ├── TooLarge                     413  too_large
    │   └── BusMessageTooLarge            bus_message_too_large     (kit.bus)
    ├── UnsupportedMedia             415  unsupported_media
    ├── InvalidInput                 422  invalid_input
    │   ├── UnknownCurrency               unknown_currency          (kit.money)
    │   ├── AmountTooLarge                amount_too_large          (kit.money)
    │   ├── TooFine                       amount_too_fine           (kit.money)
    │   └── IdempotencyKeyReused          idempotency_key_reused    (kit.idempotency)
    ├── RateLimited                  429  rate_limited
    ├── UpstreamFailed               502  upstream_failed
    │   ├── EgressRefused                 egress_refused            (kit.http)
    │   ├── ResponseTooLarge              upstream_too_large        (kit.http)
    │   └── HandlerFailed                 bus_handler_failed        (kit.bus)
    ├── Unavailable                  503  unavailable
    │   ├── NoResponders                  bus_no_responders         (kit.bus)
    │   └── BusUnavailable                bus_unavailable           (kit.bus)
    ├── UpstreamTimeout              504  upstream_timeout
    │   └── BusTimeout                    bus_timeout               (kit.bus)
    └── OtherStatus                       http_error                (kit.problems)

A room names its own error by a subclass that sets `code` and `title`. `detail` and the extension members travel to
whoever asked, and to the logs: no secret, no card number, no RFID UID, no personal data belongs in them.
"""

import re
from collections.abc import Mapping
from typing import ClassVar

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

PROBLEM_MEDIA_TYPE = "application/problem+json"
_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "code", "correlation_id"})
_CODE = re.compile(r"[a-z][a-z0-9_]*")


class Problem(Exception):
    """Something the caller is told about, in words and in a fixed code.

    `detail` explains this occurrence; `extensions` are further members of the JSON document; `headers` go with the
    HTTP answer.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong here"

    def __init__(
        self,
        detail: str | None = None,
        *,
        extensions: Mapping[str, JsonValue] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})
        if taken := _RESERVED & self.extensions.keys():
            raise ValueError(f"reserved member of a problem document: {', '.join(sorted(taken))}")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not _CODE.fullmatch(cls.code):
            raise TypeError(f"{cls.__name__}.code is not lower snake case: {cls.code!r}")


class BadRequest(Problem):
    """The request cannot be read."""

    code, status, title = "bad_request", 400, "The request cannot be read"


class Unauthenticated(Problem):
    """Nobody, or nobody known, is asking."""

    code, status, title = "unauthenticated", 401, "Sign in first"


class PaymentRequired(Problem):
    """A payment or a deposit must come first."""

    code, status, title = "payment_required", 402, "Payment is needed first"


class Forbidden(Problem):
    """Known, but not allowed."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotFound(Problem):
    """No such thing, or none that the caller may see: the two look the same."""

    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(Problem):
    """The resource exists, the verb does not."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class Conflict(Problem):
    """The present state does not allow it."""

    code, status, title = "conflict", 409, "Conflicts with the present state"


class Gone(Problem):
    """It was here and will not come back."""

    code, status, title = "gone", 410, "No longer available"


class PreconditionFailed(Problem):
    """The caller's picture of the resource is out of date."""

    code, status, title = "precondition_failed", 412, "Changed in the meantime"


class TooLarge(Problem):
    """More bytes than a limit allows."""

    code, status, title = "too_large", 413, "Too large"


class UnsupportedMedia(Problem):
    """A content type that is not understood."""

    code, status, title = "unsupported_media", 415, "Unsupported content type"


class InvalidInput(Problem):
    """Readable, but not valid. `errors` may list JSON pointers and messages, never the values."""

    code, status, title = "invalid_input", 422, "The input is not valid"


class RateLimited(Problem):
    """Too many requests; try again after `retry_after_s` seconds."""

    code, status, title = "rate_limited", 429, "Too many requests"

    def __init__(self, detail: str | None = None, *, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class UpstreamFailed(Problem):
    """A server that we depend on answered with nonsense or an error."""

    code, status, title = "upstream_failed", 502, "Another system failed"


class Unavailable(Problem):
    """Not possible at the moment; worth trying again."""

    code, status, title = "unavailable", 503, "Not available at the moment"


class UpstreamTimeout(Problem):
    """A server that we depend on did not answer in time: what it did is unknown."""

    code, status, title = "upstream_timeout", 504, "Another system did not answer in time"


def problem_json(error: Problem, instance: str | None, correlation_id: str | None) -> dict[str, JsonValue]:
    """The RFC 9457 document of an error; `instance` is the request's path, without its query."""
    document: dict[str, JsonValue] = {
        "type": f"urn:plugbridge:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    optional = {"detail": error.detail, "instance": instance, "correlation_id": correlation_id}
    document.update({name: value for name, value in optional.items() if value is not None})
    return document | error.extensions
