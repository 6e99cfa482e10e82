"""Facts of the sessions room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class CdrStored(Event):
    """A CDR was issued by us, or came from a partner; it will never change."""

    country_code: str
    party_id: str
    object_id: str
