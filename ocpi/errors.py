"""The errors of OCPI: each a class with a fixed HTTP status and OCPI status code.

What a handler raises and the router renders as an envelope (HTTP status, OCPI code):

    OcpiError
    ├── ClientError                       200  2000
    │   ├── InvalidParameters             200  2001
    │   │   └── PreferencesNotSupported   404  2001
    │   ├── NotEnoughInformation          200  2002
    │   ├── UnknownLocation               200  2003
    │   ├── UnknownToken                  200  2004
    │   │   └── TokenNotFound             404  2004
    │   ├── InvalidJson                   400  2001
    │   ├── Unauthenticated               401  2000
    │   ├── NotFound                      404  2000
    │   ├── MethodNotAllowed              405  2000
    │   ├── TooLarge                      413  2000
    │   └── TooManyRequests               429  2000
    ├── ServerError                       200  3000
    │   ├── UnusableClientApi             200  3001
    │   ├── UnsupportedVersion            200  3002
    │   └── MissingEndpoints              200  3003
    └── HubError                          200  4000
        ├── UnknownReceiver               200  4001
        ├── ForwardTimeout                200  4002
        └── ReceiverNotConnected          200  4003

What a call to a peer raises:

    PeerError
    ├── PeerUnreachable        no answer that means anything: connection, time-out, HTTP 5xx or 429; try again later
    ├── PeerRefused            the peer understood and said no: HTTP 4xx, or an OCPI code that is not 1xxx
    ├── PeerUnintelligible     an answer that is not OCPI
    └── EndpointMissing        the peer has no such endpoint; nothing was sent

The HTTP status is 200 for everything that reached the OCPI layer (chapter Status codes): well-formed JSON from an
authenticated peer for a resource that exists. `detail` goes to the peer and into logs: no token, no card number.
"""

from typing import ClassVar


class OcpiError(Exception):
    """Something a peer is told in an envelope. `headers` go with the HTTP answer."""

    http_status: ClassVar[int] = 200
    status_code: ClassVar[int] = 3000
    title: ClassVar[str] = "Server error"

    def __init__(self, detail: str | None = None, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.headers = headers or {}

    @property
    def message(self) -> str:
        """The `status_message` of the envelope."""
        return f"{self.title}: {self.detail}" if self.detail else self.title


class ClientError(OcpiError):
    """2000: the peer sent something that cannot be processed."""

    status_code = 2000
    title = "Client error"


class InvalidParameters(ClientError):
    """2001: a parameter or field is missing or wrong."""

    status_code = 2001
    title = "Invalid or missing parameters"


class PreferencesNotSupported(InvalidParameters):
    """Charging preferences for an EVSE that cannot have any (sessions, section ChargingPreferencesResponse)."""

    http_status = 404
    title = "The EVSE does not support charging preferences"


class NotEnoughInformation(ClientError):
    """2002: for example an authorization that cannot be decided without a location."""

    status_code = 2002
    title = "Not enough information"


class UnknownLocation(ClientError):
    """2003: for example a START_SESSION at a location that does not exist."""

    status_code = 2003
    title = "Unknown location"


class UnknownToken(ClientError):
    """2004: a token that its eMSP does not know."""

    status_code = 2004
    title = "Unknown token"


class TokenNotFound(UnknownToken):
    """2004 with HTTP 404, as real-time authorization wants it (tokens, section POST Method)."""

    http_status = 404


class InvalidJson(ClientError):
    """The body is not JSON: the request did not reach the OCPI layer."""

    http_status = 400
    status_code = 2001
    title = "The body is not valid JSON"


class Unauthenticated(ClientError):
    """No credentials token, one that nobody knows, or a registration token used outside of registration."""

    http_status = 401
    title = "The credentials token is missing or not valid here"

    def __init__(self, detail: str | None = None, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Token", **(headers or {})})


class NotFound(ClientError):
    """No such object or resource."""

    http_status = 404
    title = "Not found"


class MethodNotAllowed(ClientError):
    """The resource does not answer to this verb, or not now."""

    http_status = 405
    title = "Method not allowed"


class TooLarge(ClientError):
    """The body is larger than this server reads."""

    http_status = 413
    title = "The body is too large"


class TooManyRequests(ClientError):
    """The peer asks more often than agreed; a `Retry-After` header may say when to come back."""

    http_status = 429
    title = "Too many requests"


class ServerError(OcpiError):
    """3000: the request was right and could not be processed."""


class UnusableClientApi(ServerError):
    """3001: calling back to the peer failed during registration."""

    status_code = 3001
    title = "Unable to use the client's API"


class UnsupportedVersion(ServerError):
    """3002: no version in common."""

    status_code = 3002
    title = "Unsupported version"


class MissingEndpoints(ServerError):
    """3003: endpoints that are needed are missing at the peer."""

    status_code = 3003
    title = "No matching endpoints or expected endpoints missing"


class HubError(OcpiError):
    """4000: a hub could not route a message."""

    status_code = 4000
    title = "The hub could not route the message"


class UnknownReceiver(HubError):
    """4001: nobody is known under the address that the message is for."""

    status_code = 4001
    title = "Unknown receiver"


class ForwardTimeout(HubError):
    """4002: the message was forwarded and no answer came in time."""

    status_code = 4002
    title = "Timeout on forwarded request"


class ReceiverNotConnected(HubError):
    """4003: the receiver is not connected."""

    status_code = 4003
    title = "Connection problem: the receiver is not connected"


class PeerError(Exception):
    """A call to a peer did not end well. The text names no token and repeats no body."""

    def __init__(self, detail: str, *, http_status: int | None = None, status_code: int | None = None) -> None:
        super().__init__(detail)
        self.http_status = http_status
        self.status_code = status_code


class PeerUnreachable(PeerError):
    """Nothing was decided: worth another try. `retry_after_s` is what the peer asked for, in seconds."""

    def __init__(
        self,
        detail: str,
        *,
        http_status: int | None = None,
        status_code: int | None = None,
        retry_after_s: float | None = None,
        timed_out: bool = False,
    ) -> None:
        super().__init__(detail, http_status=http_status, status_code=status_code)
        self.retry_after_s = retry_after_s
        self.timed_out = timed_out


class PeerRefused(PeerError):
    """The peer said no. `status_message` is its own text, not to be trusted in a log or a page."""

    def __init__(
        self,
        detail: str,
        *,
        http_status: int | None = None,
        status_code: int | None = None,
        status_message: str | None = None,
    ) -> None:
        super().__init__(detail, http_status=http_status, status_code=status_code)
        self.status_message = status_message


class PeerUnintelligible(PeerError):
    """The peer answered with something that is not OCPI."""


class EndpointMissing(PeerError):
    """The peer has no endpoint for a module and side: nothing was sent."""
