"""How a hub that is a fork of `tests.journeys.nursery` is made to die at one commit, and to live in another time.

The points at which a process can die are its commits: what it does outside lies between two of them, so that dying
right after the first is dying before the call, and dying right before the second is dying after it. Each is called by
what does it, the kind of a job or the function that writes, by what follows from it, and by which time that is.
"""

import mmap
import os
import signal
import struct
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hub.app
from kit.clock import SystemClock
from kit.jobs import _current
from kit.tx import Database, Tx

ROOMS = ("hub", "csms", "payments", "auth")


@dataclass(frozen=True)
class Point:
    """Before or after the commit that has this label for the n-th time."""

    label: str
    nth: int = 1
    after: bool = True

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.label} #{self.nth}"


@dataclass(frozen=True)
class Doom:
    """When to die, if at all; `trace` is where the commits are told, `clock` by how many seconds time is ahead."""

    trace: str
    clock: str
    point: Point | None = None

    def wish(self) -> dict[str, Any]:
        """As JSON for the nursery."""
        return asdict(self)


def install(wish: dict[str, Any]) -> None:
    """Let this process be doomed."""
    doom = Doom(wish["trace"], wish["clock"], Point(**wish["point"]) if wish["point"] else None)
    trace = os.open(doom.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen: Counter[str] = Counter()
    finish, write = Tx._finish, Database.write

    def reached(label: str, *, after: bool) -> None:
        if doom.point == Point(label, seen[label], after):
            os.write(trace, b"dead\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(label: str) -> str:
        seen[label] += 1
        os.write(trace, f"{label}\n".encode())
        reached(label, after=False)
        return label

    async def doomed_finish(tx: Tx) -> None:
        follows = sorted({_short(job.kind) for job in tx._jobs})
        label = begin(" → ".join([_label(), *([", ".join(follows)] if follows else [])]))
        await finish(tx)
        reached(label, after=True)

    async def doomed_write(db: Database, batch: Any, events: Iterable[Any] = ()) -> None:
        facts = list(events)
        kinds = ", ".join(sorted({type(fact).__name__ for fact in facts})) or "rows"
        label = begin(f"{_label()} → {kinds}")
        await write(db, batch, facts)
        reached(label, after=True)

    Tx._finish = doomed_finish  # type: ignore[method-assign]
    Database.write = doomed_write  # type: ignore[method-assign]
    hub.app.SystemClock = lambda: Ahead(doom.clock)  # type: ignore[misc, assignment]


class Ahead(SystemClock):
    """The machine's clock and as many seconds as a file says, which its owner may change at any time."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            self._file = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def now(self) -> datetime:
        """The present moment there."""
        return super().now() + timedelta(seconds=struct.unpack("d", self._file[:8])[0])


def set_ahead(path: Path, seconds: float) -> None:
    """Say how far ahead time is."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(struct.pack("d", seconds))


def _label() -> str:
    """Which job commits, or which function."""
    job = _current.get()
    frame = sys._getframe(2)
    while frame is not None:
        room, _, rest = frame.f_globals.get("__name__", "").partition(".")
        if room in ROOMS and rest:
            if (room, rest) == ("hub", "cli"):
                break
            return f"{_short(job.kind) + ' in ' if job else ''}{room}.{rest}.{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return f"{_short(job.kind)} is done" if job else ""


def _short(kind: str) -> str:
    """`hub.sessions.events.CdrStored:bill` as `CdrStored:bill`."""
    return kind.rpartition(".")[2] if ":" in kind else kind
