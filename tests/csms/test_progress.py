"""How far stations are with firmware and logs: one vocabulary, one event for each message."""

import pytest

from csms.dialect import DIALECTS
from csms.events import StationProgressed
from csms.station import Progress, Progressed, Task

V16, V201 = DIALECTS["ocpp1.6"], DIALECTS["ocpp2.0.1"]


FIRMWARE = [
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",
    "InstallScheduled",
    "InstallVerificationFailed",
    "InvalidSignature",
    "SignatureVerified",
]
"""Every word of 2.0.1 (FirmwareStatusEnumType)."""


@pytest.mark.parametrize("word", FIRMWARE)
def test_every_word_for_firmware_is_known(word: str) -> None:
    told = V201.fact("FirmwareStatusNotification", {"status": word, "requestId": 5})
    assert isinstance(told, Progressed)
    assert (told.task, told.word, told.request_id) == (Task.FIRMWARE, word, 5)
    failed = word in ("DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature")
    assert (told.progress is Progress.FAILED) is failed


def test_a_log_of_every_version() -> None:
    assert V16.fact("DiagnosticsStatusNotification", {"status": "Uploaded"}) == Progressed(
        Task.LOG, Progress.UPLOADED, "Uploaded"
    )
    told = {"status": "UploadFailure", "requestId": 7}
    assert V201.fact("LogStatusNotification", told) == Progressed(Task.LOG, Progress.FAILED, "UploadFailure", 7)


@pytest.mark.anyio
async def test_a_progress_is_recorded_as_a_fact(world, heard) -> None:
    await heard(StationProgressed)
    point = await world.point("A")
    assert await point.call("FirmwareStatusNotification", {"status": "Installed"}) == {}
    assert await heard(StationProgressed) == [StationProgressed("A", "firmware", "installed", "Installed", None)]
