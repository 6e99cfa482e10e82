"""The stations whose sockets this process holds, and what other processes tell it about them over the bus.

A process listens on the subject of a station as long as it holds that station's socket. Three kinds of message come:
a command to pass on, whose outcome is the answer; and the news that the station has connected elsewhere, or has to
come again to be judged anew, after which the socket here is closed.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from csms.commands import CommandOutcome, CommandStatus
from csms.session import GOING_AWAY, SERVICE_RESTART, Session
from csms.wire import decode_request, encode_outcome
from kit.bus import Bus, BusUnavailable, Subscription, subject_token
from kit.log import get

log = get("csms.registry")


def subject(station_id: str) -> str:
    """The bus subject on which the holder of this station's socket listens."""
    return f"csms.call.{subject_token(station_id)}"


@dataclass(slots=True)
class _Entry:
    session: Session
    subscription: Subscription | None = None


class Registry:
    """Connected stations by their canonical id."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._entries: dict[str, _Entry] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, station_id: str) -> Session | None:
        """The session of a station whose socket is here."""
        entry = self._entries.get(station_id)
        return None if entry is None else entry.session

    def __iter__(self) -> Iterator[Session]:
        return iter([entry.session for entry in self._entries.values()])

    def __len__(self) -> int:
        return len(self._entries)

    async def enter(self, session: Session) -> None:
        """A station has connected here. The newest connection wins, here and in the other processes."""
        old = self._entries.get(session.station_id)
        entry = _Entry(session, old.subscription if old is not None else None)
        self._entries[session.station_id] = entry
        if old is not None:
            self._replace(old.session)
        await self._listen(entry)
        try:
            await self._bus.publish(subject(session.station_id), orjson.dumps({"connected": session.id}))
        except BusUnavailable:
            log.warning("csms bus unavailable", station_id=session.station_id)

    async def leave(self, session: Session) -> None:
        """A connection has ended. Nothing happens when a newer one has taken its place."""
        entry = self._entries.get(session.station_id)
        if entry is None or entry.session is not session:
            return
        del self._entries[session.station_id]
        if entry.subscription is not None:
            await entry.subscription.close()

    async def listen_again(self) -> None:
        """Subscribe for the stations that connected while the bus was away."""
        for entry in [entry for entry in self._entries.values() if entry.subscription is None]:
            await self._listen(entry)

    async def settle(self) -> None:
        """Return when the connections that were replaced are closed."""
        while self._closing:
            await asyncio.wait(self._closing)

    async def _listen(self, entry: _Entry) -> None:
        if entry.subscription is not None:
            return
        station_id = entry.session.station_id

        async def handle(data: bytes) -> bytes | None:
            return await self._on_message(station_id, data)

        try:
            subscription = await self._bus.subscribe(subject(station_id), handle)
        except BusUnavailable:
            log.warning("csms bus unavailable", station_id=station_id)
            return
        if self._entries.get(station_id) is entry:
            entry.subscription = subscription
        else:
            await subscription.close()

    async def _on_message(self, station_id: str, data: bytes) -> bytes | None:
        session = self.get(station_id)
        message = orjson.loads(data)
        if "connected" in message:
            if session is not None and message["connected"] != session.id:
                self._replace(session)
            return None
        if "come_again" in message:
            self.send_away(station_id)
            return None
        if session is None:
            return encode_outcome(CommandOutcome(CommandStatus.OFFLINE, "the station is not connected"))
        command, timeout_s = decode_request(message)
        return encode_outcome(await session.call(command, timeout_s))

    def send_away(self, station_id: str) -> None:
        """Close the connection of a station whose socket is here: it comes back and is judged anew."""
        session = self.get(station_id)
        if session is not None:
            self._close(session, SERVICE_RESTART, "come again")

    def _replace(self, session: Session) -> None:
        self._close(session, GOING_AWAY, "replaced by a newer connection")

    def _close(self, session: Session, code: int, reason: str) -> None:
        session.detach()
        task = asyncio.get_running_loop().create_task(session.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
