"""What operators can ask of a station for its upkeep: texts, costs, monitors, certificates, customers' data."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from csms.commands import Command
from csms.operations import (
    AskCustomerInformation,
    CertificateHash,
    CertificateUse,
    ClearMessage,
    ClearMonitors,
    DeleteCertificate,
    InstallCertificate,
    MonitorKind,
    ReadCertificates,
    ReadMessages,
    ReadMonitors,
    SetMonitor,
    SetMonitoringLevel,
    ShowMessage,
    TellCost,
)
from hub.stations.intents import OneCommand


class ShowMessageIn(OneCommand):
    """Show a text on the display (2.x)."""

    operation: Literal["show_message"]
    message_id: int = Field(ge=0, le=2**31 - 1, description="The same number replaces the text.")
    text: str = Field(min_length=1, max_length=512)
    language: str = Field("en", max_length=8)
    priority: Literal["normal", "in_front", "always_front"] = "normal"
    state: Literal["idle", "charging", "faulted", "unavailable"] | None = Field(None, description="Only meanwhile.")
    start_at: AwareDatetime | None = None
    end_at: AwareDatetime | None = None
    transaction_id: int | None = Field(None, ge=1, description="Only for this transaction.")

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ShowMessage(
            self.message_id,
            self.text,
            self.language,
            self.priority,
            self.state,
            self.start_at,
            self.end_at,
            self.transaction_id,
        )


class ClearMessageIn(OneCommand):
    """Take a text off the display (2.x)."""

    operation: Literal["clear_message"]
    message_id: int = Field(ge=0, le=2**31 - 1)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ClearMessage(self.message_id)


class ReadMessagesIn(OneCommand):
    """Have the texts on the display reported (2.x)."""

    operation: Literal["read_messages"]

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadMessages(request_id)


class TellCostIn(OneCommand):
    """Tell the display what a transaction has cost: CostUpdated on 2.x, OCA's pricing extension on 1.6."""

    operation: Literal["tell_cost"]
    transaction_id: int = Field(ge=1)
    total: Decimal = Field(ge=0, max_digits=12, decimal_places=4, description="In the currency of the display.")
    meter_wh: int = Field(ge=0, description="The register that the figure is of.")
    measured_at: AwareDatetime
    charging: bool = Field(True, description="Whether energy flows.")
    final: bool = Field(False, description="The transaction is over and this is what it costs.")
    text: str = Field("", max_length=512, description="How the final cost reads.")

    @model_validator(mode="after")
    def _final_says_so(self) -> Self:
        if self.final and not self.text:
            raise ValueError("a final cost needs a text")
        return self

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        at: datetime = self.measured_at
        return TellCost(self.transaction_id, self.total, at, self.meter_wh, self.charging, self.final, self.text)


class SetMonitorIn(OneCommand):
    """Have a variable reported when it rises, falls or changes, or every so often (2.x)."""

    operation: Literal["set_monitor"]
    name: str = Field(max_length=200, examples=["EVSE@1.Power"])
    kind: MonitorKind
    value: Decimal = Field(max_digits=15, decimal_places=4, description="The threshold, the change, or seconds.")
    severity: int = Field(5, ge=0, le=9, description="0 is danger, 9 is debug.")
    transaction_only: bool = Field(False, description="Only while a transaction runs.")
    monitor_id: int | None = Field(None, ge=1, description="Replaces this one.")

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return SetMonitor(self.name, self.kind, self.value, self.severity, self.transaction_only, self.monitor_id)


class ClearMonitorsIn(OneCommand):
    """Have variables reported no more (2.x)."""

    operation: Literal["clear_monitors"]
    monitor_ids: list[int] = Field(min_length=1, max_length=100)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ClearMonitors(tuple(self.monitor_ids))


class ReadMonitorsIn(OneCommand):
    """Have the monitors that are set reported (2.x)."""

    operation: Literal["read_monitors"]

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadMonitors(request_id)


class SetMonitoringLevelIn(OneCommand):
    """Have only what is at least this severe reported (2.x)."""

    operation: Literal["set_monitoring_level"]
    severity: int = Field(ge=0, le=9)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return SetMonitoringLevel(self.severity)


class InstallCertificateIn(OneCommand):
    """Have the station trust a root certificate."""

    operation: Literal["install_certificate"]
    use: CertificateUse
    certificate: str = Field(min_length=1, max_length=5500, description="PEM.")

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return InstallCertificate(self.use, self.certificate)


class ReadCertificatesIn(OneCommand):
    """Which root certificates the station trusts."""

    operation: Literal["read_certificates"]
    use: CertificateUse

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return ReadCertificates(self.use)


class DeleteCertificateIn(OneCommand):
    """Have the station trust a root certificate no more: named as `read_certificates` names it."""

    operation: Literal["delete_certificate"]
    algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: str = Field(min_length=1, max_length=128)
    issuer_key_hash: str = Field(min_length=1, max_length=128)
    serial_number: str = Field(min_length=1, max_length=40)

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        named = (self.algorithm, self.issuer_name_hash, self.issuer_key_hash, self.serial_number)
        return DeleteCertificate(CertificateHash(*named))


class CustomerInformationIn(OneCommand):
    """Have what the station keeps of a customer reported or deleted (2.x)."""

    hidden: ClassVar[frozenset[str]] = frozenset({"token_uid", "customer"})
    operation: Literal["customer_information"]
    report: bool = True
    clear: bool = False
    token_uid: str | None = Field(None, min_length=1, max_length=36)
    customer: str | None = Field(None, min_length=1, max_length=64)

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.token_uid is None) == (self.customer is None):
            raise ValueError("name a token_uid or a customer")
        return self

    def command(self, request_id: int) -> Command:
        """See `OneCommand`."""
        return AskCustomerInformation(request_id, self.report, self.clear, token=self.token_uid, customer=self.customer)
