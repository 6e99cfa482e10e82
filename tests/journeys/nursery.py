"""Hubs that are born quickly, to be killed often: one process loads everything, and each hub is a fork of it.

As a program it obeys JSON lines on its standard input, one hub at a time: `{"serve": ENVIRONMENT, "log": FILE}`, after
which the hub says on the same standard output where it is, and `{"end": SIGNAL}`, which is answered with its exit code.
With a `doom` (`tests.journeys.doom`) the hub ends by itself.
"""

import gc
import json
import os
import signal
import sys
from asyncio import create_subprocess_exec, timeout
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.processes import reserved_port, tied
from tests.journeys.doom import Doom
from tests.journeys.process import ROOT, START_TIMEOUT_S, HubProcess


@dataclass
class NursedHub(HubProcess):
    """A hub process like any other, but for the time that it takes to start."""

    doom: Doom | None = None
    _nursery: Process | None = None
    _lives: bool = False
    _ports: ExitStack = field(default_factory=ExitStack)

    async def start(self) -> None:
        """Start and wait until it listens. Fails with the end of its log."""
        if not self.http_url:
            self._ports.close()
            self.http_url = f"http://localhost:{self._ports.enter_context(reserved_port())}"
            self.ocpp_url = f"ws://localhost:{self._ports.enter_context(reserved_port())}/ocpp"
        wish: dict[str, Any] = {"serve": self._environment(), "log": str(self.directory / "hub.log")}
        up = await self._ask(wish | ({"doom": self.doom.wish()} if self.doom else {}))
        assert "http_url" in up, f"the hub did not start: {up}\n{self.log()[-3000:]}"
        self._lives = True
        self.http_url, self.ocpp_url = up["http_url"], up["ocpp_url"] or ""

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended since."""
        return self._lives

    async def close(self) -> None:
        """End the hub and what it is a fork of."""
        self._ports.close()
        if self._nursery is not None:
            await self.kill()
            await self._nursery.communicate(b"")

    async def _end(self, how: signal.Signals) -> int:
        if not self._lives:
            return 0
        self._lives = False
        return int((await self._ask({"end": how.value}))["ended"])

    async def _ask(self, wish: dict[str, Any]) -> dict[str, Any]:
        if self._nursery is None:
            command = tied([sys.executable, "-m", "tests.journeys.nursery"])
            self._nursery = await create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(wish).encode() + b"\n")
        await self._nursery.stdin.drain()
        async with timeout(START_TIMEOUT_S):
            line = await self._nursery.stdout.readline()
        answer: dict[str, Any] = json.loads(line or b"{}")
        return answer


@asynccontextmanager
async def nursed_hub(directory: Path, database_url: str, **settings: str) -> AsyncIterator[NursedHub]:
    """A hub that is up when the block is entered, and ended when it is left."""
    hub = NursedHub(directory, database_url, settings)
    try:
        await hub.start()
        yield hub
    finally:
        await hub.close()


def main() -> None:
    """Obey until the input ends; then no hub is left."""
    import hub.app
    import hub.serve
    from hub import cli
    from tests.journeys import doom

    assert hub.app
    assert hub.serve
    gc.freeze()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    child = 0
    try:
        for line in sys.stdin:
            wish = json.loads(line)
            if "end" in wish:
                os.kill(child, wish["end"])
                _, status = os.waitpid(child, 0)
                child = 0
                print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)
                continue
            child = os.fork()
            if not child:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
                os.environ.clear()
                os.environ.update(wish["serve"])
                if "doom" in wish:
                    doom.install(wish["doom"])
                cli.cli(["serve", "--json"])
                os._exit(1)
    finally:
        if child:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
