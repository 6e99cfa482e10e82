"""The electrical side of a station: vehicles that take energy, and EVSEs that count it."""

from dataclasses import dataclass

from simulators.station.words import Charging, Flow

_MILLIJOULE_PER_MWH = 3600


@dataclass(slots=True)
class Vehicle:
    """A vehicle with a battery that takes its full power up to four fifths, and less and less from there."""

    capacity_wh: int = 60_000
    stored_mwh: int = 12_000_000
    max_power_w: int = 150_000

    @property
    def is_full(self) -> bool:
        """Whether it takes nothing more."""
        return self.stored_mwh >= self.capacity_wh * 1000

    def power_w(self, offered_w: int) -> int:
        """What it draws of what is offered: tapering linearly above 80 %, to a tenth of its power when nearly full."""
        if self.is_full:
            return 0
        left_percent = 100 - self.stored_mwh * 100 // (self.capacity_wh * 1000)
        most_w = self.max_power_w if left_percent >= 20 else self.max_power_w * max(left_percent * 5, 10) // 100
        return min(offered_w, most_w)

    def take(self, power_w: int, milliseconds: int) -> int:
        """Charge at a power for a time; the milliwatt-hours that went in."""
        went_in = min(power_w * milliseconds // _MILLIJOULE_PER_MWH, self.capacity_wh * 1000 - self.stored_mwh)
        self.stored_mwh += went_in
        return went_in


@dataclass(slots=True)
class Evse:
    """A place to charge, with a meter that never runs back. `limit_w` caps `power_w`; 0 holds the energy back."""

    id: int
    power_w: int
    register_mwh: int = 100_000_000
    limit_w: int | None = None
    operative: bool = True
    reserved: bool = False
    vehicle: Vehicle | None = None
    charging: Charging | None = None
    status: str = "Available"

    @property
    def register_wh(self) -> int:
        """What the meter shows."""
        return self.register_mwh // 1000

    @property
    def offered_w(self) -> int:
        """The power that the vehicle may take."""
        return self.power_w if self.limit_w is None else min(self.power_w, self.limit_w)

    @property
    def resting_status(self) -> str:
        """The status in which nobody charges: named as OCPP 1.6 names it."""
        if self.vehicle is not None:
            return "Preparing"
        if not self.operative:
            return "Unavailable"
        return "Reserved" if self.reserved else "Available"

    @property
    def flow(self) -> Flow:
        """What the energy does when there is a transaction."""
        if self.offered_w == 0:
            return Flow.SUSPENDED_EVSE
        return Flow.SUSPENDED_EV if self.vehicle is None or self.vehicle.is_full else Flow.CHARGING

    def let_flow(self, milliseconds: int) -> int:
        """Let the vehicle charge for a time; the power that it drew, in W."""
        if self.vehicle is None:
            return 0
        drawn_w = self.vehicle.power_w(self.offered_w)
        self.register_mwh += self.vehicle.take(drawn_w, milliseconds)
        return drawn_w
