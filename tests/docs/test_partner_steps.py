"""The steps of "Connected in ten minutes" are run as they stand on the page: a hub, an invitation, a registration."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simulators.partner.server import running_partner

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PART = (ROOT / "docs" / "partners.md").read_text().partition("## Connected in ten minutes")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```sh\n(.*?)```", PART, re.DOTALL)
SERVE = "plugbridge serve\n"
TIMEOUT_S = 90.0


def commands() -> str:
    """What the page takes for granted, as functions of the shell."""
    made = f'plugbridge() {{ "{sys.executable}" -m hub.cli "$@"; }}\n'
    if shutil.which("curl") is None:
        made += f'curl() {{ "{sys.executable}" "{Path(__file__).with_name("curl.py")}" "$@"; }}\n'
    return made


@dataclass
class Reader:
    """Who follows the page: a shell in a folder of its own, and what was written down on the way."""

    folder: Path
    instead: dict[str, str]
    """What stands on the page, and what it is here."""
    noted: dict[str, str] = field(default_factory=dict)

    async def run(self, block: str) -> str:
        """What a block prints; variables that it sets are there for the next one."""
        script = f"set -ea; if [ -f noted ]; then . ./noted; fi\n{block}\nexport -p > noted"
        process = await self._shell(script)
        async with asyncio.timeout(TIMEOUT_S):
            printed, _ = await process.communicate()
        assert process.returncode == 0, block
        return printed.decode()

    async def answers(self, block: str) -> list[Any]:
        """The JSON documents that a block prints, one after the other."""
        text, found = (await self.run(block)).strip(), []
        while text:
            document, end = json.JSONDecoder().raw_decode(text)
            found.append(document)
            text = text[end:].lstrip()
        return found

    async def start(self, command: str, until: str) -> Process:
        """Start what goes on, and wait until it prints something."""
        process = await self._shell(f"set -a; . ./noted\n{command}", errors=STDOUT)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while until not in (line := (await process.stdout.readline()).decode()):
                    assert line, "it has ended"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process

    async def _shell(self, script: str, *, errors: int | None = None) -> Process:
        for written, here in self.instead.items():
            script = script.replace(written, here)
        return await asyncio.create_subprocess_exec(
            *("bash", "-c", commands() + script),
            cwd=self.folder,
            env={**os.environ, **self.noted},
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_who_follows_the_steps_is_connected(tmp_path: Path) -> None:
    run_a_hub, invite, look_around, register, ask = BLOCKS
    port = free_port()
    async with running_partner(role="EMSP", party="DE*ABC", name="Your company") as you:
        here = {
            "localhost:8000": f"localhost:{port}",
            "https://you.example/ocpi/versions": you.invite()["versions_url"],
        }
        settings = {"PLUGBRIDGE_HTTP_PORT": str(port), "PLUGBRIDGE_OCPP_PORT": "0", "PYTHONPATH": str(ROOT)}
        reader = Reader(tmp_path, here, settings)
        (token_b,) = you.state.registration_tokens

        assert run_a_hub.endswith(SERVE)
        printed = await reader.run(run_a_hub.removesuffix(SERVE))
        reader.noted["KEY"] = re.findall(r"plb_[\w-]+", printed)[0]
        hub = await reader.start(SERVE, until=f"http://localhost:{port}")
        try:
            (invitation,) = await reader.answers(invite)
            assert invitation["versions_url"] == f"http://localhost:{port}/ocpi/versions"
            reader.noted["TOKEN_A"] = invitation["token"]

            versions, details = await reader.answers(look_around)
            assert [each["version"] for each in versions["data"]] == ["2.2.1"]
            assert "credentials" in {each["identifier"] for each in details["data"]["endpoints"]}

            reader.noted["TOKEN_B"] = token_b
            (registered,) = await reader.answers(register)
            assert registered["status_code"] == 1000
            reader.noted["TOKEN_C"] = registered["data"]["token"]

            (locations,) = await reader.answers(ask)
            assert (locations["status_code"], locations["data"]) == (1000, [])
            again = await reader.answers(look_around)
            assert [each["status_code"] for each in again] == [2000, 2000], "token A is void"
        finally:
            os.killpg(hub.pid, signal.SIGTERM)
            await hub.communicate()
