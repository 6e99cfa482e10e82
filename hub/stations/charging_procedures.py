"""How reservations, local lists and limits are brought to a station: several commands, or one that has to be built."""

from collections.abc import Sequence

from csms.capabilities import SettingsRead
from csms.commands import CancelReservation, CommandOutcome, CommandStatus
from csms.operations import ReadListVersion, ReadSettings, SendList, SetProfile
from csms.profiles import CannotBuild, build, number_of
from csms.station import TokenType
from hub.stations import local_lists, reservations
from hub.stations.at_station import AtStation
from hub.stations.intents_charging import CancelReservationIn, ReserveIn, SendListIn, SetLimitIn
from hub.stations.local_lists import Entries
from hub.stations.reservations import ReservationState, StationReservation

_MOST_PER_MESSAGE = "SendLocalListMaxLength"


async def reserve(at: AtStation, intent: ReserveIn) -> CommandOutcome:
    """Note the reservation, ask for it, and keep what came of it."""
    async with at.db.tx() as tx:
        row = await tx.get(StationReservation, at.request_id)  # there is one when the station was away before
        if row is not None:
            row.state, row.created_at = ReservationState.ASKED, tx.now
        row = row or reservations.make(
            tx,
            at.keys,
            station_id=at.station_id,
            evse_id=intent.evse_id,
            token=intent.token_uid,
            token_type=TokenType.RFID,
            expires_at=intent.expires_at,
            number=at.request_id,
        )
        command = reservations.reserve_command(at.keys, row)
    outcome = await at.call(command)
    async with at.db.tx() as tx:
        await reservations.settle(tx, row.number, outcome, cancels=False)
    return CommandOutcome(outcome.status, outcome.reason, outcome.payload, {"reservation_id": row.number})


async def cancel_reservation(at: AtStation, intent: CancelReservationIn) -> CommandOutcome:
    """Give it back, also one that the hub does not know."""
    outcome = await at.call(CancelReservation(intent.reservation_id))
    async with at.db.tx() as tx:
        await reservations.settle(tx, intent.reservation_id, outcome, cancels=True)
    return outcome


async def set_limit(at: AtStation, intent: SetLimitIn) -> CommandOutcome:
    """Build the profile that the model takes, and set it. `result`: `{"profile_id", "unit", "limits"}`."""
    level = intent.stack_level if at.can.stack_level is None else at.can.stack_level
    number = number_of(intent.purpose, intent.evse_id, level)
    try:
        profile = build(intent.wish(), at.can, profile_id=number, now=at.db.clock.now())
    except CannotBuild as error:
        return CommandOutcome(CommandStatus.UNSUPPORTED, str(error))
    outcome = await at.call(SetProfile(intent.evse_id, profile, intent.transaction_id))
    told = {
        "profile_id": profile.id,
        "unit": profile.unit.value,
        "limits": [str(period.limit) for period in profile.periods],
    }
    return CommandOutcome(outcome.status, outcome.reason, outcome.payload, told)


async def send_list(at: AtStation, intent: SendListIn) -> CommandOutcome:
    """Bring the local list up to date, and read its version back. `result`: `{"version", "entries", "messages"}`."""
    there = await at.call(ReadListVersion())
    if not there.ok or there.result is None:
        return there
    version = int(there.result["version"] or 0)
    async with at.db.read() as tx:
        given = intent.entries
        entries = await at.listed(tx) if given is None else [each.entry() for each in given]
        known = None if intent.full else await local_lists.last_sent(tx, at.keys, at.station_id, version)
    wanted = local_lists.by_token(entries)
    chunk = await _entries_per_message(at)
    outcome = await _send(at, local_lists.messages(known, wanted, version=version, chunk=chunk), wanted, version)
    if outcome.reason.startswith("VersionMismatch") and known is not None:
        # The station has lost count: it gets all of it.
        outcome = await _send(at, local_lists.messages(None, wanted, version=version, chunk=chunk), wanted, version)
    return outcome


async def _send(at: AtStation, messages: Sequence[SendList], wanted: Entries, version: int) -> CommandOutcome:
    told = {"version": version, "entries": len(wanted), "messages": len(messages)}
    if not messages:
        return CommandOutcome(CommandStatus.ACCEPTED, "the station has this list", result=told)
    async with at.db.tx() as tx:
        await local_lists.remember(tx, at.keys, at.station_id, 0, {})
    for message in messages:
        outcome = await at.call(message)
        if not outcome.ok:
            return outcome
    return await _verified(at, messages[-1].version, wanted, told)


async def _verified(at: AtStation, version: int, wanted: Entries, told: dict[str, int]) -> CommandOutcome:
    there = await at.call(ReadListVersion())
    found = (there.result or {}).get("version")
    if not there.ok or found != version:
        return CommandOutcome(CommandStatus.FAILED, f"version {version} was accepted, and the station has {found}")
    async with at.db.tx() as tx:
        await local_lists.remember(tx, at.keys, at.station_id, version, wanted)
    return CommandOutcome(CommandStatus.ACCEPTED, "", None, {**told, "version": version})


async def _entries_per_message(at: AtStation) -> int:
    """What the station says it takes at once, where it can be asked; never more than its model is known to take."""
    if at.can.settings_read is SettingsRead.NEVER:
        return at.can.list_chunk
    outcome = await at.call(ReadSettings((_MOST_PER_MESSAGE,)))
    values = (outcome.result or {}).get("values") or [{}]
    said = str(values[0].get("value") or "")
    return min(at.can.list_chunk, int(said)) if said.isdigit() and int(said) > 0 else at.can.list_chunk
