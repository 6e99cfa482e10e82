"""Firmware campaigns: one firmware for many stations, stage by stage, paused when too many fail.

A campaign asks through operations (`hub.stations.operations`), which send a command once and wait for stations that are
away. What came of it is looked at, not assumed: with an expected version, only a station that runs it is through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from csms.commands import CommandStatus
from csms.station import Progress
from hub.stations.campaign_tables import CampaignStation, FirmwareCampaign, locked, members_of, running
from hub.stations.intents_files import UpdateFirmwareIn
from hub.stations.live import LiveStation, live_stations
from hub.stations.operation_tables import OperationState, StationOperation
from hub.stations.operation_tables import locked as locked_operation
from hub.stations.operations import Operations
from hub.stations.rollout import Bounds, CampaignState, Member, MemberState, next_step
from hub.stations.tables import by_id
from kit.errors import Conflict, InvalidInput, NotFound
from kit.ids import uuid7
from kit.log import get
from kit.tx import Database, Tx

log = get(__name__)

_PURPOSE = "firmware-campaign"
_AGREED = (CommandStatus.ACCEPTED, CommandStatus.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Leads campaigns."""

    db: Database
    operations: Operations

    async def begin(
        self,
        *,
        name: str,
        firmware: UpdateFirmwareIn,
        stages: Sequence[Sequence[str]],
        bounds: Bounds,
        patience_s: int,
        expected_version: str | None,
        created_by: str | None,
    ) -> str:
        """Begin a campaign; its id. Raises `InvalidInput` for a station that is unknown, or named twice."""
        async with self.db.tx() as tx:
            row = FirmwareCampaign(
                id=uuid7(),
                name=name,
                state=CampaignState.RUNNING,
                sealed_intent=self.operations.keys.encrypt(_PURPOSE, firmware.model_dump_json().encode()),
                expected_version=expected_version,
                at_once=bounds.at_once,
                most_failures=bounds.most_failures,
                patience_s=patience_s,
                created_by=created_by,
                created_at=tx.now,
            )
            tx.add(row)
            await tx.flush()
            seen: set[str] = set()
            for stage, station_ids in enumerate(stages):
                for station_id in station_ids:
                    station = await by_id(tx, station_id)
                    if station is None or station.id in seen:
                        raise InvalidInput(f"no such station, or named twice: {station_id[:48]}")
                    seen.add(station.id)
                    tx.add(
                        CampaignStation(
                            campaign_id=row.id, station_id=station.id, stage=stage, state=MemberState.WAITING
                        )
                    )
        return row.id

    async def look(self, db: Database, payload: Mapping[str, Any]) -> None:
        """See how far the stations of each running campaign are, and ask the next ones."""
        async with db.read() as tx:
            ids = await running(tx)
        for campaign_id in ids:
            async with db.tx() as tx:
                row = await locked(tx, campaign_id)
                if row is not None and row.state == CampaignState.RUNNING:
                    await self._go_on(tx, row)

    async def pause(self, campaign_id: str) -> None:
        """Ask no more stations. Those that were not reached yet wait again. Raises `NotFound`, `Conflict`."""
        async with self.db.tx() as tx:
            row = await self._in_state(tx, campaign_id, CampaignState.RUNNING)
            row.state, row.reason = CampaignState.PAUSED, "paused by the operator"
            await self._call_back(tx, row)

    async def resume(self, campaign_id: str) -> None:
        """Go on; failures so far do not count any more. Raises `NotFound`, `Conflict`."""
        async with self.db.tx() as tx:
            row = await self._in_state(tx, campaign_id, CampaignState.PAUSED)
            members = await members_of(tx, row.id)
            row.forgiven = sum(member.state == MemberState.FAILED for member in members)
            row.state, row.reason = CampaignState.RUNNING, None

    async def cancel(self, campaign_id: str) -> None:
        """End it; stations that were reached go on by themselves. Raises `NotFound`, `Conflict`."""
        async with self.db.tx() as tx:
            row = await self._in_state(tx, campaign_id, CampaignState.RUNNING, CampaignState.PAUSED)
            row.state, row.ended_at = CampaignState.CANCELLED, tx.now
            await self._call_back(tx, row)

    async def _in_state(self, tx: Tx, campaign_id: str, *states: CampaignState) -> FirmwareCampaign:
        row = await locked(tx, campaign_id)
        if row is None:
            raise NotFound("no such campaign")
        if row.state not in states:
            raise Conflict(f"the campaign is {row.state}")
        return row

    async def _go_on(self, tx: Tx, row: FirmwareCampaign) -> None:
        members = await members_of(tx, row.id)
        live = await live_stations(tx, [member.station_id for member in members])
        for member in members:
            if member.state != MemberState.INSTALLED:
                await self._judge(tx, row, member, live.get(member.station_id))
        facts = [Member(each.station_id, each.stage, MemberState(each.state)) for each in members]
        step = next_step(facts, Bounds(row.at_once, row.most_failures, row.forgiven))
        for member in members:
            if member.station_id in step.ask:
                self._ask(tx, row, member)
        if step.state is not CampaignState.RUNNING:
            row.state = step.state
            row.ended_at = tx.now if step.state is CampaignState.FINISHED else None
            row.reason = "too many stations failed" if step.state is CampaignState.PAUSED else None
            log.info("firmware_campaign", campaign_id=row.id, state=row.state)
            if step.state is CampaignState.PAUSED:
                await self._call_back(tx, row)

    def _ask(self, tx: Tx, row: FirmwareCampaign, member: CampaignStation) -> None:
        sealed = self.operations.keys.decrypt(_PURPOSE, row.sealed_intent)
        firmware = UpdateFirmwareIn.model_validate_json(sealed)
        # A moment later: its job sends the command, once this is committed.
        due = {"at": tx.now + timedelta(milliseconds=1), "keep_trying_s": row.patience_s}
        asked = self.operations.note(tx, member.station_id, firmware.model_copy(update=due), asked_by=row.created_by)
        member.state, member.operation_id, member.asked_at = MemberState.ASKED, asked.id, tx.now

    async def _judge(self, tx: Tx, row: FirmwareCampaign, member: CampaignStation, live: LiveStation | None) -> None:
        """What has become of a station by now."""
        runs = live.firmware if live is not None else None
        if row.expected_version is not None and runs == row.expected_version:
            member.state, member.reason, member.ended_at = MemberState.INSTALLED, None, tx.now
            return
        if member.state != MemberState.ASKED or member.operation_id is None or member.asked_at is None:
            return
        operation = await tx.get(StationOperation, member.operation_id)
        told = operation.progress if operation is not None else None
        if told == Progress.INSTALLED and row.expected_version is None:
            member.state, member.ended_at = MemberState.INSTALLED, tx.now
        elif told == Progress.FAILED or _refused(operation):
            assert operation is not None  # noqa: S101 - there is something that it says
            reason = operation.progress_word if told == Progress.FAILED else operation.reason or operation.status
            self._fail(tx, member, reason or "failed")
        elif member.asked_at + timedelta(seconds=row.patience_s) < tx.now:
            self._fail(tx, member, f"it runs {runs or 'no known version'} and said {told or 'nothing'}")

    def _fail(self, tx: Tx, member: CampaignStation, reason: str) -> None:
        member.state, member.reason, member.ended_at = MemberState.FAILED, reason[:500], tx.now

    async def _call_back(self, tx: Tx, row: FirmwareCampaign) -> None:
        """Stations that were not reached yet are not to be asked now."""
        for member in await members_of(tx, row.id):
            if member.state != MemberState.ASKED or member.operation_id is None:
                continue
            operation = await locked_operation(tx, member.operation_id)
            if operation is not None and operation.state == OperationState.WAITING:
                operation.state, operation.ended_at = OperationState.CANCELLED, tx.now
                member.state, member.operation_id, member.asked_at = MemberState.WAITING, None, None


def _refused(operation: StationOperation | None) -> bool:
    return operation is not None and operation.state == OperationState.DONE and operation.status not in _AGREED
