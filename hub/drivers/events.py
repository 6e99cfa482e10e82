"""Facts of the drivers room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class DriverChanged(Event):
    """How a driver pays, or whether he may charge, has changed."""

    driver_id: str

    def lane(self) -> str | None:
        """One at a time for each driver."""
        return f"drivers:{self.driver_id}"
