"""Moving a station to another security profile, or to another password, without ever locking it out.

The station is told, and what it used before stays good until it has come in the new way: only then is the new profile
the least that it may come with, and only then does the old password end. An upgrade that the station does not follow
within a time has failed, and nothing has changed. See docs/decisions/0017-certificates-and-upgrades.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from csms.commands import CommandStatus, RawCall, Reset
from csms.link import Link
from hub.stations.certificate_tables import Certificate
from hub.stations.certificates import Certificates
from hub.stations.configuring import configuring
from hub.stations.desired import Version, version_of
from hub.stations.live import live_stations
from hub.stations.service import PASSWORD_PURPOSE
from hub.stations.tables import Station, by_id
from hub.stations.upgrade_tables import FAILED, PREPARING, WAITING, Upgrade
from kit.crypto import KeyRing
from kit.errors import Conflict, InvalidInput
from kit.ids import random_token
from kit.jobs import GiveUp, Retry
from kit.tx import Database, Tx

UPGRADE, EXPIRE = "stations.upgrade", "stations.expire_upgrade"
_PURPOSE = "station-upgrade"
_PASSWORD_LENGTH = 20
"""What OCPP 1.6 has for an AuthorizationKey: 20 bytes, told as 40 hexadecimal digits."""
_LOOK_AGAIN_S = 5.0
_FINE = frozenset({"Accepted", "RebootRequired"})
_PRIORITY, _PASSWORD = "OCPPCommCtrlr.NetworkConfigurationPriority", "SecurityCtrlr.BasicAuthPassword"


class _Refused(Exception):
    """The station does not go along; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Upgrader:
    """Carries out upgrades. `tls_url` is how stations reach the listener with TLS; None where there is none."""

    db: Database
    link: Link
    keys: KeyRing
    certificates: Certificates
    tls_url: str | None
    call_timeout_s: float
    patience: timedelta

    async def begin(self, tx: Tx, station: Station, wanted: Upgrade) -> None:
        """Set an upgrade out, in place of an earlier one. Raises `Conflict` and `InvalidInput`."""
        if wanted.profile < station.minimum_profile:
            raise Conflict(f"the station needs profile {station.minimum_profile} already")
        if wanted.profile == station.seen_profile and not wanted.tells_password:
            raise Conflict("the station connects with this profile already")
        if wanted.profile > 1 and self.tls_url is None:
            raise InvalidInput("there is no OCPP listener with TLS: see ocpp_tls_port and public_ocpp_tls_url")
        earlier = await tx.get(Upgrade, station.id)
        if earlier is not None:
            # What the station may have been told already stays good, whatever it is told now.
            wanted.sealed_password = earlier.sealed_password if station.next_password_digest else None
            await tx.delete(earlier)
            await tx.flush()
        if wanted.tells_password and wanted.sealed_password is None:
            password = random_token(_PASSWORD_LENGTH)[:_PASSWORD_LENGTH]
            wanted.sealed_password = self.keys.encrypt(_PURPOSE, password.encode())
            station.next_password_digest = self.keys.digest(PASSWORD_PURPOSE, password)
            tx.add(station)
        tx.add(wanted)
        tx.enqueue(UPGRADE, {"station_id": station.id}, replace_key=station.id, max_attempts=60)

    async def run(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Tell the station. Raises `Retry` while it is not there, or has no certificate yet; may be done twice."""
        async with db.read() as tx:
            upgrade = await tx.get(Upgrade, payload["station_id"])
            live = (await live_stations(tx, [payload["station_id"]])).get(payload["station_id"])
        if upgrade is None or upgrade.state != PREPARING:
            return
        if live is None:
            raise Retry("the station has never connected")
        version = version_of(live.protocol)
        try:
            if upgrade.profile == 3:
                await self._see_to_certificate(upgrade)
            await self._tell_password(upgrade, version)
            await self._tell_way(upgrade, version, live.protocol or "")
        except (_Refused, GiveUp) as refusal:
            await self._finish(upgrade.station_id, PREPARING, FAILED, str(refusal))

    async def expire(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The station has had its time."""
        await self._finish(payload["station_id"], WAITING, FAILED, "the station did not come back in the new way")

    async def _see_to_certificate(self, upgrade: Upgrade) -> None:
        async with self.db.read() as tx:
            usable = await tx.first(
                select(Certificate).where(
                    col(Certificate.station_id) == upgrade.station_id,
                    col(Certificate.installed_at).is_not(None) | col(Certificate.used_at).is_not(None),
                    col(Certificate.revoked_at).is_(None),
                    col(Certificate.expires_at) > tx.now,
                )
            )
        if usable is not None:
            return
        if upgrade.certificate_asked_at is None:
            await self.certificates.ask_to_renew(upgrade.station_id)
            async with self.db.tx() as tx:
                current = await tx.get(Upgrade, upgrade.station_id)
                if current is not None:
                    current.certificate_asked_at = tx.now
                    tx.add(current)
        raise Retry("the station has no certificate yet", after_s=_LOOK_AGAIN_S)

    async def _tell_password(self, upgrade: Upgrade, version: Version) -> None:
        if not upgrade.tells_password or upgrade.sealed_password is None:
            return
        password = self.keys.decrypt(_PURPOSE, upgrade.sealed_password)
        if version is Version.OCPP_16:
            await self._change(upgrade.station_id, version, "AuthorizationKey", password.hex())
        else:
            await self._change(upgrade.station_id, version, _PASSWORD, password.decode())

    async def _tell_way(self, upgrade: Upgrade, version: Version, protocol: str) -> None:
        """The steps after which the station goes. It is waited for from before the last of them on."""
        station_id = upgrade.station_id
        async with self.db.read() as tx:
            station = await by_id(tx, station_id)
        if station is None:
            return
        same_way = upgrade.profile == station.seen_profile
        if version is Version.OCPP_2 and not same_way:
            await self._set_network_profile(upgrade, protocol)
        if version is Version.OCPP_16 and not same_way and upgrade.url_key is not None:
            await self._change(station_id, version, upgrade.url_key, self.tls_url or "")
        await self._wait_for(station_id)
        try:
            if version is Version.OCPP_16 and not same_way:
                await self._change(station_id, version, "SecurityProfile", str(upgrade.profile))
            outcome = await self.link.call(station_id, Reset(), self.call_timeout_s)
        except (_Refused, Retry) as refusal:
            await self._finish(station_id, WAITING, FAILED, str(refusal))
            return
        # A station that went at once has not answered; whether it comes back in the new way is what counts.
        if outcome.status in (CommandStatus.REJECTED, CommandStatus.UNSUPPORTED):
            await self.link.send_away(station_id)

    async def _set_network_profile(self, upgrade: Upgrade, protocol: str) -> None:
        station_id = upgrade.station_id
        way = configuring(Version.OCPP_2, self.link, self.call_timeout_s)
        priority = (await way.read(station_id, [_PRIORITY])).get(_PRIORITY, "")
        slots = [slot.strip() for slot in priority.split(",") if slot.strip()]
        slot = upgrade.slot or next(number for number in range(1, 100) if str(number) not in slots)
        profile = {
            "ocppVersion": "OCPP21" if protocol == "ocpp2.1" else "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": self.tls_url,
            "messageTimeout": 30,
            "securityProfile": upgrade.profile,
            "ocppInterface": upgrade.interface,
        }
        call = RawCall("SetNetworkProfile", {"configurationSlot": slot, "connectionData": profile})
        outcome = await self.link.call(station_id, call, self.call_timeout_s)
        _went(outcome.status, outcome.reason, "SetNetworkProfile")
        # The slots that it knew stay behind the new one: what it falls back to.
        others = [known for known in slots if known != str(slot)]
        await self._change(station_id, Version.OCPP_2, _PRIORITY, ",".join([str(slot), *others]))

    async def _change(self, station_id: str, version: Version, key: str, value: str) -> None:
        way = configuring(version, self.link, self.call_timeout_s)
        word = (await way.change(station_id, {key: value})).get(key)
        if word not in _FINE:
            raise _Refused(f"{key}: {word or 'no answer'}")

    async def _wait_for(self, station_id: str) -> None:
        async with self.db.tx() as tx:
            upgrade = await tx.get(Upgrade, station_id)
            if upgrade is None:
                return
            upgrade.state = WAITING
            tx.add(upgrade)
            run_at = tx.now + self.patience
            tx.enqueue(EXPIRE, {"station_id": station_id}, replace_key=station_id, run_at=run_at)

    async def _finish(self, station_id: str, before: str, state: str, detail: str) -> None:
        async with self.db.tx() as tx:
            upgrade = await tx.get(Upgrade, station_id)
            if upgrade is not None and upgrade.state == before:
                upgrade.state, upgrade.detail, upgrade.finished_at = state, detail[:255], tx.now
                tx.add(upgrade)


def _went(status: CommandStatus, word: str, what: str) -> None:
    if status in (CommandStatus.OFFLINE, CommandStatus.BUSY, CommandStatus.DISCONNECTED):
        raise Retry(f"the station is {status.value}")
    if word != "Accepted":
        raise _Refused(f"{what}: {word or status.value}")
