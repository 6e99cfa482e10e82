"""What is kept of a connection besides the facts: its frames, and how its station keeps to the schemas.

A central system without a logbook works all the same; what is not kept costs nothing.
"""

from dataclasses import dataclass

from csms.conformance import Conformance
from csms.frame_log import FrameLog
from csms.schemas import SchemaViolation, Violation


@dataclass(frozen=True, slots=True)
class Logbook:
    """What all connections share; None for what is not kept."""

    frames: FrameLog | None = None
    conformance: Conformance | None = None

    def observer(self, station_id: str, session_id: str, protocol: str) -> "Observer":
        """The one that watches a new connection."""
        return Observer(self, station_id, session_id, protocol)


class Observer:
    """Watches one connection. Nothing here waits or fails."""

    __slots__ = ("_conformance", "_station_id", "_tape")

    def __init__(self, logbook: Logbook, station_id: str, session_id: str, protocol: str) -> None:
        frames = logbook.frames
        self._tape = None if frames is None else frames.tape(station_id, session_id, protocol)
        self._conformance = logbook.conformance
        self._station_id = station_id

    def heard(self, data: str | bytes, action: str | None, correlation_id: str | None = None) -> None:
        """The station has sent a frame; the action of an answer is that of the request."""
        if self._tape is not None:
            self._tape.heard(data if isinstance(data, bytes) else data.encode(), action, correlation_id)

    def said(self, data: bytes, action: str | None, correlation_id: str | None = None) -> None:
        """We have sent a frame."""
        if self._tape is not None:
            self._tape.said(data, action, correlation_id)

    def breached(
        self, action: str, breach: SchemaViolation | tuple[Violation, ...], *, is_answer: bool = False
    ) -> None:
        """A message of the station broke its schema: it was refused, or let pass all the same."""
        if self._conformance is None:
            return
        if isinstance(breach, SchemaViolation):
            self._conformance.refused(self._station_id, action, breach, is_answer=is_answer)
        else:
            self._conformance.tolerated(self._station_id, action, breach, is_answer=is_answer)

    def not_understood(self, action: str | None) -> None:
        """The station has sent what is no frame, or asked for what stations do not ask for."""
        if self._conformance is not None:
            self._conformance.not_understood(self._station_id, action)
