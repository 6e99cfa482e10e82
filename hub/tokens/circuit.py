"""Whether a partner that has not been answering is asked: one dead eMSP must not make every card wait for it. Pure.

asked ──fails FAILURES times in a row──► left alone for PAUSE_S ──then──► tried by one question ──fails──► left alone
  ▲────────────────────────────── answers, whatever it says ─────────────────────┘
"""

from dataclasses import dataclass, replace
from enum import StrEnum

FAILURES = 3
PAUSE_S = 30.0


class Way(StrEnum):
    """What to do with a partner now."""

    ASK = "ASK"
    TRY = "TRY"
    """Ask, but let nobody wait for it who has other answers."""
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of one partner: failures in a row, and the moment on a monotonic clock until which it is alone."""

    failures: int = 0
    alone_until_s: float = 0.0

    def way(self, now_s: float) -> Way:
        """Whether to ask the partner."""
        if self.failures < FAILURES:
            return Way.ASK
        return Way.TRY if now_s >= self.alone_until_s else Way.SKIP

    def tried(self, now_s: float) -> "Circuit":
        """A question is on its way to find out: the others leave the partner alone meanwhile."""
        return replace(self, alone_until_s=now_s + PAUSE_S)

    def answered(self) -> "Circuit":
        """It answered."""
        return Circuit()

    def failed(self, now_s: float) -> "Circuit":
        """It did not answer, or not in time."""
        return Circuit(min(self.failures + 1, FAILURES), now_s + PAUSE_S)
