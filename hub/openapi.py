"""The OpenAPI documents that `openapi/` keeps: the operator API, and OCPI in each version that is served."""

import asyncio
import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hub.app import VERSION, Hub, json_app, open_hub
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
    # Neither the database nor the ring is used: the parts are made, and only described.
    settings = Settings(database_url="sqlite:///unused.db", keys=SecretStr(KeyRing.generate().to_text()))
    hub: Hub = await open_hub(settings, public_url="http://localhost:8000")
    try:
        ocpi = openapi_document(VERSION, keys=list(hub.ocpi_handlers), title="Plugbridge: OCPI")
        return {"operator.json": json_app(hub).openapi(), f"ocpi-{VERSION}.json": dict(ocpi)}
    finally:
        await hub.close()


if __name__ == "__main__":
    write()
