"""What a station says and what can be asked of it, in words that no OCPP version owns.

`csms.v16` and `csms.v201` translate payloads into these facts and these commands into payloads; above them nobody knows
which version a station speaks. Energy is in Wh, power in W, times are aware UTC. An EVSE is numbered from 1, number 0
is the station as a whole; a version without EVSEs reports each of its connectors as an EVSE with one connector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple


class ConnectorStatus(StrEnum):
    """What a connector is at. `OCCUPIED` is all that a version without the finer words can say."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"
    FINISHING = "finishing"
    OCCUPIED = "occupied"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"
    UNKNOWN = "unknown"


class TokenType(StrEnum):
    """What kind of token a driver presents. A version that knows no kinds calls all of them `RFID`."""

    RFID = "rfid"
    CENTRAL = "central"
    """Made by a central system, for a remote start."""
    CONTRACT = "contract"
    KEY_CODE = "key_code"
    LOCAL = "local"
    MAC_ADDRESS = "mac_address"
    NONE = "none"
    """Charging without authorization."""


class ChargingState(StrEnum):
    """What happens inside a transaction: only `CHARGING` transfers energy, the other states occupy the place."""

    IDLE = "idle"
    EV_CONNECTED = "ev_connected"
    CHARGING = "charging"
    SUSPENDED_EV = "suspended_ev"
    SUSPENDED_EVSE = "suspended_evse"


class Sample(NamedTuple):
    """One measured value. `unit` is normalised for energy (Wh) and power (W), else as the station wrote it."""

    measurand: str
    value: Decimal
    unit: str
    phase: str | None = None
    location: str | None = None
    context: str | None = None


class Reading(NamedTuple):
    """Values measured at one moment; `at` is None when the station's time cannot be read.

    `raw` keeps, unchanged, what is no number: signed meter data, vendor texts.
    """

    at: datetime | None
    samples: tuple[Sample, ...]
    raw: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Booted:
    """The station has started and introduces itself."""

    vendor: str
    model: str
    serial: str | None = None
    firmware: str | None = None
    reason: str | None = None


class BootStatus(StrEnum):
    """What a station is told when it boots."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    """To wait, and to be set up meanwhile."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A connector (or, with EVSE 0, the station) is in this status now. `state` is set where the status tells it."""

    evse_id: int
    connector_id: int
    status: ConnectorStatus
    at: datetime | None
    error: str | None = None
    info: str | None = None
    state: ChargingState | None = None


@dataclass(frozen=True, slots=True)
class AuthorizeAsked:
    """A token was presented and the station asks whether it may charge."""

    token: str
    token_type: TokenType


class FactKind(StrEnum):
    """What a message says about a transaction."""

    STARTED = "started"
    UPDATED = "updated"
    METERED = "metered"
    STATE = "state"
    ENDED = "ended"
    ABANDONED = "abandoned"
    """Our own conclusion: another transaction has begun in the same place and this one was never ended."""


@dataclass(slots=True)  # a frozen one takes four times as long to make, and there is one for each message
class TransactionFact:
    """Something that a station said about a transaction.

    `reference` is the station's name of the transaction (1.6: our own number, as it came back), None when it gave
    none. `meter_wh` is the import register at the start or at the end. `opens` says that this message alone
    is enough to know that a transaction exists. `key` is the same for a message that is sent again.
    `guessed` marks a fact that was given to its transaction by likelihood and not by name. Nobody changes one.
    """

    kind: FactKind
    key: str
    at: datetime | None
    reference: str | None = None
    opens: bool = False
    evse_id: int | None = None
    connector_id: int | None = None
    token: str | None = None
    token_type: TokenType | None = None
    meter_wh: Decimal | None = None
    readings: tuple[Reading, ...] = ()
    state: ChargingState | None = None
    seq_no: int | None = None
    stop_reason: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    offline: bool = False
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class DataSent:
    """A message of a vendor's own (DataTransfer)."""

    vendor: str
    message: str | None
    data: Any


class Task(StrEnum):
    """What a station works at and reports the progress of."""

    FIRMWARE = "firmware"
    LOG = "log"


class Progress(StrEnum):
    """How far it is."""

    SCHEDULED = "scheduled"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    FAILED = "failed"
    IDLE = "idle"
    """Nothing is under way."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a task is: the station's own word in `word`, our number of the task where its message has one."""

    task: Task
    progress: Progress
    word: str
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class PlainlyAnswered:
    """A message that changes nothing here; `answer` is the payload to give."""

    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SigningAsked:
    """The station has made a key pair and wants a certificate: `request` is its PKCS #10 request as PEM.

    `purpose` is OCPP's certificate type, None where it says none; `request_id` goes back with the certificate.
    """

    request: str
    purpose: str | None = None
    request_id: int | None = None


class CertificateState(StrEnum):
    """What can be said of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    FAILED = "failed"
    """Nobody could be asked."""


@dataclass(frozen=True, slots=True)
class StatusWanted:
    """A certificate whose state a station wants to know: hashes and serial number in hexadecimal, and whom to ask."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """The state of a certificate; `signed` is the responder's whole answer in base64, where there is one."""

    state: CertificateState
    signed: str | None = None
    next_update_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusesAsked:
    """The station wants to know the state of certificates."""

    wanted: tuple[StatusWanted, ...]


StationFact = (
    Booted
    | StatusChanged
    | AuthorizeAsked
    | TransactionFact
    | SigningAsked
    | StatusesAsked
    | DataSent
    | Progressed
    | PlainlyAnswered
)
