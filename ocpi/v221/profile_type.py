"""ProfileType, which the Sessions and the Tokens module share."""

from ocpi.types import OcpiEnum


class ProfileType(OcpiEnum):
    """Smart charging profile that a driver prefers (sessions, section ProfileType)."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"
