"""ChargingProfiles module: limits of power or current over time (chapter ChargingProfiles)."""

from ocpi.types import Integer, Number, OcpiDateTime, OcpiEnum, OcpiModel, Url


class ChargingProfileResponseType(OcpiEnum):
    """First answer of the CPO (charging profiles, section ChargingProfileResponseType)."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ChargingProfileResultType(OcpiEnum):
    """Outcome at the EVSE (charging profiles, section ChargingProfileResultType)."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class ChargingRateUnit(OcpiEnum):
    """Watts, or amperes for each phase (charging profiles, section ChargingRateUnit)."""

    W = "W"
    A = "A"


class ChargingProfilePeriod(OcpiModel):
    """A limit from `start_period` seconds on (charging profiles, section ChargingProfilePeriod)."""

    start_period: Integer
    limit: Number


class ChargingProfile(OcpiModel):
    """Limits over time; `duration` in seconds (charging profiles, section ChargingProfile)."""

    start_date_time: OcpiDateTime | None = None
    duration: Integer | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Number | None = None
    charging_profile_period: list[ChargingProfilePeriod] | None = None


class ActiveChargingProfile(OcpiModel):
    """The profile as the charge point computed it (charging profiles, section ActiveChargingProfile)."""

    start_date_time: OcpiDateTime
    charging_profile: ChargingProfile


class SetChargingProfile(OcpiModel):
    """Request to set a profile (charging profiles, section SetChargingProfile)."""

    charging_profile: ChargingProfile
    response_url: Url


class ChargingProfileResponse(OcpiModel):
    """The CPO's first answer; `timeout` in seconds (charging profiles, section ChargingProfileResponse)."""

    result: ChargingProfileResponseType
    timeout: Integer


class ActiveChargingProfileResult(OcpiModel):
    """Outcome of asking for the active profile (charging profiles, section ActiveChargingProfileResult)."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(OcpiModel):
    """Outcome of setting a profile (charging profiles, section ChargingProfileResult)."""

    result: ChargingProfileResultType


class ClearProfileResult(OcpiModel):
    """Outcome of clearing a profile (charging profiles, section ClearProfileResult)."""

    result: ChargingProfileResultType
