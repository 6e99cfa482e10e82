"""How firmware is brought to a station, and logs from it."""

from csms.commands import CommandOutcome
from csms.operations import SendLog, UpdateFirmware
from hub.stations.at_station import AtStation
from hub.stations.intents_files import SendLogIn, UpdateFirmwareIn


async def update_firmware(at: AtStation, intent: UpdateFirmwareIn) -> CommandOutcome:
    """Have the station fetch and install firmware."""
    return await at.call(
        UpdateFirmware(
            at.request_id,
            intent.location,
            intent.retrieve_at or at.db.clock.now(),
            intent.install_at,
            intent.certificate,
            intent.signature,
            intent.retries,
            intent.retry_interval_s,
        )
    )


async def send_log(at: AtStation, intent: SendLogIn) -> CommandOutcome:
    """Have the station upload a log, to a signed URL of ours unless the operator has another place."""
    location = intent.location
    if location is None:
        async with at.db.tx() as tx:
            location = await at.uploads.offer(tx, at.station_id, intent.kind, at.request_id)
    return await at.call(
        SendLog(
            at.request_id,
            intent.kind,
            location,
            intent.oldest_at,
            intent.newest_at,
            intent.retries,
            intent.retry_interval_s,
        )
    )
