"""The other processes of the demo: commands of our own, ended with certainty."""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

Json = dict[str, Any]

END_S = 5.0
"""How long a process may take to end by itself."""


class DemoFailed(Exception):
    """Something did not happen as it should; the text says what, for people."""


async def start(*arguments: str) -> Process:
    """Start `plugbridge …` as a process of its own.

    It reads its end off its standard input, so it ends even when this process is killed. A session of its own keeps
    the terminal's Ctrl-C from it: who is ended, and when, is decided here.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.cli", *arguments, stdin=PIPE, stdout=PIPE, start_new_session=True
    )


async def end(process: Process) -> None:
    """End a process, by force if need be. It has nothing to save."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def first_line(process: Process) -> Json:
    """What a process announces when it is ready. Raises `DemoFailed` when it ends before."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    line = await process.stdout.readline()
    if not line:
        raise DemoFailed("a process of the demo ended at once")
    announced: Json = json.loads(line)
    return announced


class Fleet:
    """The chargers: a process that runs them all and takes commands."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[Json]] = {}

    async def listen(self) -> None:
        """Give each line of the process to whoever gave the command, until the process ends."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        async for line in self._process.stdout:
            told = json.loads(line)
            if told["id"] in self._waiting:
                self._waiting[told["id"]].put_nowait(told)
        for queue in self._waiting.values():
            queue.put_nowait({"event": "failed", "reason": "the chargers' process ended", "done": True})

    async def command(self, do: str, **options: object) -> AsyncIterator[Json]:
        """Give a command and follow what comes of it. Raises `DemoFailed` with the reason when it fails."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        number = next(self._ids)
        queue = self._waiting[number] = asyncio.Queue()
        try:
            self._process.stdin.write(json.dumps({"id": number, "do": do, **options}).encode() + b"\n")
            while True:
                told = await queue.get()
                if told["event"] == "failed":
                    raise DemoFailed(f"a charger: {told['reason']}")
                yield told
                if told.get("done"):
                    return
        finally:
            del self._waiting[number]
