"""A partner's list of 100,000 locations is read and stored; a bare loop fetches, parses and stores the same bytes.

Both run in processes of their own against the same server of ready pages and write to SQLite in batches of one size.
The figure is CPU time for an object. To stderr goes what the loop takes over aiohttp, which the hub uses and which
takes half of httpx, and the growth of memory over the second half of the crawl.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from bench.harness import ROOT, server, tell
from bench.processes import tied

NAME = "ocpi_crawl"
OBJECTS = 100_000
ROUNDS = 5
TARGET = 0.5


def _crawl(kind: str, url: str, folder: str) -> dict[str, Any]:
    command = tied([sys.executable, "-m", "bench.crawlers", kind, url, folder, str(OBJECTS)])
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["objects"] == OBJECTS, found
    return found


async def _main() -> None:
    costs: dict[str, list[float]] = {"bare": [], "bare_aiohttp": [], "ours": []}
    growth = 0.0
    with server("bench.servers.location_list", str(OBJECTS)) as pages:
        for _ in range(ROUNDS):
            for kind, found in costs.items():
                with tempfile.TemporaryDirectory() as folder:
                    one = await asyncio.to_thread(_crawl, kind, pages.url, folder)
                found.append(one["cpu_s"] / OBJECTS * 1e6)
                if kind == "ours":
                    growth = max(growth, one["grown_mb"])
    bare, bare_aiohttp, ours = (statistics.median(found) for found in costs.values())
    print(
        f"{NAME}: {ours:.1f} us of CPU for an object, bare {bare:.1f} us, over aiohttp {bare_aiohttp:.1f} us;"
        f" grown by {growth:.0f} MB",
        file=sys.stderr,
    )
    tell(NAME, bare / ours, TARGET)


if __name__ == "__main__":
    asyncio.run(_main())
