"""What is served, described: the OpenAPI documents that `openapi/` keeps, and the list of routes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.routing import Route

from hub.app import OCPI, VERSION, Hub, open_hub
from hub.endpoints import driver_app, json_app
from hub.settings import Settings
from kit.crypto import KeyRing
from ocpi.openapi import openapi_document

FOLDER = Path(__file__).parent.parent / "openapi"


def documents() -> dict[str, dict[str, Any]]:
    """Every document by the name of its file."""
    return asyncio.run(_documents())


def write() -> list[Path]:
    """Write the documents into `openapi/` and return their paths."""
    written = []
    for name, document in documents().items():
        path = FOLDER / name
        path.write_text(render(document))
        written.append(path)
    return written


def render(document: dict[str, Any]) -> str:
    """A document as it is kept: stable, and pleasant in a diff."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


async def _documents() -> dict[str, dict[str, Any]]:
    async with described_hub() as hub:
        ocpi = openapi_document(VERSION, keys=list(hub.ocpi_handlers), title="Plugbridge: OCPI")
        return {
            "operator.json": json_app(hub).openapi(),
            "driver.json": driver_app(hub).openapi(),
            f"ocpi-{VERSION}.json": dict(ocpi),
        }


async def routes() -> list[tuple[str, str]]:
    """Every route that is served, as methods and path; those of OCPI by the level of what they are about."""
    async with described_hub() as hub:
        app = json_app(hub)
        plain = [each for each in app.routes if isinstance(each, Route) and not isinstance(each, APIRoute)]
        found = [(_methods(route.methods or ()), route.path) for route in plain]
        for described in (app, driver_app(hub)):
            found += [(_methods(item), path) for path, item in described.openapi()["paths"].items()]
        for module, side, verb, level in sorted(hub.ocpi_handlers):
            found.append((verb.value, f"{OCPI}/{VERSION}/{side.value.lower()}/{module} ({level})"))
        return found


@asynccontextmanager
async def described_hub() -> AsyncIterator[Hub]:
    """A hub whose parts are made, and only described: neither database, bus nor ring are used."""
    keys = SecretStr(KeyRing.generate().to_text())
    settings = Settings(database_url="sqlite:///unused.db", bus_url="memory://", keys=keys)
    hub = await open_hub(settings, public_url="http://localhost:8000")
    try:
        yield hub
    finally:
        await hub.close()


def _methods(names: Iterable[str]) -> str:
    return ",".join(sorted(name.upper() for name in names))


if __name__ == "__main__":
    write()
