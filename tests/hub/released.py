"""The schemas of the releases, each with the rows of a small network, that every later schema has to take over.

`tests/golden/schemas/<version>.sql` is a SQLite database as that release left it. When a release is made, write its
own with `python -m tests.hub.released`, commit it, and never touch it again; until then it is written anew whenever
its migration is. `test_schema` upgrades each of them to the newest schema.
"""

import asyncio
import sqlite3
import sys
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.journeys.network import PARTNER_TOKEN, eventually
from tests.journeys.process import hub_process, network_of

GOLDEN = Path(__file__).parents[1] / "golden" / "schemas"


def released_schemas() -> list[Path]:
    """The files, oldest release first."""
    return sorted(GOLDEN.glob("*.sql"), key=lambda path: [int(part) for part in path.stem.split(".")])


def version() -> str:
    """The version that the project has now."""
    project = tomllib.loads((GOLDEN.parents[2] / "pyproject.toml").read_text())
    return str(project["project"]["version"])


async def fill(directory: Path) -> str:
    """Let a hub run a roaming session, then read its database as SQL."""
    path = directory / "hub.db"
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(hub_process(directory, f"sqlite:///{path}"))
        network = await stack.enter_async_context(network_of(process))
        await network.publish()
        await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
        emsp = await network.partner("EMSP", "DE*EMS")
        emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
        station = await network.station()
        await station.tap(PARTNER_TOKEN["uid"], seconds=0.5)
        await station.tap("04AABBCCDD", seconds=0.5)

        async def delivered() -> bool:
            return bool((await network.get("/deliveries"))["receipts"]) and (await network.get("/cdrs"))["total"] == 2

        await eventually(delivered)
        await process.stop()
    with sqlite3.connect(path) as database:
        dump = "\n".join(database.iterdump()) + "\n"
    database.close()
    return dump


def write(name: str) -> Path:
    """Write the schema of this version; its path."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    path = GOLDEN / f"{name}.sql"
    with TemporaryDirectory() as directory:
        path.write_text(asyncio.run(fill(Path(directory))))
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{write(version())}\n")
