"""HubClientInfo module: which parties of a hub can be reached (chapter HubClientInfo)."""

from typing import ClassVar

from ocpi.types import CiString2, CiString3, OcpiDateTime, OcpiEnum, OcpiModel, Role


class ConnectionStatus(OcpiEnum):
    """Status of the connection to a party (hub client info, section ConnectionStatus)."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


class ClientInfo(OcpiModel):
    """A party behind a hub (hub client info, section ClientInfo)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id")

    party_id: CiString3
    country_code: CiString2
    role: Role
    status: ConnectionStatus
    last_updated: OcpiDateTime
