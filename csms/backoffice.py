"""The port through which the central system asks what it cannot know: who may connect, and who may charge.

`AcceptAll` answers yes to everything, for a central system without a hub and for tests.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from csms.station import Booted, BootStatus, CertificateState, CertificateStatus, SigningAsked, StatusWanted, TokenType


class RefusalReason(StrEnum):
    """Why a station may not connect."""

    UNKNOWN_STATION = "unknown_station"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason, no password
    BLOCKED = "blocked"
    TOO_WEAK = "too_weak"
    """Its connection is not as safe as it has to be: its security profile is too low."""


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A verified client certificate: the names in it (common name and alternatives, casefolded), and its SHA-256."""

    names: frozenset[str]
    fingerprint: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Knock:
    """A station at the door: its id as in its URL, and what it has to show.

    `password` is that of HTTP Basic, None without one.
    """

    station_id: str
    password: str | None = field(default=None, repr=False)
    is_encrypted: bool = False
    certificate: PeerCertificate | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The station may not connect."""

    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class Admission:
    """The station may connect.

    `station_id` is its canonical name: chargers write theirs in another case than the operator did.
    `assume_protocol` is the subprotocol for a station that offers none, for those known to forget it.
    `assume_upgrade` is for those that forget the header `Connection: Upgrade`. `ping_interval_s` of None sends no
    WebSocket pings, for stations that do not answer them. For `settle_s` after it has come or booted it is better not
    called. A station in quarantine is connected and told to wait: it may say that it is there, and nothing that would
    start or record a transaction.
    """

    station_id: str
    heartbeat_interval_s: int = 300
    assume_protocol: str | None = None
    assume_upgrade: bool = False
    ping_interval_s: float | None = 45.0
    settle_s: float = 0.0
    is_quarantined: bool = False


@dataclass(frozen=True, slots=True)
class BootVerdict:
    """What a station is told when it boots, and to come back after `interval_s` (None: as it was admitted)."""

    status: BootStatus = BootStatus.ACCEPTED
    interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    """May this token charge at this station? `evse_id` is None until the driver has chosen one."""

    station_id: str
    evse_id: int | None
    id_token: str
    token_type: TokenType


class AuthorizationStatus(StrEnum):
    """The verdict on a token."""

    ACCEPTED = "accepted"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    INVALID = "invalid"
    CONCURRENT = "concurrent"
    NO_CREDIT = "no_credit"
    NOT_ALLOWED_HERE = "not_allowed_here"
    NOT_ALLOWED_NOW = "not_allowed_now"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Authorization:
    """A verdict. `reference` is the back office's own name of it and is kept with the transaction."""

    status: AuthorizationStatus
    reference: str | None = None
    group: str | None = None
    expires_at: datetime | None = None


class Backoffice(Protocol):
    """What the central system asks. All may take their time: the messages of other stations do not wait for them."""

    async def admit(self, knock: Knock) -> Admission | Refusal:
        """May this station connect?"""
        ...

    async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
        """May this station begin its work? Its boot is stored already."""
        ...

    async def certify(self, station_id: str, asked: SigningAsked) -> bool:
        """Will this station get the certificate that it asks for? It is sent to it later, with `CertificateSigned`."""
        ...

    async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
        """In which state is a certificate that this station was shown?"""
        ...

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        """May this token charge?"""
        ...

    async def total_cost(self, transaction_id: int) -> Decimal | None:
        """What a transaction that has ended costs its driver, VAT included; None when that is not known."""
        ...


class AcceptAll:
    """Every station may connect with any password, every token may charge."""

    def __init__(self, *, heartbeat_interval_s: int = 300) -> None:
        self._heartbeat_interval_s = heartbeat_interval_s

    async def admit(self, knock: Knock) -> Admission | Refusal:
        """Yes."""
        return Admission(knock.station_id, heartbeat_interval_s=self._heartbeat_interval_s)

    async def booted(self, station_id: str, boot: Booted) -> BootVerdict:
        """Yes."""
        return BootVerdict()

    async def certify(self, station_id: str, asked: SigningAsked) -> bool:
        """No: there is no CA here."""
        return False

    async def certificate_status(self, wanted: StatusWanted) -> CertificateStatus:
        """Nobody is asked."""
        return CertificateStatus(CertificateState.FAILED)

    async def authorize(self, request: AuthorizeRequest) -> Authorization:
        """Yes."""
        return Authorization(AuthorizationStatus.ACCEPTED)

    async def total_cost(self, transaction_id: int) -> Decimal | None:
        """Nobody knows: there are no prices here."""
        return None
