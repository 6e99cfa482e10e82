"""Small readers of payload values that the versions share: texts, integers, times and the key of a message. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from csms.backoffice import AuthorizationStatus
from csms.commands import Command, CommandOutcome, CommandStatus, RawCall
from csms.operations import CertificateHash, CertificateUse
from csms.schemas import Fault, SchemaViolation
from csms.station import BootStatus, DataSent, Progress, Progressed, SigningAsked, Task, TokenType

LARGEST_INT32 = 2**31 - 1
BOOT_WORD: Mapping[BootStatus, str] = {
    BootStatus.ACCEPTED: "Accepted",
    BootStatus.PENDING: "Pending",
    BootStatus.REJECTED: "Rejected",
}

VERDICT_16 = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.NO_CREDIT: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.CONCURRENT: "ConcurrentTx",
}
"""A verdict on a token in 1.6; what is not here is Invalid."""
VERDICT_201 = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.CONCURRENT: "ConcurrentTx",
    AuthorizationStatus.NO_CREDIT: "NoCredit",
    AuthorizationStatus.NOT_ALLOWED_HERE: "NotAtThisLocation",
    AuthorizationStatus.NOT_ALLOWED_NOW: "NotAtThisTime",
    AuthorizationStatus.UNKNOWN: "Unknown",
}
"""A verdict on a token in 2.x."""
TOKEN_WORD = {
    TokenType.RFID: "ISO14443",
    TokenType.CENTRAL: "Central",
    TokenType.CONTRACT: "eMAID",
    TokenType.KEY_CODE: "KeyCode",
    TokenType.LOCAL: "Local",
    TokenType.MAC_ADDRESS: "MacAddress",
    TokenType.NONE: "NoAuthorization",
}
"""A kind of token in 2.x."""
CERTIFICATE_WORD = {
    CertificateUse.CENTRAL_SYSTEM: "CSMSRootCertificate",
    CertificateUse.MANUFACTURER: "ManufacturerRootCertificate",
    CertificateUse.VEHICLES: "V2GRootCertificate",
    CertificateUse.CONTRACTS: "MORootCertificate",
}
"""What a root certificate is for, in 2.x."""


def clean(text: object, longest: int) -> str | None:
    """A text for a column: no NUL characters, cut to its length; None when there is nothing."""
    if text is None:
        return None
    return str(text).replace("\x00", "")[:longest] or None


def small_int(payload: Mapping[str, Any], key: str) -> int:
    """A required integer that numbers something: 0 to 2³¹−1. Raises `SchemaViolation`."""
    value = optional_int(payload.get(key))
    if value is None:
        raise SchemaViolation(Fault.OUT_OF_RANGE, f"{key}: out of range")
    return value


def optional_int(value: object) -> int | None:
    """An integer from 0 to 2³¹−1, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_INT32:
        return None
    return int(value)


def fact_key(action: str, payload: Mapping[str, Any], at: datetime | None) -> str:
    """The same for the same message sent again, under whatever message id: its time and a digest of what it says.

    The time comes first so that new keys lie together at the end of an index. Raises `SchemaViolation`.
    """
    try:
        digest = blake2b(orjson.dumps((action, payload)), digest_size=12).hexdigest()
    except TypeError:
        raise SchemaViolation(Fault.UNREADABLE, "the payload is nested too deeply") from None
    seconds = 0 if at is None else int(at.timestamp()) & 0xFFFFFFFF
    return f"{seconds:08x}{digest}"


def utc_text(moment: datetime) -> str:
    """A time as both versions want it: UTC with `Z`, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


_FIRMWARE = {
    "DownloadScheduled": Progress.SCHEDULED,
    "InstallScheduled": Progress.SCHEDULED,
    "Downloading": Progress.DOWNLOADING,
    "DownloadPaused": Progress.DOWNLOADING,
    "Downloaded": Progress.DOWNLOADED,
    "SignatureVerified": Progress.DOWNLOADED,
    "Installing": Progress.INSTALLING,
    "InstallRebooting": Progress.INSTALLING,
    "Installed": Progress.INSTALLED,
    "Idle": Progress.IDLE,
}
_LOG = {
    "Uploading": Progress.UPLOADING,
    "Uploaded": Progress.UPLOADED,
    "AcceptedCanceled": Progress.IDLE,
    "Idle": Progress.IDLE,
}


def firmware_progress(payload: Mapping[str, Any]) -> Progressed:
    """How far a station is with its firmware, as every version writes it; an unknown word is a failure."""
    word = clean(payload["status"], 64) or ""
    number = optional_int(payload.get("requestId"))
    return Progressed(Task.FIRMWARE, _FIRMWARE.get(word, Progress.FAILED), word, number)


def log_progress(payload: Mapping[str, Any]) -> Progressed:
    """How far a station is with a log, as every version writes it; an unknown word is a failure."""
    word = clean(payload["status"], 64) or ""
    number = optional_int(payload.get("requestId"))
    return Progressed(Task.LOG, _LOG.get(word, Progress.FAILED), word, number)


def data_sent(payload: Mapping[str, Any]) -> DataSent:
    """A message of a vendor's own, as every version writes it."""
    return DataSent(clean(payload["vendorId"], 255) or "", clean(payload.get("messageId"), 50), payload.get("data"))


def without_none(**values: object) -> dict[str, Any]:
    """A payload of what there is."""
    return {key: value for key, value in values.items() if value is not None}


def read_outcome(words: Mapping[str, CommandStatus], command: Command, payload: dict[str, Any]) -> CommandOutcome:
    """What the answer to a command means, by its `status`; an unknown word is a refusal.

    A raw call that was answered is accepted, whatever the answer says: its sender reads it.
    """
    status = payload.get("status")
    word = status if isinstance(status, str) else ""
    if isinstance(command, RawCall):
        return CommandOutcome(CommandStatus.ACCEPTED, word, payload)
    return CommandOutcome(words.get(word, CommandStatus.REJECTED), word, payload)


def tenths(limit: Decimal) -> int | float:
    """A limit on the wire: a multiple of 0.1, whole where it can be."""
    return int(limit) if limit == int(limit) else float(round(limit, 1))


def certificate_hash(certificate: CertificateHash) -> dict[str, str]:
    """What names a certificate, as every version writes it."""
    return {
        "hashAlgorithm": certificate.algorithm,
        "issuerNameHash": certificate.issuer_name_hash,
        "issuerKeyHash": certificate.issuer_key_hash,
        "serialNumber": certificate.serial_number,
    }


def signing_asked(payload: Mapping[str, Any]) -> SigningAsked:
    """A SignCertificate, which is the same in all versions but for what newer ones add."""
    return SigningAsked(
        request=payload["csr"],
        purpose=clean(payload.get("certificateType"), 64),
        request_id=optional_int(payload.get("requestId")),
    )
