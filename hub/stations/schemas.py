"""JSON of the operator API about stations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.parties.schemas import PARTY

StationId = Annotated[
    str, Field(min_length=1, max_length=48, pattern=r"^[^\x00-\x20/\\?#]([^\x00-\x1f/\\?#]*[^\x00-\x20/\\?#])?$")
]


class EvseIn(BaseModel):
    """Which EVSE and connector of the location an EVSE of the station is."""

    model_config = ConfigDict(extra="forbid")

    evse_id: int = Field(ge=1, le=999, description="The station's own number; on OCPP 1.6 the connector's.")
    evse_uid: str = Field(min_length=1, max_length=36, description="The EVSE's `uid` in the location.")
    connector_id: str = Field("1", min_length=1, max_length=36, description="The connector's `id` in the EVSE.")


class StationIn(BaseModel):
    """A station to register."""

    model_config = ConfigDict(extra="forbid")

    id: StationId = Field(description="What the station puts at the end of its URL.")
    location_id: str | None = Field(
        None, max_length=36, description="Its location; without one it gets an unpublished location of its own."
    )
    evses: list[EvseIn] = Field(
        default_factory=list, max_length=100, description="Which EVSE is which; the location's order when empty."
    )
    password: str | None = Field(
        None, min_length=8, max_length=64, description="HTTP Basic password; a random one when absent."
    )
    cpo: str | None = Field(None, pattern=PARTY, description="Our CPO party as CC*PID.")


class StationCreated(BaseModel):
    """A new station, and the password that is shown this once; null when the station keeps the one that it has."""

    id: str
    location_id: str
    password: str | None
    ocpp_url: str = Field(description="Where the station connects to, its id appended.")


class AcceptIn(BaseModel):
    """How a station in quarantine is registered."""

    model_config = ConfigDict(extra="forbid")

    location_id: str | None = Field(None, max_length=36, description="As at registration.")
    evses: list[EvseIn] = Field(default_factory=list, max_length=100, description="As at registration.")
    password: str | None = Field(
        None, min_length=8, max_length=64, description="A new password; the station keeps its own when absent."
    )
    cpo: str | None = Field(None, pattern=PARTY, description="Our CPO party as CC*PID.")


class ApplicantOut(BaseModel):
    """A station in quarantine, as it introduced itself."""

    id: str
    first_seen_at: datetime
    is_blocked: bool
    has_password: bool
    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None


class StationDoorIn(BaseModel):
    """What is to change about how a station may connect."""

    model_config = ConfigDict(extra="forbid")

    is_blocked: bool = Field(False, description="Refuse it.")
    minimum_profile: int = Field(1, ge=1, le=3, description="Lowest OCPP security profile: 1, 2 with TLS, 3.")
    assume_protocol: Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] | None = Field(
        None, description="For a station that offers no WebSocket subprotocol."
    )
    assume_upgrade: bool = Field(False, description="For a station that forgets the header `Connection: Upgrade`.")
    ping_interval_s: int | None = Field(None, ge=0, le=3600, description="0 for no pings, null for the setting's.")
    password: str | None = Field(None, min_length=8, max_length=64, description="A new password, good at once.")


class StationDoorOut(BaseModel):
    """How a station may connect, and with which security profile it did last."""

    is_blocked: bool
    minimum_profile: int
    seen_profile: int | None
    assume_protocol: str | None
    assume_upgrade: bool
    ping_interval_s: int | None


class CertificateOut(BaseModel):
    """A certificate of a station."""

    fingerprint: str = Field(description="SHA-256, hexadecimal.")
    station_id: str
    is_ours: bool = Field(description="Issued by our own CA.")
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    replaced_at: datetime | None = Field(description="Since then the station uses a newer one.")
    revoked_at: datetime | None


class AuthorityOut(BaseModel):
    """Our own CA for stations."""

    certificate: str = Field(description="PEM. What checks certificates of stations has to trust it.")


class DesiredIn(BaseModel):
    """A value that stations are to have. Patterns know `*` and `?`; the most specific row of a key counts."""

    model_config = ConfigDict(extra="forbid")

    version: Literal["1.6", "2"] = Field(description="Whose keys: those of OCPP 1.6, or of 2.0.1 and 2.1.")
    vendor: str = Field("*", min_length=1, max_length=100, description="Pattern of the vendor's name.")
    model: str = Field("*", min_length=1, max_length=100, description="Pattern of the model.")
    location_id: str | None = Field(None, max_length=36)
    station_id: str | None = Field(None, max_length=48)
    key: str = Field(
        min_length=1,
        max_length=200,
        description="Configuration key, or `Component.Variable` of 2.x.",
        examples=["MeterValueSampleInterval", "SampledDataCtrlr.TxUpdatedInterval"],
    )
    value: str = Field(max_length=2500)
    is_required: bool = Field(False, description="A station has to be told it before it may work.")


class DesiredOut(DesiredIn):
    """A value that stations are to have."""

    model_config = ConfigDict(extra="ignore")

    id: int
    created_at: datetime


class ValueOut(BaseModel):
    """A value that a station is to have, and what it has."""

    key: str
    desired: str
    actual: str | None
    outcome: Literal["as_wanted", "reboot_needed", "rejected", "unknown_key", "drift", "unread", "told"]
    checked_at: datetime


class ConfigurationOut(BaseModel):
    """How far a station is from its configuration."""

    station_id: str
    has_drift: bool
    values: list[ValueOut]


class UpgradeIn(BaseModel):
    """Where a station is to move."""

    model_config = ConfigDict(extra="forbid")

    profile: int = Field(ge=1, le=3, description="OCPP security profile: 1 password, 2 with TLS, 3 certificate.")
    new_password: bool = Field(False, description="Give it a new password, too.")
    url_key: str | None = Field(
        None, max_length=50, description="1.6 only: the vendor's configuration key for the URL, if it has to change."
    )
    slot: int | None = Field(None, ge=1, le=99, description="2.x only: configuration slot; a free one when absent.")
    interface: Literal["Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"] = (
        Field("Wired0", description="2.x only: the network interface of the new profile.")
    )


class UpgradeOut(BaseModel):
    """How an upgrade goes: `waiting` is for the station to come back in the new way."""

    profile: int
    state: Literal["preparing", "waiting", "verified", "failed"]
    detail: str | None
    started_at: datetime
    finished_at: datetime | None


class ConnectorOut(BaseModel):
    """One connector as the station last described it."""

    evse_id: int
    connector_id: int
    status: str
    updated_at: datetime


class EvseOut(BaseModel):
    """Which EVSE of the location an EVSE of the station is."""

    evse_id: int
    evse_uid: str
    connector_id: str


class StationOut(BaseModel):
    """A station: who it is, where it stands, and what it does."""

    id: str
    location_id: str
    cpo: str
    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    last_seen_at: datetime | None
    evses: list[EvseOut]
    connectors: list[ConnectorOut]
    created_at: datetime


class CallIn(BaseModel):
    """Any OCPP request to the station, in the words of the version that it speaks."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9]+$", examples=["TriggerMessage"])
    payload: dict[str, Any] = Field(default_factory=dict)
    timeout_s: float = Field(30.0, gt=0, le=120)


class CallOut(BaseModel):
    """The station's answer: `payload` when it answered, `error` when it refused with a CALLERROR."""

    station_id: str
    action: str
    payload: dict[str, Any] | None
    error: dict[str, Any] | None
