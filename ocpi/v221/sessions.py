"""Sessions module: charging that is going on (chapter Sessions)."""

from typing import ClassVar

from ocpi.types import (
    Boolean,
    CiString2,
    CiString3,
    CiString36,
    Number,
    OcpiDateTime,
    OcpiEnum,
    OcpiModel,
    Price,
    String3,
    String255,
)
from ocpi.v221.cdrs import AuthMethod, CdrToken, ChargingPeriod
from ocpi.v221.profile_type import ProfileType


class ChargingPreferencesResponse(OcpiEnum):
    """Answer to charging preferences (sessions, section ChargingPreferencesResponse)."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class SessionStatus(OcpiEnum):
    """State of a session (sessions, section SessionStatus)."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"
    PENDING = "PENDING"
    RESERVATION = "RESERVATION"


class ChargingPreferences(OcpiModel):
    """What the driver wishes; `energy_need` in kWh (sessions, section ChargingPreferences)."""

    profile_type: ProfileType
    departure_time: OcpiDateTime | None = None
    energy_need: Number | None = None
    discharge_allowed: Boolean | None = None


class Session(OcpiModel):
    """One charging session (sessions, section Session).

    A PATCH adds its `charging_periods` to those that are there (sessions, section PATCH Method).
    """

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id", "id")
    APPENDED_BY_PATCH: ClassVar[frozenset[str]] = frozenset({"charging_periods"})

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    start_date_time: OcpiDateTime
    end_date_time: OcpiDateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
    meter_id: String255 | None = None
    currency: String3
    charging_periods: list[ChargingPeriod] | None = None
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: OcpiDateTime
