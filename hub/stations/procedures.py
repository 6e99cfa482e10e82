"""How an intent is carried out at a station: by one command, or by several whose outcomes add up to one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from csms.capabilities import SettingsRead
from csms.commands import CommandOutcome, CommandStatus, Reset, ResetKind, Trigger
from csms.operations import ReadSettings, WriteSetting
from csms.store import open_transactions
from hub.stations.at_station import AtStation, NotYet
from hub.stations.charging_procedures import cancel_reservation, reserve, send_list, set_limit
from hub.stations.file_procedures import send_log, update_firmware
from hub.stations.intents import Intent, OneCommand, ReadSettingsIn, ResetIn, TriggerIn, WriteSettingsIn
from hub.stations.intents_charging import CancelReservationIn, ReserveIn, SendListIn, SetLimitIn
from hub.stations.intents_files import SendLogIn, UpdateFirmwareIn

_OF_EACH_EVSE = frozenset({"StatusNotification", "MeterValues"})
"""Messages that are about one EVSE: without one, each is asked for."""
IDLE_LOOK_S = 60.0


Procedure = Callable[[AtStation, Any], Awaitable[CommandOutcome]]


async def reset(at: AtStation, intent: ResetIn) -> CommandOutcome:
    """Restart. Where the version cannot wait until nothing charges, we do. Raises `NotYet`."""
    outcome = await at.call(Reset(intent.kind, intent.evse_id))
    cannot_wait = outcome.status is CommandStatus.UNSUPPORTED and outcome.payload is None
    if intent.kind is not ResetKind.ON_IDLE or intent.evse_id is not None or not cannot_wait:
        return outcome
    async with at.db.read() as tx:
        running = await open_transactions(tx, at.station_id)
    if running:
        raise NotYet("a transaction runs", IDLE_LOOK_S)
    return await at.call(Reset(ResetKind.SOFT))


async def trigger(at: AtStation, intent: TriggerIn) -> CommandOutcome:
    """Ask for a message, of each EVSE where it is one EVSE's; the first outcome that is no yes is the outcome."""
    if intent.evse_id is not None or intent.message not in _OF_EACH_EVSE:
        return await at.call(Trigger(intent.message, intent.evse_id))
    outcome = CommandOutcome(CommandStatus.INVALID, "the station has no known EVSE: name one")
    for evse_id in at.evse_ids:
        outcome = await at.call(Trigger(intent.message, evse_id))
        if not outcome.ok:
            return outcome
    return outcome


async def read_settings(at: AtStation, intent: ReadSettingsIn) -> CommandOutcome:
    """Read settings, unless that is known to do this model harm."""
    if at.can.settings_read is SettingsRead.NEVER or (at.can.settings_read is SettingsRead.NAMED and not intent.names):
        return CommandOutcome(CommandStatus.UNSUPPORTED, "reading settings is known to do harm to this model")
    return await at.call(ReadSettings(tuple(intent.names), at.request_id))


async def write_settings(at: AtStation, intent: WriteSettingsIn) -> CommandOutcome:
    """Write one after the other until one is refused, and read back what was accepted.

    `result`: `{"values": [{"name", "status", "reason", "verified"}]}`; `verified` is None where it cannot be read.
    """
    told: list[Mapping[str, Any]] = []
    overall = CommandOutcome(CommandStatus.ACCEPTED)
    for name, value in intent.values.items():
        outcome = await at.call(WriteSetting(name, value))
        verified = None
        if outcome.status is CommandStatus.ACCEPTED and intent.verify:
            verified = await _reads_back(at, name, value)
            if verified is False:
                outcome = CommandOutcome(CommandStatus.FAILED, f"{name}: accepted, but it reads otherwise")
        told.append({"name": name, "status": outcome.status, "reason": outcome.reason, "verified": verified})
        if not outcome.ok:
            overall = outcome
            break
        if outcome.status is not CommandStatus.ACCEPTED:
            overall = outcome
    return CommandOutcome(overall.status, overall.reason, overall.payload, {"values": told})


async def _reads_back(at: AtStation, name: str, written: str) -> bool | None:
    """Whether the station has the value now. None where it does not say: passwords are only written."""
    if at.can.settings_read is SettingsRead.NEVER:
        return None
    outcome = await at.call(ReadSettings((name,)))
    values: list[Mapping[str, Any]] = list((outcome.result or {}).get("values", ()))
    if not outcome.ok or len(values) != 1 or values[0].get("value") is None:
        return None
    return _same(str(values[0]["value"]), written)


def _same(read: str, written: str) -> bool:
    """Whether two texts are the same value: stations write true and lists in their own way."""
    if read.isdigit() and written.isdigit():
        return int(read) == int(written)
    return [part.strip().casefold() for part in read.split(",")] == [
        part.strip().casefold() for part in written.split(",")
    ]


PROCEDURES: Mapping[type[Intent], Procedure] = {
    ResetIn: reset,
    TriggerIn: trigger,
    ReadSettingsIn: read_settings,
    WriteSettingsIn: write_settings,
    ReserveIn: reserve,
    CancelReservationIn: cancel_reservation,
    SendListIn: send_list,
    SetLimitIn: set_limit,
    UpdateFirmwareIn: update_firmware,
    SendLogIn: send_log,
}
"""The intents that are more than one command."""


async def carry_out(at: AtStation, intent: Intent) -> CommandOutcome:
    """Carry an intent out. Raises `NotYet`."""
    if isinstance(intent, OneCommand):
        return await at.call(intent.command(at.request_id))
    return await PROCEDURES[type(intent)](at, intent)
