"""Stations get the configuration that they are to have: after each boot, and when the operator says so.

What differs is changed and read back, and what came of it is kept. A model that settings are never read of is told each
value once, and again when the operator says so. A station that needs values before it may work is
told to wait at its boot, until it was told them once; whatever it made of them, it is let to work then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms.backoffice import BootVerdict
from csms.capabilities import SettingsRead, capabilities_of
from csms.commands import Trigger
from csms.events import StationBooted
from csms.link import Link
from csms.station import Booted, BootStatus
from hub.stations.configuring import configuring
from hub.stations.desired import Outcome, Row, Subject, digest, is_same, judge, version_of, wanted
from hub.stations.desired_tables import StationValue, desired_values, replace_values, values_of
from hub.stations.live import LiveStation, live_stations
from hub.stations.tables import Station, by_id
from kit.log import get
from kit.tx import Database, Tx

log = get(__name__)

PROVISION = "stations.provision"
_TOOK = (Outcome.TOLD, Outcome.REBOOT_NEEDED)
PENDING_S = 60
"""How long a station waits that nobody asks to boot again: it is usually asked as soon as it was told its values."""


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Brings stations to their configuration. `call_timeout_s` bounds each call to one."""

    db: Database
    link: Link
    call_timeout_s: float

    async def boot_verdict(self, tx: Tx, station_id: str, boot: Booted) -> BootVerdict:
        """Whether a station that boots may work at once, or has to be told its values first."""
        station = await by_id(tx, station_id)
        now = (await live_stations(tx, [station_id])).get(station_id)
        if station is None:
            return BootVerdict()
        protocol = None if now is None else now.protocol
        subject = Subject(station.id, station.location_id, boot.vendor, boot.model, version_of(protocol))
        needed = digest(wanted(await desired_values(tx), subject))
        if needed is None or needed == station.provisioned_digest:
            return BootVerdict()
        return BootVerdict(BootStatus.PENDING, PENDING_S)

    async def booted(self, db: Database, event: StationBooted) -> None:
        """A station has booted."""
        await self.provision(event.station_id, anew=False)

    async def asked(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The operator wants a station looked at."""
        await self.provision(payload["station_id"], anew=True)

    async def provision(self, station_id: str, *, anew: bool) -> None:
        """Bring a station to its configuration, `anew` also with what it took and cannot be asked about.

        Raises `Retry` when it is not there. May be done twice.
        """
        async with self.db.read() as tx:
            station = await by_id(tx, station_id)
            live = (await live_stations(tx, [station_id])).get(station_id)
            rows = wanted(await desired_values(tx), _subject(station, live)) if station and live else {}
            known = await values_of(tx, station_id)
        if station is None or live is None or not (rows or known or station.provisioned_digest):
            return
        took = {} if anew else {value.key: value.desired for value in known if value.outcome in _TOOK}
        found = await self._bring(station.id, live, rows, took) if rows else []
        needed = digest(rows)
        async with self.db.tx() as tx:
            for value in found:
                value.checked_at = tx.now
            await replace_values(tx, station.id, found)
            current = await by_id(tx, station.id)
            waited = current is not None and needed != current.provisioned_digest
            if current is not None and waited:
                current.provisioned_digest = needed
                tx.add(current)
        if waited and needed is not None:
            await self.link.call(station.id, Trigger("BootNotification"), self.call_timeout_s)

    async def _bring(
        self, station_id: str, live: LiveStation, rows: Mapping[str, Row], took: Mapping[str, str]
    ) -> list[StationValue]:
        way = configuring(version_of(live.protocol), self.link, self.call_timeout_s)
        is_read = capabilities_of(live.vendor, live.model, live.firmware).settings_read is not SettingsRead.NEVER
        actual = await way.read(station_id, list(rows)) if is_read else {}
        different = {
            key: row.value
            for key, row in rows.items()
            if (not is_same(row.value, actual[key]) if key in actual else is_read or took.get(key) != row.value)
        }
        words = await way.change(station_id, different) if different else {}
        if different and is_read:
            actual |= await way.read(station_id, list(different))
        found = []
        for key, row in rows.items():
            word = words.get(key) if key in different else "Accepted"
            outcome = judge(row.value, actual.get(key), word, is_read=is_read)
            if outcome not in (Outcome.AS_WANTED, Outcome.TOLD):
                log.info("station value not as wanted", station_id=station_id, key=key, outcome=outcome)
            value = actual.get(key)
            found.append(
                StationValue(
                    station_id=station_id,
                    key=key,
                    desired=row.value,
                    actual=None if value is None else value[:2500],
                    outcome=outcome,
                    checked_at=self.db.clock.now(),
                )
            )
        return found


def _subject(station: Station, live: LiveStation) -> Subject:
    version = version_of(live.protocol)
    return Subject(station.id, station.location_id, live.vendor or "", live.model or "", version)
