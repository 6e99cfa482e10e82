"""CDRs module: the record that is billed (chapter CDRs)."""

from typing import Annotated, ClassVar

from ocpi.types import (
    AT_LEAST_ONE,
    Boolean,
    CiString2,
    CiString3,
    CiString32,
    CiString36,
    CiString39,
    CiString48,
    Integer,
    Number,
    OcpiDateTime,
    OcpiEnum,
    OcpiModel,
    OpaqueString,
    Price,
    String3,
    String10,
    String45,
    String255,
    String512,
)
from ocpi.v221.locations import ConnectorFormat, ConnectorType, GeoLocation, PowerType
from ocpi.v221.tariffs import Tariff
from ocpi.v221.tokens import TokenType


class AuthMethod(OcpiEnum):
    """How the driver was authorized (CDRs, section AuthMethod)."""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class CdrDimensionType(OcpiEnum):
    """What a volume measures (CDRs, section CdrDimensionType). Energy in kWh, time in hours, power in kW."""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"


SESSION_ONLY_DIMENSIONS = frozenset(
    {
        CdrDimensionType.CURRENT,
        CdrDimensionType.ENERGY_EXPORT,
        CdrDimensionType.ENERGY_IMPORT,
        CdrDimensionType.POWER,
        CdrDimensionType.STATE_OF_CHARGE,
    }
)
"""Dimensions that belong into Sessions and shall not stand in a CDR."""


class CdrDimension(OcpiModel):
    """A volume of one dimension (CDRs, section CdrDimension)."""

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(OcpiModel):
    """A stretch of a session; it ends where the next one starts (CDRs, section ChargingPeriod)."""

    start_date_time: OcpiDateTime
    dimensions: Annotated[list[CdrDimension], AT_LEAST_ONE]
    tariff_id: CiString36 | None = None


class CdrToken(OcpiModel):
    """The token that a session was started with (CDRs, section CdrToken)."""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: TokenType
    contract_id: CiString36


class CdrLocation(OcpiModel):
    """The location as it was when the session started (CDRs, section CdrLocation)."""

    id: CiString36
    name: String255 | None = None
    # The errata widened address and state of Location and left their copies here at 45 and 20: a copy must fit.
    address: String255
    city: String45
    postal_code: String10 | None = None
    state: String45 | None = None
    country: String3
    coordinates: GeoLocation
    evse_uid: CiString36
    evse_id: CiString48
    connector_id: CiString36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class SignedValue(OcpiModel):
    """A meter value in plain and in signed form, kept to the letter (CDRs, section SignedValue)."""

    nature: CiString32
    plain_data: Annotated[str, OpaqueString(5000)]
    signed_data: Annotated[str, OpaqueString(5000)]


class SignedData(OcpiModel):
    """The signed values of a session and how to check them (CDRs, section SignedData)."""

    encoding_method: CiString36
    encoding_method_version: Integer | None = None
    public_key: Annotated[str, OpaqueString(512)] | None = None
    signed_values: Annotated[list[SignedValue], AT_LEAST_ONE]
    url: String512 | None = None


class Cdr(OcpiModel):
    """A charge detail record; it never changes, it is credited (CDRs, section CDR).

    Energies are kWh, times hours.
    """

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id", "id")

    country_code: CiString2
    party_id: CiString3
    id: CiString39
    start_date_time: OcpiDateTime
    end_date_time: OcpiDateTime
    session_id: CiString36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    cdr_location: CdrLocation
    meter_id: String255 | None = None
    currency: String3
    tariffs: list[Tariff] | None = None
    charging_periods: Annotated[list[ChargingPeriod], AT_LEAST_ONE]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Number
    total_energy_cost: Price | None = None
    total_time: Number
    total_time_cost: Price | None = None
    total_parking_time: Number | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: String255 | None = None
    invoice_reference_id: CiString39 | None = None
    credit: Boolean | None = None
    credit_reference_id: CiString39 | None = None
    home_charging_compensation: Boolean | None = None
    last_updated: OcpiDateTime
