"""Tariffs of the specification, by the name of the file that they stand in there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.tariffs.pricing import Measure, Tariff, parse_tariff

GOLDEN = Path(__file__).parents[2] / "golden" / "ocpi-2.2.1"


@pytest.fixture(scope="session")
def spec_tariff() -> Callable[[str], Tariff]:
    """Parse `examples/{name}.json` of the specification, for sessions that know their power and current."""
    index = json.loads((GOLDEN / "INDEX.json").read_text())
    files = {item["source"]: item["file"] for item in index["items"]}

    def read(name: str) -> Tariff:
        doc = json.loads((GOLDEN / files[f"examples/{name}.json"]).read_text())
        return parse_tariff(doc, measured=frozenset(Measure))

    return read
