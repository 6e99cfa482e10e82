"""A registered partner reads pages of 50 out of 100,000 locations from the whole hub, on PostgreSQL.

What the hub's process pays is compared, as the rate at which it answers goes by it; PostgreSQL works beside it.
"""

import uvloop

from bench.locations import measure
from bench.postgres import postgres_server


async def _main() -> None:
    with postgres_server(durable=True) as database:
        await measure("ocpi_locations_page_postgresql", database.url())


if __name__ == "__main__":
    uvloop.run(_main())
