"""The bounds of one connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds of one connection."""

    lane: int = 64
    """Calls of the station that wait to be handled; beyond them its socket is not read."""
    authorizations: int = 4
    """Authorizations under way at once."""
    waiting_calls: int = 16
    """Calls of ours that wait for their turn."""
    silent_calls: int = 3
    """Calls of ours without an answer, one after the other, that end the connection."""
    bad_frames: int = 100
    """Unreadable messages, one after the other, that end the connection."""
    verdict_grace_s: float = 0.05
    """How long a start waits for the verdict before it is stored without."""
    authorize_timeout_s: float = 25.0
    """Longest wait for the back office; the token is then not accepted."""
    settle_s: float = 0.0
    """How long a station that has just booted, or come back, is not called."""
    patience_s: float = 0.0
    """After so long a station that has never booted is asked to; 0 for never."""
