"""Tokens module: what drivers identify themselves with, and real-time authorization (chapter Tokens)."""

from typing import ClassVar

from ocpi.types import (
    Boolean,
    CiString2,
    CiString3,
    CiString36,
    DisplayText,
    OcpiDateTime,
    OcpiEnum,
    OcpiModel,
    String2,
    String64,
)
from ocpi.v221.profile_type import ProfileType


class AllowedType(OcpiEnum):
    """Outcome of an authorization (tokens, section AllowedType)."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


class TokenType(OcpiEnum):
    """Kind of a token (tokens, section TokenType)."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(OcpiEnum):
    """When a CPO may authorize a token by itself (tokens, section WhitelistType)."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class EnergyContract(OcpiModel):
    """The driver's own energy contract (tokens, section EnergyContract)."""

    supplier_name: String64
    contract_id: String64 | None = None


class LocationReferences(OcpiModel):
    """A location and some of its EVSEs (tokens, section LocationReferences)."""

    location_id: CiString36
    evse_uids: list[CiString36] | None = None


class Token(OcpiModel):
    """An RFID card, an app user, … of an eMSP, unique by uid and type within it (tokens, section Token)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id", "uid", "type")

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36
    visual_number: String64 | None = None
    issuer: String64
    group_id: CiString36 | None = None
    valid: Boolean
    whitelist: WhitelistType
    language: String2 | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: OcpiDateTime


class AuthorizationInfo(OcpiModel):
    """Answer to a real-time authorization (tokens, section AuthorizationInfo)."""

    allowed: AllowedType
    token: Token
    location: LocationReferences | None = None
    authorization_reference: CiString36 | None = None
    info: DisplayText | None = None
