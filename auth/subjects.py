"""Who can be asking."""

from dataclasses import dataclass
from enum import StrEnum


class OperatorRole(StrEnum):
    """What an operator's key may do."""

    ADMIN = "admin"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Operator:
    """A program or person of the operator, known by an API key."""

    key_id: str
    name: str
    role: OperatorRole

    @property
    def may_change(self) -> bool:
        """Viewers look only."""
        return self.role is OperatorRole.ADMIN


@dataclass(frozen=True, slots=True)
class DriverIdentity:
    """A driver, known by a key that the operator issued."""

    driver_id: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody without an account. `secret` is what a start of theirs gave them; None before there is one."""

    address: str
    """The network address that the request came from."""
    secret: str | None = None
