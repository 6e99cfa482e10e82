"""Facts of the starts room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class StartRequested(Event):
    """Somebody who may charge wants to, and the charger has to be told."""

    start_id: str


@dataclass(frozen=True)
class StartGivenUp(Event):
    """A start that money was put aside for has come to nothing: on a card, or, without a hold, in a wallet."""

    start_id: str
    hold_id: str | None

    def lane(self) -> str | None:
        """One at a time for each start."""
        return f"starts.money:{self.start_id}"


@dataclass(frozen=True)
class SessionProgressed(Event):
    """The session of a start that money was put aside for has come further."""

    start_id: str

    def replace_key(self) -> str | None:
        """The newest look stands for all."""
        return self.start_id


@dataclass(frozen=True)
class SessionMatched(Event):
    """A partner's session is known to be that of one of our starts; its CDR may have come before it."""

    country_code: str
    party_id: str
    session_id: str
