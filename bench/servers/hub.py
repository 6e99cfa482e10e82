"""The whole hub with all its roles, as the settings in the environment say."""

import asyncio

import uvloop

from hub.serve import running, spare_collector
from hub.settings import Settings
from kit import log


async def _main() -> None:
    settings = Settings()
    log.configure(settings.log_level, json=True)
    async with running(settings) as up:
        spare_collector()
        print(up.http_url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main())
