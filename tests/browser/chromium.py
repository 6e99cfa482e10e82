"""A headless Chromium, driven by the DevTools protocol: no package beyond the WebSocket client that we have anyway."""

import asyncio
import itertools
import json
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
]

Json = dict[str, Any]


def binary() -> str | None:
    """Where the browser is, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """What the page wrote to the console as an error, its violations of the policy included."""

    async def command(self, method: str, **params: Any) -> Json:
        """Send a command of the protocol; its result."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(await self._socket.recv())
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    async def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression."""
        found = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str, *, within_s: float = 15) -> Any:
        """The first true value of an expression."""
        async with asyncio.timeout(within_s):
            while not (value := await self.evaluate(expression)):
                await asyncio.sleep(0.1)
            return value

    async def screenshot(self, *, width: int, height: int, dark: bool = False) -> bytes:
        """What the page looks like, as PNG."""
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.command("Emulation.setEmulatedMedia", features=[scheme])
        await asyncio.sleep(1)
        return b64decode((await self.command("Page.captureScreenshot"))["data"])

    def _note(self, told: Json) -> None:
        if told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.complaints.append(told["params"]["entry"]["text"])
        if told["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["params"]["exceptionDetails"]))


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[Tab]:
    """A browser with a profile of its own that shows a page; gone when the block is left."""
    found = binary()
    assert found is not None, "no Chromium is installed"
    process = await asyncio.create_subprocess_exec(
        *(found, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if b"DevTools listening on " in line:
                    break
        address = line.decode().split("listening on ")[1].strip()
        async with connect(address, max_size=None, proxy=None) as socket:
            tab = Tab(socket)
            target = (await tab.command("Target.createTarget", url="about:blank"))["targetId"]
        page = f"{address.split('/devtools/')[0]}/devtools/page/{target}"
        async with connect(page, max_size=None, proxy=None) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Log", "Runtime"):
                await tab.command(f"{domain}.enable")
            await tab.command("Page.navigate", url=url)
            yield tab
    finally:
        process.terminate()
        await process.communicate()
