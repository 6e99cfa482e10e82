"""A central system on a real socket and a real database, and charge points that talk to it."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.backoffice import (
    AcceptAll,
    Admission,
    Authorization,
    AuthorizationStatus,
    AuthorizeRequest,
    Backoffice,
    BootVerdict,
    Knock,
    Refusal,
    RefusalReason,
)
from csms.conformance import Conformance
from csms.frame_log import FrameLog
from csms.logbook import Logbook
from csms.masking import Masker
from csms.record import TransactionRecord
from csms.server import CentralSystem, Limits
from csms.station import Booted, CertificateStatus, SigningAsked, StatusWanted
from csms.store import read_record
from csms.tables import Transaction, TransactionMessage
from csms.tls import Tls
from csms.vendors import VendorHandler
from kit.bulk_writer import Batch, Found
from kit.bus import Bus
from kit.bus import connect as connect_bus
from kit.clock import Clock, SystemClock
from kit.jobs import Worker
from kit.reactions import Reactions
from kit.tx import Database, Event, Tx

Answer = Callable[[str, dict[str, Any]], dict[str, Any] | None]


class MoodyDatabase(Database):
    """A database that a test can take away: as long as `away` is set, nothing can be written or read."""

    away: bool = False

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        self._check()
        async with super().tx() as tx:
            yield tx
            self._check()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        self._check()
        async with super().read() as tx:
            yield tx

    async def write(self, batch: Batch, events: Iterable[Event] = ()) -> Found:
        self._check()
        return await super().write(batch, events)

    def _check(self) -> None:
        if self.away:
            raise OperationalError("select", {}, OSError("the database is away"))


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[MoodyDatabase]:
    """An empty database with all tables."""
    database = MoodyDatabase(migrated_database_url, clock=SystemClock(), reactions=Reactions())
    yield database
    await database.close()


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    """The bus of one process."""
    one = await connect_bus("memory://")
    yield one
    await one.close()


class Desk:
    """A back office whose answers a test sets, and which remembers what it was asked."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.boot: BootVerdict | None = BootVerdict()
        self.signing: list[SigningAsked] = []
        self.statuses: dict[str, CertificateStatus] = {}
        self.knocks: list[Knock] = []
        self.unknown: set[str] = set()
        self.verdicts: dict[str, Authorization] = {}
        self.asked: list[AuthorizeRequest] = []
        self.hold: asyncio.Event | None = None
        self.admission: Callable[[str], Admission] = Admission
        self.total: Decimal | None = None

    async def admit(self, knock: Knock) -> Admission | Refusal:
        self.knocks.append(knock)
        if knock.station_id in self.unknown:
            return Refusal(RefusalReason.UNKNOWN_STATION)
        if self.passwords.get(knock.station_id, knock.password) != knock.password:
            return Refusal(RefusalReason.WRONG_PASSWORD)
        return self.admission(knock.station_id)

    async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
        if self.boot is None:
            raise RuntimeError("down")
        return self.boot

    async def certify(self, station_id: str, asked: SigningAsked) -> bool:
        self.signing.append(asked)
        return asked.request == "good"

    async def total_cost(self, transaction_id: int) -> Decimal | None:
        return self.total

    async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
        return self.statuses[wanted.serial_number]

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        self.asked.append(request)
        if self.hold is not None:
            await self.hold.wait()
        return self.verdicts.get(request.id_token, Authorization(AuthorizationStatus.ACCEPTED, "ref-1"))


@dataclass
class Point:
    """A charge point: calls that wait for their answers, and answers to the calls of the central system."""

    socket: ClientConnection
    answer: Answer = lambda _action, _payload: {"status": "Accepted"}
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    unmatched: list[list[Any]] = field(default_factory=list)
    pending: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    reader: asyncio.Task[None] | None = None

    def listen(self) -> None:
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    self.calls.append((frame[2], frame[3]))
                    answer = self.answer(frame[2], frame[3])
                    if answer is not None:
                        await self.socket.send(json.dumps([3, frame[1], answer]))
                elif (waiting := self.pending.pop(frame[1], None)) is not None:
                    waiting.set_result(frame)
                else:
                    self.unmatched.append(frame)
        except ConnectionClosed:
            pass

    async def send(self, action: str, payload: dict[str, Any], call_id: str | None = None) -> asyncio.Future[list[Any]]:
        """Send a call; the frame that answers it comes as a future."""
        call_id = call_id or str(uuid.uuid4())
        waiting: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.pending[call_id] = waiting
        await self.socket.send(json.dumps([2, call_id, action, payload]))
        return waiting

    async def frame(self, action: str, payload: dict[str, Any]) -> list[Any]:
        """Send a call and return the whole frame that answers it."""
        return await asyncio.wait_for(await self.send(action, payload), 30)

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a call and return its result; anything else fails the test."""
        frame = await self.frame(action, payload)
        assert frame[0] == 3, frame
        result: dict[str, Any] = frame[2]
        return result

    async def raw(self, data: str | bytes) -> None:
        """Send any message."""
        await self.socket.send(data)

    async def close(self) -> None:
        await self.socket.close()
        if self.reader is not None:
            await asyncio.gather(self.reader, return_exceptions=True)


@dataclass
class World:
    """A running central system."""

    system: CentralSystem
    desk: Desk
    db: Database
    metered: list[int]
    stack: AsyncExitStack

    def url(self, station_id: str) -> str:
        return f"ws://127.0.0.1:{self.system.port}/ocpp/{station_id}"

    async def point(
        self,
        station_id: str = "CP1",
        protocol: str | None = "ocpp1.6",
        password: str | None = None,
        *,
        url: str | None = None,
        user: str | None = None,
    ) -> Point:
        """A charge point that is connected, with the subprotocols it offers separated by commas."""
        headers = {}
        if password is not None:
            basic = base64.b64encode(f"{user or station_id}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        offered = None if protocol is None else [Subprotocol(name) for name in protocol.split(",")]
        socket = await connect(
            url or self.url(station_id), subprotocols=offered, additional_headers=headers, proxy=None, max_size=2**23
        )
        point = Point(socket)
        point.listen()
        self.stack.push_async_callback(point.close)
        return point

    async def record(self, transaction_id: int) -> TransactionRecord:
        async with self.db.read() as tx:
            return await read_record(tx, transaction_id)

    async def transactions(self) -> list[Transaction]:
        async with self.db.read() as tx:
            return list(await tx.all(select(Transaction).order_by(col(Transaction.id))))

    async def messages(self) -> list[TransactionMessage]:
        async with self.db.read() as tx:
            return list(await tx.all(select(TransactionMessage).order_by(col(TransactionMessage.id))))


Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(db: Database, bus: Bus) -> AsyncIterator[Build]:
    """Starts central systems: `await build(limits=…, backoffice=…, frames=…)`; all are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(
            *,
            limits: Limits | None = None,
            backoffice: Backoffice | None = None,
            clock: Clock | None = None,
            vendors: Mapping[str, VendorHandler] | None = None,
            frames: FrameLog | None = None,
            conformance: Conformance | None = None,
            tls: Tls | None = None,
        ) -> World:
            desk, metered = Desk(), list[int]()
            system = CentralSystem(
                db,
                backoffice or desk,
                bus,
                clock=clock or SystemClock(),
                port=0,
                limits=limits,
                on_metered=metered.append,
                vendors=vendors,
                masker=Masker(lambda text: f"{len(text):016x}"),
                logbook=Logbook(frames, conformance),
            )
            await system.start(tls=tls)
            stack.push_async_callback(system.stop)
            return World(system, desk, db, metered, stack)

        yield start


@pytest.fixture
async def world(build: Build) -> World:
    """A central system with a back office that a test can steer."""
    return await build()


@pytest.fixture
def heard(db: Database) -> Callable[..., Awaitable[list[Event]]]:
    """`await heard(Kind, …)` before anything happens subscribes; later it gives what was emitted since."""
    events: list[Event] = []
    subscribed: set[type[Event]] = set()

    async def collect(*kinds: type[Event]) -> list[Event]:
        for kind in kinds:
            if kind not in subscribed:
                subscribed.add(kind)
                db.reactions.on(kind, note)
        await Worker(db).drain()
        collected = events[:]
        events.clear()
        return collected

    async def note(tx: Tx, event: Event) -> None:
        events.append(event)

    return collect


@pytest.fixture
def now_text() -> Callable[[], str]:
    """The present moment as stations write it."""
    return lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def accept_all() -> AcceptAll:
    """The back office that says yes."""
    return AcceptAll()
