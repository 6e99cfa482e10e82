"""JSON of the operator API about what stations are asked to do."""

from datetime import datetime
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, TypeAdapter

from hub.stations.intents import (
    ClearCacheIn,
    Intent,
    ReadSettingsIn,
    ReadTransactionStatusIn,
    ResetIn,
    SetAvailabilityIn,
    TransferDataIn,
    TriggerIn,
    UnlockIn,
    WriteSettingsIn,
)
from hub.stations.intents_charging import (
    CancelReservationIn,
    ClearLimitsIn,
    ReadListVersionIn,
    ReadScheduleIn,
    ReserveIn,
    SendListIn,
    SetLimitIn,
)
from hub.stations.intents_files import SendLogIn, UpdateFirmwareIn
from hub.stations.intents_upkeep import (
    ClearMessageIn,
    ClearMonitorsIn,
    CustomerInformationIn,
    DeleteCertificateIn,
    InstallCertificateIn,
    ReadCertificatesIn,
    ReadMessagesIn,
    ReadMonitorsIn,
    SetMonitorIn,
    SetMonitoringLevelIn,
    ShowMessageIn,
    TellCostIn,
)

OperationIn = Annotated[
    UnlockIn
    | ResetIn
    | SetAvailabilityIn
    | TriggerIn
    | ClearCacheIn
    | ReadSettingsIn
    | WriteSettingsIn
    | TransferDataIn
    | ReadTransactionStatusIn
    | ReserveIn
    | CancelReservationIn
    | SendListIn
    | ReadListVersionIn
    | SetLimitIn
    | ClearLimitsIn
    | ReadScheduleIn
    | UpdateFirmwareIn
    | SendLogIn
    | ShowMessageIn
    | ClearMessageIn
    | ReadMessagesIn
    | TellCostIn
    | SetMonitorIn
    | ClearMonitorsIn
    | ReadMonitorsIn
    | SetMonitoringLevelIn
    | InstallCertificateIn
    | ReadCertificatesIn
    | DeleteCertificateIn
    | CustomerInformationIn,
    Field(discriminator="operation"),
]
"""Whatever can be asked; `operation` says what."""

INTENT: TypeAdapter[Intent] = TypeAdapter(OperationIn)
INTENTS: tuple[type[Intent], ...] = get_args(get_args(OperationIn)[0])
"""All of them."""


class OperationOut(BaseModel):
    """What a station was asked to do, and what came of it."""

    id: str
    station_id: str
    operation: str
    asked: dict[str, Any] = Field(description="What was asked, without cards and secrets.")
    state: str = Field(description="waiting, running, done or cancelled")
    status: str | None = Field(
        description="accepted, scheduled, reboot_required, rejected, unsupported, failed, invalid, busy, offline, "
        "timed_out or disconnected; of the last attempt while it waits"
    )
    reason: str | None = Field(description="The station's own words, or what kept it from being sent.")
    result: dict[str, Any] | None = Field(description="What was read, the same for every version of OCPP.")
    request_id: int = Field(description="Our number of it, by which the station reports later.")
    progress: str | None = Field(
        description="How far the station says it is with firmware or a log: scheduled, downloading, downloaded, "
        "installing, installed, uploading, uploaded or failed"
    )
    progress_word: str | None = Field(description="The station's own word for it.")
    progress_at: datetime | None
    attempts: int
    due_at: datetime
    give_up_at: datetime
    created_at: datetime
    ended_at: datetime | None


class ReservationOut(BaseModel):
    """A place that a station keeps, or was asked to keep."""

    reservation_id: int
    evse_id: int = Field(description="0 is any of the station.")
    state: str = Field(description="asked, held, used, refused or cancelled")
    emsp: str | None = Field(description="The partner that asked for it, as CC*PID.")
    expires_at: datetime
    created_at: datetime


class CapabilitiesOut(BaseModel):
    """What this model of station is known to be able to do, and to do otherwise."""

    station_id: str
    vendor: str | None
    model: str | None
    firmware_version: str | None
    capabilities: dict[str, Any]
    quirks: list[str]
