"""Who may connect, and with which OCPP security profile; and the quarantine for stations that nobody has registered.

Profile 1 is a password, 2 a password over TLS, 3 a certificate with the station's id in it. A station has to come with
at least the profile that is stored for it.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, update
from sqlmodel import col

from csms.backoffice import Admission, Knock, Refusal, RefusalReason
from hub.stations.certificate_tables import is_revoked
from hub.stations.service import PASSWORD_PURPOSE
from hub.stations.tables import Applicant, Station, applicant_by_id, by_id
from kit.crypto import KeyRing
from kit.tx import Tx

_STORABLE_ID = re.compile(r"[^\x00-\x20/\\?#]([^\x00-\x1f/\\?#]{0,46}[^\x00-\x20/\\?#])?")


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all stations. `unknown` says what becomes of those that nobody has registered."""

    heartbeat_interval_s: int
    ping_interval_s: int
    unknown: Literal["refuse", "quarantine"]
    most_quarantined: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered station that may come in, and what there is to be noted about it."""

    station: Station
    profile: int
    with_next_password: bool

    @property
    def has_news(self) -> bool:
        """Whether something is to be written down."""
        return self.with_next_password or self.station.seen_profile != self.profile


async def judge(tx: Tx, ring: KeyRing, knock: Knock) -> Entry | Refusal | None:
    """The verdict on a station; None for one that is not registered."""
    station = await by_id(tx, knock.station_id)
    if station is None:
        return None
    if station.is_blocked:
        return Refusal(RefusalReason.BLOCKED)
    profile, with_next = 3, False
    if knock.certificate is not None:
        if station.folded_id not in knock.certificate.names or await is_revoked(tx, knock.certificate.serial):
            return Refusal(RefusalReason.WRONG_PASSWORD)
    else:
        digests = [] if knock.password is None else ring.digests(PASSWORD_PURPOSE, knock.password)
        with_next = station.next_password_digest in digests
        if not with_next and station.password_digest not in digests:
            return Refusal(RefusalReason.WRONG_PASSWORD)
        profile = 2 if knock.is_encrypted else 1
    if profile < station.minimum_profile:
        return Refusal(RefusalReason.TOO_WEAK)
    return Entry(station, profile, with_next)


async def note(tx: Tx, entry: Entry) -> None:
    """Write down how a station came in: a new password that it has used takes the place of the old one."""
    values: dict[str, object] = {"seen_profile": entry.profile}
    if entry.with_next_password:
        values |= {"password_digest": entry.station.next_password_digest, "next_password_digest": None}
    await tx.execute(update(Station).where(col(Station.id) == entry.station.id).values(**values))


def admission(policy: Policy, station: Station) -> Admission:
    """How a registered station is let in."""
    ping_s = policy.ping_interval_s if station.ping_interval_s is None else station.ping_interval_s
    return Admission(
        station.id,
        heartbeat_interval_s=policy.heartbeat_interval_s,
        assume_protocol=station.assume_protocol,
        assume_upgrade=station.assume_upgrade,
        ping_interval_s=ping_s or None,
    )


async def known_applicant(tx: Tx, ring: KeyRing, policy: Policy, knock: Knock) -> Admission | Refusal | None:
    """The verdict on a station that is not registered; None for one that is new and may be put in quarantine."""
    applicant = await applicant_by_id(tx, knock.station_id)
    if applicant is None:
        if policy.unknown == "quarantine" and _STORABLE_ID.fullmatch(knock.station_id):
            return None
        return Refusal(RefusalReason.UNKNOWN_STATION)
    if applicant.is_blocked:
        return Refusal(RefusalReason.BLOCKED)
    if policy.unknown == "refuse":
        return Refusal(RefusalReason.UNKNOWN_STATION)
    if applicant.password_digest is not None:
        digests = [] if knock.password is None else ring.digests(PASSWORD_PURPOSE, knock.password)
        if applicant.password_digest not in digests:
            return Refusal(RefusalReason.WRONG_PASSWORD)
    return _quarantined(policy, applicant.id)


async def put_in_quarantine(tx: Tx, ring: KeyRing, policy: Policy, knock: Knock) -> Admission | Refusal:
    """Keep a new station for the operator to look at, as long as there are not too many of them."""
    known = await known_applicant(tx, ring, policy, knock)
    if known is not None:
        return known
    total = (await tx.execute(select(func.count()).select_from(Applicant))).scalar_one()
    if total >= policy.most_quarantined:
        return Refusal(RefusalReason.UNKNOWN_STATION)
    digest = None if knock.password is None else ring.digest(PASSWORD_PURPOSE, knock.password)
    folded = knock.station_id.casefold()
    if len(folded) > 48:
        return Refusal(RefusalReason.UNKNOWN_STATION)
    tx.add(Applicant(id=knock.station_id, folded_id=folded, password_digest=digest, first_seen_at=tx.now))
    await tx.flush()
    return _quarantined(policy, knock.station_id)


def _quarantined(policy: Policy, station_id: str) -> Admission:
    return Admission(
        station_id,
        heartbeat_interval_s=policy.heartbeat_interval_s,
        ping_interval_s=policy.ping_interval_s or None,
        is_quarantined=True,
    )
