"""The listener: stations connect to `ws://host:port/ocpp/{station id}`, are judged at the door, and get a session."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from websockets.asyncio.server import Server, ServerConnection, serve

from csms.backoffice import Backoffice
from csms.connection import StationConnection
from csms.dialect import DIALECTS
from csms.door import Door
from csms.drain import close_spread, finish_calls
from csms.limits import SessionLimits
from csms.link import Link
from csms.liveness import Health
from csms.logbook import Logbook
from csms.masking import Masker
from csms.noticer import Noticer
from csms.recompute import RECOMPUTED
from csms.recorder import Recorder
from csms.registry import Registry
from csms.session import NO_ANSWERS, SERVICE_RESTART, Services, Session
from csms.state import StationState
from csms.tls import Tls
from csms.vendors import VendorHandler, Vendors
from csms.writer import Writer
from kit.bus import Bus
from kit.clock import Clock
from kit.log import get
from kit.rates import Rates
from kit.tx import Database

log = get("csms.server")

_GOING_DOWN = "the central system goes down"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the listener; those of one connection are in `session`."""

    max_message_bytes: int = 2**20
    max_queued_messages: int = 16
    open_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    ping_timeout_s: float = 20.0
    liveness_interval_s: float = 5.0
    """How often it is looked who is silent."""
    seen_interval_s: float = 60.0
    """How often it is written down when stations were last heard."""
    compress: bool = True
    """Whether compression is agreed on with stations that offer it, from OCPP 2.0.1 on."""
    handshakes_per_s: float = 0.0
    """Handshakes that are looked at; the others are told to come later. 0 for any number."""
    handshake_burst: float = 100.0
    """How many may come at once after a time of rest."""
    drain_calls_s: float = 5.0
    """Longest wait for calls under way before the connections are closed."""
    drain_per_s: int = 0
    """Connections that are closed each second on the way down; 0 for all at once."""
    variables: int = 10_000
    """Variables that are kept of one station."""
    session: SessionLimits = field(default_factory=SessionLimits)


class CentralSystem:
    """The OCPP central system of one process. `link` reaches the stations of all processes.

    `has_safe_way` says that a proxy ends TLS before the plain listener.
    """

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
        has_safe_way: bool = False,
        registry: Registry | None = None,
        vendors: Mapping[str, VendorHandler] | None = None,
        logbook: Logbook | None = None,
        masker: Masker | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._writer = Writer(db, clock)
        self._recorder = Recorder(db, self._writer, clock, on_metered)
        noticer = Noticer(db, self._writer, clock, masker, most_variables=self._limits.variables)
        self._services = Services(
            self._recorder, backoffice, clock, self._limits.session, Vendors(vendors), noticer, logbook or Logbook()
        )
        self._clock = clock
        self._address = (host, port)
        rates = Rates(clock.monotonic, self._limits.handshakes_per_s, burst=self._limits.handshake_burst)
        self._door = Door(backoffice, path, rates, compress=self._limits.compress, has_safe_way=has_safe_way)
        self._tls: Tls | None = None
        self._states: WeakValueDictionary[str, StationState] = WeakValueDictionary()
        self._servers: list[Server] = []
        self._upkeep: list[asyncio.Task[None]] = []
        self._draining: set[asyncio.Task[None]] = set()
        db.doorbells.listen_below(RECOMPUTED, self._on_recomputed)
        self.registry = registry or Registry(bus)
        self.link = Link(self.registry, bus)

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._port_of(0)

    @property
    def tls_port(self) -> int:
        """The port that is listened on with TLS, once started with it."""
        return self._port_of(1)

    async def start(self, *, tls: Tls | None = None, tls_port: int = 0) -> None:
        """Listen; with `tls` on a second port, too. Raises `OSError` when a port is taken."""
        host, port = self._address
        self._tls = tls
        self._servers.append(await self._listen(host, port, None))
        if tls is not None:
            self._servers.append(await self._listen(host, tls_port, tls))
        loop = asyncio.get_running_loop()
        self._upkeep += [loop.create_task(self._keep_up()), loop.create_task(self._watch())]
        log.info("csms listening", host=host, port=self.port, tls_port=self.tls_port if tls else None)

    async def stop(self, code: int = SERVICE_RESTART) -> None:
        """Stop listening, finish calls, close the sockets with this code, and return when all that was read is stored.

        Stations are told to go a few at a time, and served until then.
        """
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)
        for server in self._servers:
            server.close(close_connections=False)
        await finish_calls(self.registry, self._limits.drain_calls_s)
        rate = self._limits.drain_per_s
        await close_spread(self.registry, self._clock, per_s=rate, code=code, reason=_GOING_DOWN)
        # Whoever came in at the last moment.
        while late := [connection for server in self._servers for connection in server.connections]:
            await asyncio.gather(*(connection.close(code, _GOING_DOWN) for connection in late))
        for server in self._servers:
            await server.wait_closed()
        await self.registry.settle()
        while self._draining:
            await asyncio.wait(self._draining)
        await self._writer.close()

    async def _listen(self, host: str, port: int, tls: Tls | None) -> Server:
        limits = self._limits
        return await serve(
            self._serve,
            host,
            port,
            process_request=self._door.admit,
            select_subprotocol=self._door.select_subprotocol,
            create_connection=StationConnection,
            compression=None,
            max_size=limits.max_message_bytes,
            max_queue=limits.max_queued_messages,
            open_timeout=limits.open_timeout_s,
            close_timeout=limits.close_timeout_s,
            ping_interval=None,  # any message shows that a station is there, not its pongs alone: see `_watch`
            server_header=None,
            ssl=None if tls is None else tls.context,
        )

    def _port_of(self, index: int) -> int:
        if index >= len(self._servers):
            raise RuntimeError("the central system is not started")
        return int(self._servers[index].sockets[0].getsockname()[1])

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
            log.info("csms station disconnected", station_id=session.station_id, code=connection.close_code)

    async def _keep_up(self) -> None:
        """Now and then: write down who was heard, and listen for stations that the bus has missed."""
        while True:
            await self._clock.sleep(self._limits.seen_interval_s)
            try:
                heard = [session for session in self.registry if session.take_heard()]
                await self._recorder.seen([(session.station_id, session.last_seen_at) for session in heard])
                await self.registry.listen_again()
                if self._tls is not None:
                    await asyncio.to_thread(self._tls.reload)
            except Exception:
                log.exception("csms upkeep failed")

    def _on_recomputed(self, station_id: str) -> None:
        """What is remembered of the station's transactions is no longer what the database holds."""
        state = self._states.get(station_id)
        if state is not None:
            self._later(state.forget_transactions())

    async def _watch(self) -> None:
        """Now and then: ping who is silent, and let go of who stays so."""
        limits = self._limits
        while True:
            await self._clock.sleep(limits.liveness_interval_s)
            now_s = self._clock.monotonic()
            for session in self.registry:
                health = session.pulse.look(now_s, limits.ping_timeout_s)
                if health is Health.PING:
                    session.ping()
                elif health is Health.GONE:
                    log.info("csms connection closed", station_id=session.station_id, reason="silent")
                    self._later(session.close(NO_ANSWERS, "silent"))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


async def _quietly(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("csms bookkeeping failed")
