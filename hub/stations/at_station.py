"""A station as a procedure sees it: what it can do, and a way to have it do something."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from csms.capabilities import Capabilities
from csms.commands import Command, CommandOutcome
from csms.link import Link
from csms.operations import ListEntry
from hub.stations.uploads import Uploads
from kit.crypto import KeyRing
from kit.tx import Database, Tx

Listed = Callable[[Tx], Awaitable[Sequence[ListEntry]]]
"""The cards that our chargers may let charge by themselves."""


class NotYet(Exception):
    """The moment has not come; nothing was sent, or nothing that does harm again."""

    def __init__(self, reason: str, after_s: float) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class AtStation:
    """A station to carry something out at. `evse_ids` are those that it has reported or that are mapped."""

    db: Database
    keys: KeyRing
    link: Link
    listed: Listed
    uploads: Uploads
    station_id: str
    timeout_s: float
    request_id: int
    can: Capabilities
    evse_ids: tuple[int, ...]

    async def call(self, command: Command) -> CommandOutcome:
        """One command."""
        return await self.link.call(self.station_id, command, timeout_s=self.timeout_s)
