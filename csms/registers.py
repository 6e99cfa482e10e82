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
LARGEST_BATTERY_WH = Decimal(1_000_000)
"""More than goes into any vehicle: the limit where the time between two readings is not known."""
_SECONDS_AN_HOUR = Decimal(3600)


class Series(NamedTuple):
    """A register followed from reading to reading.

    `total_wh` is the energy so far, `last_wh` what the next reading is compared with. After a fall, `high_wh` and
    `high_total_wh` remember where the register stood, and `low_readings` counts what was read since.
    """

    total_wh: Decimal = ZERO
    last_wh: Decimal | None = None
    last_at: datetime | None = None
    lowest_wh: Decimal | None = None
    highest_wh: Decimal | None = None
    high_wh: Decimal | None = None
    high_total_wh: Decimal = ZERO
    low_readings: int = 0
    fell: bool = False
    fell_slightly: bool = False
    jumped: bool = False

    def plus(self, wh: Decimal, at: datetime | None) -> "Series":
        """The series with one more reading; `at` is None when the station's clock cannot be trusted."""
        last = self.last_wh
        if last is None or self.lowest_wh is None or self.highest_wh is None:
            return Series(last_wh=wh, last_at=at, lowest_wh=wh, highest_wh=wh)
        lowest, highest = min(wh, self.lowest_wh), max(wh, self.highest_wh)
        total, _, _, _, _, high, high_total, low_readings, fell, fell_slightly, jumped = self
        step = wh - last
        if step < -ROUNDING_WH:
            high, high_total, low_readings, fell = last, total, 1, True
        elif step <= 0:
            fell_slightly = fell_slightly or step < 0
            wh = last
        else:
            impossible = self._impossible(step, at)
            if high is not None and wh >= high and (impossible or low_readings == 1):
                # The register is back where it was: stray or wrongly scaled readings lie between, and no energy.
                total = high_total + (wh - high)
                high, high_total, low_readings = None, ZERO, 0
            elif impossible:
                jumped = True
            else:
                total += step
                low_readings += 1
        return Series(total, wh, at, lowest, highest, high, high_total, low_readings, fell, fell_slightly, jumped)

    def between(self, start_wh: Decimal, end_wh: Decimal) -> bool:
        """Whether every reading lies between these two, so that their difference is the energy in whatever order."""
        if self.lowest_wh is None or self.highest_wh is None:
            return start_wh <= end_wh
        return start_wh <= self.lowest_wh and self.highest_wh <= end_wh

    def _impossible(self, step: Decimal, at: datetime | None) -> bool:
        if step <= LARGEST_STEP_WH:
            return False
        if at is None or self.last_at is None or at <= self.last_at:
            return step > LARGEST_BATTERY_WH
        seconds = Decimal(str((at - self.last_at).total_seconds()))
        return step > LARGEST_POWER_W * seconds / _SECONDS_AN_HOUR + LARGEST_STEP_WH
