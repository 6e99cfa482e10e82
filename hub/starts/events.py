"""Facts of the starts room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class StartRequested(Event):
    """Somebody who may charge wants to, and the charger has to be told."""

    start_id: str
