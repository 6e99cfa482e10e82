"""Versions module: which versions, modules and endpoints a platform offers (chapter Versions)."""

from typing import Annotated

from ocpi.types import AT_LEAST_ONE, OcpiEnum, OcpiModel, Url


class VersionNumber(OcpiEnum):
    """Known versions (versions, section VersionNumber)."""

    V2_0 = "2.0"
    V2_1 = "2.1"
    V2_1_1 = "2.1.1"
    V2_2 = "2.2"
    V2_2_1 = "2.2.1"


class ModuleId(OcpiEnum):
    """Module identifiers (versions, section ModuleID); custom modules are further values."""

    CDRS = "cdrs"
    CHARGING_PROFILES = "chargingprofiles"
    COMMANDS = "commands"
    CREDENTIALS = "credentials"
    HUB_CLIENT_INFO = "hubclientinfo"
    LOCATIONS = "locations"
    SESSIONS = "sessions"
    TARIFFS = "tariffs"
    TOKENS = "tokens"


class InterfaceRole(OcpiEnum):
    """Which side of a module an endpoint implements (versions, section InterfaceRole)."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class Version(OcpiModel):
    """A supported version and where its details are (versions, section Version)."""

    version: VersionNumber
    url: Url


class Endpoint(OcpiModel):
    """One interface of one module (versions, section Endpoint)."""

    identifier: ModuleId
    role: InterfaceRole
    url: Url


class VersionDetails(OcpiModel):
    """All endpoints of one version (versions, section Version details endpoint)."""

    version: VersionNumber
    endpoints: Annotated[list[Endpoint], AT_LEAST_ONE]
