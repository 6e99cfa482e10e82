"""Locations module: where one can charge, and at what (chapter Locations). Its enums are in `location_enums`."""

from typing import Annotated, ClassVar

from ocpi.types import (
    AT_LEAST_ONE,
    Boolean,
    CiString2,
    CiString3,
    CiString4,
    CiString36,
    CiString48,
    DisplayText,
    Integer,
    Matching,
    Number,
    OcpiDateTime,
    OcpiModel,
    String3,
    String4,
    String10,
    String16,
    String45,
    String64,
    String100,
    String255,
    TimeOfDay,
    Url,
)
from ocpi.v221.location_enums import (
    Capability,
    ConnectorFormat,
    ConnectorType,
    EnergySourceCategory,
    EnvironmentalImpactCategory,
    Facility,
    ImageCategory,
    ParkingRestriction,
    ParkingType,
    PowerType,
    Status,
)
from ocpi.v221.tokens import TokenType

__all__ = [
    "AdditionalGeoLocation",
    "BusinessDetails",
    "Capability",
    "Connector",
    "ConnectorFormat",
    "ConnectorType",
    "EnergyMix",
    "EnergySource",
    "EnergySourceCategory",
    "EnvironmentalImpact",
    "EnvironmentalImpactCategory",
    "Evse",
    "ExceptionalPeriod",
    "Facility",
    "GeoLocation",
    "Hours",
    "Image",
    "ImageCategory",
    "Location",
    "ParkingRestriction",
    "ParkingType",
    "PowerType",
    "PublishToken",
    "RegularHours",
    "Status",
    "StatusSchedule",
]

# The specification asks for five to seven decimals; a map needs the place, not the number of digits.
Latitude = Annotated[str, Matching(r"-?[0-9]{1,2}(\.[0-9]{1,16})?", 20)]
Longitude = Annotated[str, Matching(r"-?[0-9]{1,3}(\.[0-9]{1,16})?", 21)]


class GeoLocation(OcpiModel):
    """A point in decimal degrees, WGS 84, as strings (locations, section GeoLocation)."""

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(OcpiModel):
    """A related point, such as an entrance (locations, section AdditionalGeoLocation)."""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class Image(OcpiModel):
    """A picture or logo, sizes in pixels (locations, section Image)."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: CiString4
    width: Integer | None = None
    height: Integer | None = None


class BusinessDetails(OcpiModel):
    """A company (locations, section BusinessDetails)."""

    name: String100
    website: Url | None = None
    logo: Image | None = None


class EnergySource(OcpiModel):
    """A share of an energy mix (locations, section EnergySource)."""

    source: EnergySourceCategory
    percentage: Number


class EnvironmentalImpact(OcpiModel):
    """An impact in grams for each kWh (locations, section EnvironmentalImpact)."""

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(OcpiModel):
    """Where the energy comes from (locations, section EnergyMix)."""

    is_green_energy: Boolean
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class ExceptionalPeriod(OcpiModel):
    """An exception to the regular hours (locations, section ExceptionalPeriod)."""

    period_begin: OcpiDateTime
    period_end: OcpiDateTime


class RegularHours(OcpiModel):
    """Hours of one weekday, 1 is Monday, in local time (locations, section RegularHours)."""

    weekday: Integer
    period_begin: TimeOfDay
    period_end: TimeOfDay


class Hours(OcpiModel):
    """Opening hours (locations, section Hours)."""

    twentyfourseven: Boolean
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None


class PublishToken(OcpiModel):
    """Whose owner may see an unpublished location: all set fields must match (locations, section PublishTokenType)."""

    uid: CiString36 | None = None
    type: TokenType | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None


class StatusSchedule(OcpiModel):
    """A planned status (locations, section StatusSchedule)."""

    period_begin: OcpiDateTime
    period_end: OcpiDateTime | None = None
    status: Status


class Connector(OcpiModel):
    """A socket or cable; volts, amperes and watts (locations, section Connector)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("id",)

    id: CiString36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: Integer
    max_amperage: Integer
    max_electric_power: Integer | None = None
    tariff_ids: list[CiString36] | None = None
    terms_and_conditions: Url | None = None
    last_updated: OcpiDateTime


class Evse(OcpiModel):
    """What charges one vehicle at a time (locations, section EVSE)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("uid",)

    uid: CiString36
    evse_id: CiString48 | None = None
    status: Status
    status_schedule: list[StatusSchedule] | None = None
    capabilities: list[Capability] | None = None
    connectors: Annotated[list[Connector], AT_LEAST_ONE]
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    directions: list[DisplayText] | None = None
    parking_restrictions: list[ParkingRestriction] | None = None
    images: list[Image] | None = None
    last_updated: OcpiDateTime


class Location(OcpiModel):
    """A group of EVSEs that belong together (locations, section Location)."""

    IDENTITY: ClassVar[tuple[str, ...]] = ("country_code", "party_id", "id")

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    publish: Boolean
    publish_allowed_to: list[PublishToken] | None = None
    name: String255 | None = None
    address: String255
    city: String45
    postal_code: String10 | None = None
    state: String45 | None = None
    country: String3
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None = None
    parking_type: ParkingType | None = None
    evses: list[Evse] | None = None
    directions: list[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] | None = None
    time_zone: String255
    opening_times: Hours | None = None
    charging_when_closed: Boolean | None = None
    images: list[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: OcpiDateTime
