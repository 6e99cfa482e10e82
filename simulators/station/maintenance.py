"""A station's firmware and logs: what it fetches, installs and uploads, and how it tells of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from kit.clock import Clock
from simulators.station.words import Json

UPLOAD_TIMEOUT_S = 30.0
LOG = b"2026-01-01T00:00:00Z everything is fine\n"


@dataclass(slots=True)
class Maintenance:
    """Firmware is not really fetched; each step takes `step_s`. `soon` and `call` are the station's own."""

    soon: Callable[[Coroutine[Any, Any, Any]], None]
    call: Callable[[str, Json], Coroutine[Any, Any, Json]]
    clock: Clock
    is_2x: bool
    step_s: float = 0.01
    fails: bool = False
    """Whether the next firmware cannot be installed."""
    installed: list[str] = field(default_factory=list)
    """Where each firmware came from."""

    def answer(self, action: str, payload: Json) -> Json | None:
        """The answer to a call; None for what is none of these. Raises KeyError, TypeError or ValueError."""
        match action:
            case "UpdateFirmware" if "firmware" not in payload:
                self.soon(self._install(payload["location"], "FirmwareStatusNotification", None))
                return {}
            case "UpdateFirmware" | "SignedUpdateFirmware":
                told = "FirmwareStatusNotification" if self.is_2x else "SignedFirmwareStatusNotification"
                self.soon(self._install(payload["firmware"]["location"], told, payload["requestId"]))
                return {"status": "Accepted"}
            case "GetDiagnostics":
                self.soon(self._upload(f"{payload['location']}/log.txt", "DiagnosticsStatusNotification", None))
                return {"fileName": "log.txt"}
            case "GetLog":
                location = payload["log"]["remoteLocation"]
                self.soon(self._upload(f"{location}/log.txt", "LogStatusNotification", payload["requestId"]))
                return {"status": "Accepted", "filename": "log.txt"}
        return None

    async def _install(self, location: str, action: str, request_id: int | None) -> None:
        for word in ("Downloading", "Downloaded", "Installing"):
            await self._tell(action, word, request_id)
            await self.clock.sleep(self.step_s)
        if not self.fails:
            self.installed.append(location)
        await self._tell(action, "InstallationFailed" if self.fails else "Installed", request_id)

    async def _upload(self, url: str, action: str, request_id: int | None) -> None:
        await self._tell(action, "Uploading", request_id)
        async with httpx.AsyncClient(trust_env=False, timeout=UPLOAD_TIMEOUT_S) as client:
            try:
                done = (await client.put(url, content=LOG)).is_success
            except httpx.HTTPError:
                done = False
        failed = "UploadFailed" if action == "DiagnosticsStatusNotification" else "UploadFailure"
        await self._tell(action, "Uploaded" if done else failed, request_id)

    async def _tell(self, action: str, word: str, request_id: int | None) -> None:
        numbered = {} if request_id is None else {"requestId": request_id}
        await self.call(action, {"status": word, **numbered})
