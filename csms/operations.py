"""What an operator has a station do beside charging: the same intent for every OCPP version.

`csms.operations16` and `csms.operations201` say them in their versions' words. What a version does not have is
`UNSUPPORTED` there; nothing is sent then. `request_id` is our number under which the station reports later.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from csms.backoffice import AuthorizationStatus
from csms.charging import ChargingProfile, LimitUnit, ProfilePurpose
from csms.commands import Operation
from csms.station import TokenType


class NotInThisVersion(Exception):
    """The station's version of OCPP has no words for this command."""


@dataclass(frozen=True, slots=True)
class ClearCache(Operation):
    """Forget the verdicts on tokens."""


@dataclass(frozen=True, slots=True)
class ReadSettings(Operation):
    """Read settings by name (`csms.setting_names`), all without names.

    `result`: `{"values": [{"name", "value", "status", "readonly"}]}`. Where all of them come later in messages of
    their own, the outcome is SCHEDULED.
    """

    names: tuple[str, ...] = ()
    request_id: int = 0


@dataclass(frozen=True, slots=True)
class WriteSetting(Operation):
    """Write one setting."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TransferData(Operation):
    """A message of a vendor's own. `result`: `{"data": …}` as it came."""

    vendor: str
    message: str | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class ReadListVersion(Operation):
    """Which version of the local list the station has. `result`: `{"version": n}`; 0 is none."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A token of a local list. Without a status, it is taken off the list."""

    token: str
    token_type: TokenType = TokenType.RFID
    status: AuthorizationStatus | None = AuthorizationStatus.ACCEPTED
    expires_at: datetime | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class SendList(Operation):
    """Replace the local list (`full`), or change the entries that are named."""

    version: int
    full: bool
    entries: tuple[ListEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class SetProfile(Operation):
    """Take a charging profile; EVSE 0 is the station. One for a transaction names it."""

    evse_id: int
    profile: ChargingProfile
    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClearProfiles(Operation):
    """Forget the profiles that all of these fit."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True)
class ReadSchedule(Operation):
    """What all profiles together allow. `result`: `{"unit", "start_at", "periods": [{"start_s", "limit"}]}`."""

    evse_id: int
    duration_s: int
    unit: LimitUnit | None = None


@dataclass(frozen=True, slots=True)
class UpdateFirmware(Operation):
    """Fetch firmware from `location` and install it; signed when there are a certificate and a signature."""

    request_id: int
    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval_s: int | None = None


class LogKind(StrEnum):
    """Which log a station sends."""

    DIAGNOSTICS = "diagnostics"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class SendLog(Operation):
    """Upload a log to `location`. `result`: `{"file_name": …}`, None when there is nothing to send."""

    request_id: int
    kind: LogKind
    location: str
    oldest_at: datetime | None = None
    newest_at: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None


class CertificateUse(StrEnum):
    """What a root certificate at a station is for."""

    CENTRAL_SYSTEM = "central_system"
    MANUFACTURER = "manufacturer"
    VEHICLES = "vehicles"
    """V2G root."""
    CONTRACTS = "contracts"
    """Mobility operator root."""


@dataclass(frozen=True, slots=True)
class CertificateHash:
    """What names a certificate that a station has installed."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class InstallCertificate(Operation):
    """Trust a root certificate (PEM)."""

    use: CertificateUse
    certificate: str


@dataclass(frozen=True, slots=True)
class ReadCertificates(Operation):
    """Which roots the station trusts. `result`: `{"certificates": [{"use", "algorithm", …}]}`."""

    use: CertificateUse


@dataclass(frozen=True, slots=True)
class DeleteCertificate(Operation):
    """Trust a root no more."""

    certificate: CertificateHash


@dataclass(frozen=True, slots=True)
class ShowMessage(Operation):
    """Show a text on the display."""

    message_id: int
    text: str
    language: str = "en"
    priority: str = "normal"
    """`normal`, `in_front` or `always_front`."""
    state: str | None = None
    """Only while the station is `idle`, `charging`, `faulted` or `unavailable`."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClearMessage(Operation):
    """Take a text off the display."""

    message_id: int


@dataclass(frozen=True, slots=True)
class ReadMessages(Operation):
    """Report the texts on the display; they come in messages of their own."""

    request_id: int


@dataclass(frozen=True, slots=True)
class TellCost(Operation):
    """What a transaction has cost so far, or in all (`final`, with a text), for the display.

    1.6 is told by OCA's California pricing extension, which wants the time and the register of the figure.
    """

    transaction_id: int
    total: Decimal
    at: datetime
    meter_wh: int
    charging: bool = True
    final: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class ReadTransactionStatus(Operation):
    """Whether a transaction runs and messages wait. `result`: `{"running": bool | None, "messages_wait": bool}`."""

    transaction_id: int | None = None


class MonitorKind(StrEnum):
    """When a monitor reports its variable."""

    ABOVE = "above"
    BELOW = "below"
    CHANGE = "change"
    EVERY = "every"
    """Seconds."""
    EVERY_ALIGNED = "every_aligned"


@dataclass(frozen=True, slots=True)
class SetMonitor(Operation):
    """Report a variable. `result`: `{"monitor_id": n}`. Severity 0 is danger, 9 debug."""

    name: str
    kind: MonitorKind
    value: Decimal
    severity: int = 5
    transaction_only: bool = False
    monitor_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClearMonitors(Operation):
    """Report no more. `result`: `{"monitors": [{"monitor_id", "status"}]}`."""

    monitor_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadMonitors(Operation):
    """Report the monitors that are set; they come in messages of their own."""

    request_id: int


@dataclass(frozen=True, slots=True)
class SetMonitoringLevel(Operation):
    """Report only what is at least this severe."""

    severity: int


@dataclass(frozen=True, slots=True)
class AskCustomerInformation(Operation):
    """Report, or delete, what the station keeps of a customer; the report comes in messages of its own."""

    request_id: int
    report: bool
    clear: bool
    token: str | None = None
    token_type: TokenType = TokenType.RFID
    customer: str | None = None
