"""The listener: stations connect to `ws://host:port/ocpp/{station id}`, are judged, and get a session.

Refusals happen before the upgrade: 404 for an unknown path or station, 401 for missing or wrong credentials, 403 for
a blocked station, 400 without a common subprotocol, 503 while the back office cannot be asked.
"""

import asyncio
import http
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms.backoffice import Admission, Backoffice, Refusal, RefusalReason
from csms.dialect import DIALECTS
from csms.handshake import basic_credentials, choose_subprotocol, is_same_identity, station_id_of
from csms.link import Link
from csms.logbook import Logbook
from csms.recorder import Recorder
from csms.registry import Registry
from csms.session import Services, Session, SessionLimits
from csms.state import StationState
from csms.vendors import VendorHandler, Vendors
from csms.writer import Writer
from kit.bus import Bus
from kit.clock import Clock
from kit.log import get
from kit.tx import Database

log = get("csms.server")

SERVICE_RESTART = 1012
_REFUSALS = {
    RefusalReason.UNKNOWN_STATION: http.HTTPStatus.NOT_FOUND,
    RefusalReason.WRONG_PASSWORD: http.HTTPStatus.UNAUTHORIZED,
    RefusalReason.BLOCKED: http.HTTPStatus.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the listener; those of one connection are in `session`."""

    max_message_bytes: int = 2**20
    max_queued_messages: int = 16
    open_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    ping_timeout_s: float = 20.0
    seen_interval_s: float = 60.0
    """How often it is written down when stations were last heard."""
    session: SessionLimits = field(default_factory=SessionLimits)


class StationConnection(ServerConnection):
    """A WebSocket on its way to a session: who it was admitted as, and a protocol that is assumed."""

    admission: Admission | None = None
    assumed_protocol: str | None = None


class CentralSystem:
    """The OCPP central system of one process. `link` reaches the stations of all processes."""

    def __init__(
        self,
        db: Database,
        backoffice: Backoffice,
        bus: Bus,
        *,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 9000,
        path: str = "/ocpp",
        limits: Limits | None = None,
        on_metered: Callable[[int], None] | None = None,
        tls: ssl.SSLContext | None = None,
        registry: Registry | None = None,
        vendors: Mapping[str, VendorHandler] | None = None,
        logbook: Logbook | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._writer = Writer(db, clock)
        self._recorder = Recorder(db, self._writer, clock, on_metered)
        self._services = Services(
            self._recorder, backoffice, clock, self._limits.session, Vendors(vendors), logbook or Logbook()
        )
        self._backoffice = backoffice
        self._clock = clock
        self._address = (host, port)
        self._path = path
        self._tls = tls
        self._states: WeakValueDictionary[str, StationState] = WeakValueDictionary()
        self._server: Server | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._draining: set[asyncio.Task[None]] = set()
        self.registry = registry or Registry(bus)
        self.link = Link(self.registry, bus)

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        if self._server is None:
            raise RuntimeError("the central system is not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        limits = self._limits
        host, port = self._address
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._admit,
            select_subprotocol=self._select_subprotocol,
            create_connection=StationConnection,
            compression=None,
            max_size=limits.max_message_bytes,
            max_queue=limits.max_queued_messages,
            open_timeout=limits.open_timeout_s,
            close_timeout=limits.close_timeout_s,
            ping_timeout=limits.ping_timeout_s,
            server_header=None,
            ssl=self._tls,
        )
        self._upkeep = asyncio.get_running_loop().create_task(self._keep_up())
        log.info("csms listening", host=host, port=self.port)

    async def stop(self, code: int = SERVICE_RESTART) -> None:
        """Stop listening, close every socket with this code, and return when all that was read is stored."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.gather(self._upkeep, return_exceptions=True)
        if self._server is not None:
            self._server.close(code=code, reason="the central system goes down")
            await self._server.wait_closed()
        await self.registry.settle()
        while self._draining:
            await asyncio.wait(self._draining)
        await self._writer.close()

    # --- the handshake

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
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
            verdict = await self._backoffice.admit(station_id, credentials[1] if credentials else None)
        except Exception:
            log.exception("csms admission failed")
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if isinstance(verdict, Refusal):
            log.info("csms station refused", reason=verdict.reason)
            if verdict.reason is RefusalReason.WRONG_PASSWORD:
                return _unauthorized(connection)
            return connection.respond(_REFUSALS[verdict.reason], "refused\n")
        connection.admission = verdict
        connection.ping_interval = verdict.ping_interval_s
        return None

    def _select_subprotocol(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        chosen = choose_subprotocol(DIALECTS, offered)
        if chosen is not None:
            return Subprotocol(chosen)
        admission = connection.admission if isinstance(connection, StationConnection) else None
        if not offered and admission is not None and admission.assume_protocol in DIALECTS:
            return None
        raise NegotiationError("no common subprotocol")

    # --- connections

    async def _serve(self, connection: ServerConnection) -> None:
        admission = connection.admission if isinstance(connection, StationConnection) else None
        if admission is None:
            return
        dialect = DIALECTS[connection.subprotocol or admission.assume_protocol or ""]
        state = self._states.get(admission.station_id)
        if state is None:
            state = self._states[admission.station_id] = StationState(admission.station_id)
        session = Session(connection, state, dialect, admission, self._services)
        await self.registry.enter(session)
        self._later(self._recorder.connected(session.station_id, session.protocol))
        log.info("csms station connected", station_id=session.station_id, protocol=session.protocol)
        try:
            await session.run()
        finally:
            was_current = self.registry.get(session.station_id) is session
            await self.registry.leave(session)
            self._later(session.drained())
            if was_current:
                session.take_heard()
                self._later(self._recorder.disconnected(session.station_id, session.last_seen_at))
            log.info("csms station disconnected", station_id=session.station_id)

    async def _keep_up(self) -> None:
        """Now and then: write down who was heard, and listen for stations that the bus has missed."""
        while True:
            await self._clock.sleep(self._limits.seen_interval_s)
            try:
                heard = [session for session in self.registry if session.take_heard()]
                await self._recorder.seen([(session.station_id, session.last_seen_at) for session in heard])
                await self.registry.listen_again()
            except Exception:
                log.exception("csms upkeep failed")

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


def _unauthorized(connection: ServerConnection) -> Response:
    response = connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
    return response


async def _quietly(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("csms bookkeeping failed")
