"""The door: what is decided about a station before its WebSocket stands.

Refusals come before the upgrade: 404 for an unknown path or station, 401 for missing or wrong credentials, 403 for a
blocked station and one whose connection is too weak, 400 without a common subprotocol, 503 while the back office cannot
be asked or too many come at once.
"""

import http
import math
from collections.abc import Sequence

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import NegotiationError
from websockets.extensions.base import ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms.backoffice import Admission, Backoffice, Knock, Refusal, RefusalReason
from csms.connection import StationConnection
from csms.dialect import DIALECTS
from csms.handshake import (
    basic_credentials,
    choose_subprotocol,
    is_same_identity,
    offered_subprotocols,
    peer_certificate,
    station_id_of,
)
from kit.log import get
from kit.rates import Rates

log = get("csms.door")

_REFUSALS = {
    RefusalReason.UNKNOWN_STATION: http.HTTPStatus.NOT_FOUND,
    RefusalReason.WRONG_PASSWORD: http.HTTPStatus.UNAUTHORIZED,
    RefusalReason.BLOCKED: http.HTTPStatus.FORBIDDEN,
    RefusalReason.TOO_WEAK: http.HTTPStatus.FORBIDDEN,
}
_WITHOUT_COMPRESSION = "ocpp1.6"

DEFLATE: Sequence[ServerExtensionFactory] = (
    ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
)
"""Compression that keeps nothing from one message to the next: a connection that rests takes no memory for it."""


class Door:
    """Judges handshakes. `has_safe_way` says that TLS ends at a proxy before the plain listener."""

    def __init__(self, backoffice: Backoffice, path: str, rates: Rates, *, compress: bool, has_safe_way: bool) -> None:
        self._backoffice = backoffice
        self._path = path
        self._rates = rates
        self._compress = compress
        self._has_safe_way = has_safe_way
        self._turned_away = 0

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The refusal of a handshake; None lets it go on, with the admission at the connection."""
        wait_s = self._rates.take()
        if wait_s:
            return self._too_many(connection, wait_s)
        station_id = station_id_of(request.path, self._path)
        if station_id is None or not isinstance(connection, StationConnection):
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such station\n")
        try:
            credentials = basic_credentials(request.headers.get_all("Authorization"))
        except ValueError:
            return _unauthorized(connection)
        if credentials is not None and not is_same_identity(credentials[0], station_id):
            return _unauthorized(connection)
        try:
            verdict = await self._backoffice.admit(self._knock(connection, station_id, credentials))
        except Exception:
            log.exception("csms admission failed")
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if isinstance(verdict, Refusal):
            log.info("csms station refused", reason=verdict.reason)
            if verdict.reason is RefusalReason.WRONG_PASSWORD:
                return _unauthorized(connection)
            return connection.respond(_REFUSALS[verdict.reason], "refused\n")
        self._prepare(connection, request, verdict)
        return None

    def select_subprotocol(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """What will be spoken; None where the protocol is assumed. Raises `NegotiationError`."""
        chosen = choose_subprotocol(DIALECTS, offered)
        if chosen is not None:
            return Subprotocol(chosen)
        admission = connection.admission if isinstance(connection, StationConnection) else None
        if not offered and admission is not None and admission.assume_protocol in DIALECTS:
            return None
        raise NegotiationError("no common subprotocol")

    def _knock(self, connection: ServerConnection, station_id: str, credentials: tuple[str, str] | None) -> Knock:
        told = connection.transport.get_extra_info
        tls = told("ssl_object")
        return Knock(
            station_id,
            credentials[1] if credentials else None,
            is_encrypted=self._has_safe_way or tls is not None,
            certificate=None if tls is None else peer_certificate(tls.getpeercert(), tls.getpeercert(True)),
        )

    def _prepare(self, connection: StationConnection, request: Request, admission: Admission) -> None:
        connection.admission = admission
        headers = request.headers
        if admission.assume_upgrade and "Sec-WebSocket-Key" in headers:
            for name, value in (("Connection", "Upgrade"), ("Upgrade", "websocket")):
                if name in headers:
                    del headers[name]
                headers[name] = value
        spoken = choose_subprotocol(DIALECTS, offered_subprotocols(headers.get_all("Sec-WebSocket-Protocol")))
        if self._compress and spoken not in (None, _WITHOUT_COMPRESSION):
            # OCPP-J of 1.6 knows no compression; from 2.0.1 on, part 4 wants it of a central system.
            connection.protocol.available_extensions = list(DEFLATE)

    def _too_many(self, connection: ServerConnection, wait_s: float) -> Response:
        # All who are turned away would otherwise be back at the same moment.
        self._turned_away += 1
        response = connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many at once\n")
        response.headers["Retry-After"] = str(math.ceil(wait_s) + self._turned_away % 30)
        return response


def _unauthorized(connection: ServerConnection) -> Response:
    response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
    return response
