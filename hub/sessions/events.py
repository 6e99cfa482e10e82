"""Facts of the sessions room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class SessionBegan(Event):
    """A session runs at a charger of ours."""

    transaction_id: int


@dataclass(frozen=True)
class CostDue(Event):
    """A charger that can show it is to be told what a session has cost so far."""

    transaction_id: int

    def replace_key(self) -> str | None:
        """The newest figure stands for all."""
        return str(self.transaction_id)


@dataclass(frozen=True)
class SessionEnded(Event):
    """A session at a charger of ours is over."""

    transaction_id: int


@dataclass(frozen=True)
class CdrStored(Event):
    """A CDR was issued by us, or came from a partner; it will never change."""

    country_code: str
    party_id: str
    object_id: str
