"""Who may connect, and with which OCPP security profile; and the quarantine for stations that nobody has registered.

Profile 1 is a password, 2 a password over TLS, 3 a certificate with the station's id in it. A station has to come with
at least the profile that is stored for it.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, update
from sqlmodel import col

from csms.backoffice import Admission, Knock, PeerCertificate, Refusal, RefusalReason
from csms.capabilities import Capabilities
from hub.stations.certificate_tables import Certificate, by_fingerprint
from hub.stations.service import PASSWORD_PURPOSE
from hub.stations.tables import Applicant, Station, applicant_by_id, by_id
from hub.stations.upgrade_tables import FAILED, VERIFIED, WAITING, Upgrade
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
    with_next_password: bool = False
    new_certificate: PeerCertificate | None = None

    @property
    def has_news(self) -> bool:
        """Whether something is to be written down."""
        is_new = self.with_next_password or self.new_certificate is not None
        return is_new or self.station.seen_profile != self.profile


async def judge(tx: Tx, ring: KeyRing, knock: Knock) -> Entry | Refusal | None:
    """The verdict on a station; None for one that is not registered."""
    station = await by_id(tx, knock.station_id)
    if station is None:
        return None
    if station.is_blocked:
        return Refusal(RefusalReason.BLOCKED)
    entry = _with_password(ring, station, knock)
    if knock.certificate is not None:
        entry = await _with_certificate(tx, station, knock.certificate)
    if entry is None:
        return Refusal(RefusalReason.WRONG_PASSWORD)
    return Refusal(RefusalReason.TOO_WEAK) if entry.profile < station.minimum_profile else entry


async def note(tx: Tx, entry: Entry) -> None:
    """Write down how a station came in: a new password that it has used takes the place of the old one.

    An upgrade that it has followed is done, and from now on the least that it may come with.
    """
    values: dict[str, object] = {"seen_profile": entry.profile}
    upgrade = await tx.get(Upgrade, entry.station.id)
    if upgrade is not None and _has_followed(upgrade, entry):
        upgrade.state, upgrade.detail, upgrade.finished_at = VERIFIED, None, tx.now
        tx.add(upgrade)
        values["minimum_profile"] = max(upgrade.profile, entry.station.minimum_profile)
    this = col(Station.id) == entry.station.id
    await tx.execute(update(Station).where(this).values(**values))
    if entry.with_next_password:
        used = entry.station.next_password_digest
        taken = {"password_digest": used, "next_password_digest": None}
        still_next = col(Station.next_password_digest) == used
        done = await tx.execute(update(Station).where(this, still_next).values(**taken))
        if upgrade is not None and done.rowcount:
            upgrade.sealed_password = None
            tx.add(upgrade)
    if entry.new_certificate is not None:
        await _note_certificate(tx, entry.station.id, entry.new_certificate)


def admission(policy: Policy, station: Station, can: Capabilities) -> Admission:
    """How a registered station is let in: as the operator said, else as its model needs it, else as all are."""
    wished_s = (station.ping_interval_s, can.ping_interval_s, policy.ping_interval_s)
    return Admission(
        station.id,
        heartbeat_interval_s=policy.heartbeat_interval_s,
        assume_protocol=station.assume_protocol or can.assume_protocol,
        assume_upgrade=station.assume_upgrade,
        ping_interval_s=next(ping_s for ping_s in wished_s if ping_s is not None) or None,
        settle_s=can.settle_s,
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


def _has_followed(upgrade: Upgrade, entry: Entry) -> bool:
    """Whether this is the new way. One that was late has followed, too."""
    if upgrade.state not in (WAITING, FAILED) or entry.profile < upgrade.profile:
        return False
    return not upgrade.tells_password or entry.profile == 3 or entry.with_next_password


def _with_password(ring: KeyRing, station: Station, knock: Knock) -> Entry | None:
    digests = []
    for password in _spellings(knock.password):
        digests += ring.digests(PASSWORD_PURPOSE, password)
    with_next = station.next_password_digest in digests
    if not with_next and station.password_digest not in digests:
        return None
    return Entry(station, 2 if knock.is_encrypted else 1, with_next)


async def _with_certificate(tx: Tx, station: Station, shown: PeerCertificate) -> Entry | None:
    """A certificate that is shown has to be the station's own, whatever its password: it says who that is."""
    if station.folded_id not in shown.names:
        return None
    known = await by_fingerprint(tx, shown.fingerprint)
    if known is not None and known.revoked_at is not None:
        return None
    is_news = known is None or known.used_at is None
    return Entry(station, 3, new_certificate=shown if is_news else None)


async def _note_certificate(tx: Tx, station_id: str, shown: PeerCertificate) -> None:
    of_station = (col(Certificate.station_id) == station_id, col(Certificate.used_at).is_not(None))
    await tx.execute(update(Certificate).where(*of_station).values(replaced_at=tx.now))
    row = await by_fingerprint(tx, shown.fingerprint)
    if row is None:
        row = Certificate(
            fingerprint=shown.fingerprint,
            station_id=station_id,
            is_ours=False,
            issued_at=tx.now,
            expires_at=shown.expires_at,
        )
    row.used_at = tx.now
    tx.add(row)


def _spellings(password: str | None) -> list[str]:
    """A password as it came, and what it says in hexadecimal.

    OCPP 1.6 tells a station its AuthorizationKey in hexadecimal; some use what it says, some the digits themselves.
    """
    if password is None:
        return []
    try:
        return [password, bytes.fromhex(password).decode("ascii")] if len(password) == 40 else [password]
    except ValueError:
        return [password]
