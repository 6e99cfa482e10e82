"""What operators can ask of a station, as JSON of the operator API: one type for each, the same for every OCPP version.

Most are one command to the station; those that are more have a procedure in `hub.stations.procedures`.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from csms.commands import Command, ResetKind, SetAvailability, Unlock
from csms.operations import ClearCache, ReadTransactionStatus, TransferData


class Intent(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="forbid")

    hidden: ClassVar[frozenset[str]] = frozenset()
    """Fields that are not shown again: cards, secrets."""

    operation: str
    at: AwareDatetime | None = Field(None, description="When to do it; at once when absent.")
    keep_trying_s: int = Field(
        0, ge=0, le=604_800, description="How long to go on trying while the station cannot be reached."
    )
    timeout_s: float = Field(30.0, gt=0, le=120, description="Longest wait for each answer of the station.")

    @property
    def patience_s(self) -> int:
        """For how long it may wait for its moment."""
        return self.keep_trying_s

    def shown(self) -> dict[str, Any]:
        """What was asked, without what is hidden."""
        asked: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude={"operation", *self.hidden})
        return asked


class OneCommand(Intent):
    """One that is one command to the station; the others have a procedure."""

    @abstractmethod
    def command(self, request_id: int) -> Command:
        """The command that does it."""


class UnlockIn(OneCommand):
    """Release the cable of a connector."""

    operation: Literal["unlock"]
    evse_id: int = Field(1, ge=1, description="On OCPP 1.6 the connector's number.")
    connector_id: int = Field(1, ge=1)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return Unlock(self.evse_id, self.connector_id)


class ResetIn(Intent):
    """Restart the station, or one EVSE where its version can."""

    operation: Literal["reset"]
    kind: ResetKind = Field(
        ResetKind.SOFT, description="soft, hard, or on_idle: when nothing charges any more, within a day."
    )
    evse_id: int | None = Field(None, ge=1)

    @property
    def patience_s(self) -> int:
        """See `Intent`."""
        return self.keep_trying_s or (86_400 if self.kind is ResetKind.ON_IDLE else 0)


class SetAvailabilityIn(OneCommand):
    """Put the station or an EVSE in or out of service. What charges may end first: the status is then `scheduled`."""

    operation: Literal["set_availability"]
    operative: bool = Field(description="In service, or out of it.")
    evse_id: int = Field(0, ge=0, description="0 is the whole station.")

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return SetAvailability(self.operative, self.evse_id)


class TriggerIn(Intent):
    """Have the station send a message now, of one EVSE or of all."""

    operation: Literal["trigger"]
    message: str = Field(max_length=50, pattern="^[A-Za-z0-9]+$", examples=["StatusNotification", "BootNotification"])
    evse_id: int | None = Field(None, ge=1, description="All EVSEs when absent.")


class ClearCacheIn(OneCommand):
    """Have the station forget the cards that it has let charge."""

    operation: Literal["clear_cache"]

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ClearCache()


class ReadSettingsIn(Intent):
    """Read settings. All of them come later on OCPP 2.x: the status is then `scheduled`."""

    operation: Literal["read_settings"]
    names: list[str] = Field(
        default_factory=list,
        max_length=200,
        description="Keys of 1.6 or Component.Variable of 2.x, either for both where they mean the same. Empty: all.",
        examples=[["HeartbeatInterval"]],
    )


class WriteSettingsIn(Intent):
    """Write settings one after the other, and read each back. One may be in force only after the next restart."""

    hidden: ClassVar[frozenset[str]] = frozenset({"values"})
    operation: Literal["write_settings"]
    values: dict[str, str] = Field(min_length=1, max_length=100, description="Value by name.")
    verify: bool = Field(True, description="Read each back, where the model bears it.")


class TransferDataIn(OneCommand):
    """Send a message of a vendor's own (DataTransfer)."""

    operation: Literal["transfer_data"]
    vendor: str = Field(min_length=1, max_length=255)
    message: str | None = Field(None, max_length=50)
    data: JsonValue = None

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return TransferData(self.vendor, self.message, self.data)


class ReadTransactionStatusIn(OneCommand):
    """Whether a transaction runs, and whether messages wait at the station (2.x)."""

    operation: Literal["read_transaction_status"]
    transaction_id: int | None = Field(None, ge=1)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadTransactionStatus(self.transaction_id)
