"""Energy from the readings of a meter register that may jump, restart from zero or be read out of order.

Pure. A register should only rise. What it falls by never becomes energy, neither does a rise that no charger can
deliver; both are remembered so that a person can look.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

ZERO = Decimal(0)
ROUNDING_WH = Decimal(10)
"""A fall of so little is a matter of rounding between two counters of one meter."""
LARGEST_POWER_W = Decimal(4_000_000)
"""More than any charger delivers, megawatt charging included."""
LARGEST_STEP_WH = Decimal(100_000)
"""Between two readings so much is believed at any speed: readings are rare, their times coarse and often wrong."""
_SECONDS_AN_HOUR = Decimal(3600)


class Series(NamedTuple):
    """A register followed from reading to reading.

    `total_wh` is the energy so far, `last_wh` what the next reading is compared with. After a fall, `high_wh` and
    `high_total_wh` remember where the register stood, until a second reading shows that it goes on from below.
    """

    total_wh: Decimal = ZERO
    last_wh: Decimal | None = None
    last_at: datetime | None = None
    lowest_wh: Decimal | None = None
    highest_wh: Decimal | None = None
    high_wh: Decimal | None = None
    high_total_wh: Decimal = ZERO
    fell: bool = False
    fell_slightly: bool = False
    jumped: bool = False

    def plus(self, wh: Decimal, at: datetime | None) -> "Series":
        """The series with one more reading; `at` is None when the station's clock cannot be trusted."""
        if self.last_wh is None:
            return Series(last_wh=wh, last_at=at, lowest_wh=wh, highest_wh=wh)
        total, last, fell, slightly, jumped = self.total_wh, wh, self.fell, self.fell_slightly, self.jumped
        high: Decimal | None = None
        high_total = ZERO
        step = wh - self.last_wh
        if step < -ROUNDING_WH:
            fell, high, high_total = True, self.last_wh, total
        elif step < 0:
            slightly, last = True, self.last_wh
            high, high_total = self.high_wh, self.high_total_wh
        elif self.high_wh is not None and wh >= self.high_wh:
            # One stray low reading, and the register is back where it was: what lies between was never delivered.
            total = self.high_total_wh + (wh - self.high_wh)
        elif self._impossible(step, at):
            jumped = True
        else:
            total += step
            if step == 0:
                high, high_total = self.high_wh, self.high_total_wh
        lowest = min(wh, self.lowest_wh if self.lowest_wh is not None else wh)
        highest = max(wh, self.highest_wh if self.highest_wh is not None else wh)
        return Series(total, last, at, lowest, highest, high, high_total, fell, slightly, jumped)

    def between(self, start_wh: Decimal, end_wh: Decimal) -> bool:
        """Whether every reading lies between these two, so that their difference is the energy in whatever order."""
        if self.lowest_wh is None or self.highest_wh is None:
            return start_wh <= end_wh
        return start_wh <= self.lowest_wh and self.highest_wh <= end_wh

    def _impossible(self, step: Decimal, at: datetime | None) -> bool:
        if at is None or self.last_at is None or at <= self.last_at:
            return False
        seconds = Decimal(str((at - self.last_at).total_seconds()))
        return step > LARGEST_POWER_W * seconds / _SECONDS_AN_HOUR + LARGEST_STEP_WH
