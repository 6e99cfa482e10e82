"""A registered partner reads pages of 50 out of 100,000 locations from the whole hub, on SQLite."""

import tempfile

import uvloop

from bench.locations import measure


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await measure("ocpi_locations_page", f"sqlite:///{folder}/bench.db")


if __name__ == "__main__":
    uvloop.run(_main())
