"""The architecture page names functions; each of them exists."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
FOUND = re.findall(r"`((?:kit|ocpi|auth|payments|csms|hub|simulators)(?:\.\w+)+)`", PAGE)
NAMES = sorted({name for name in FOUND if not name.endswith(".py")})
PATHS = sorted(set(re.findall(r"`((?:kit|ocpi|auth|csms|hub|tests|simulators)(?:/[\w.]+)+)`", PAGE)))


def resolve(name: str) -> object:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return found
    raise AssertionError(f"no module for {name}")


def test_the_page_names_the_way_of_a_tap() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_each_name_on_the_page_exists(name: str) -> None:
    resolve(name)


@pytest.mark.parametrize("path", PATHS)
def test_each_path_on_the_page_exists(path: str) -> None:
    assert (Path(__file__).parents[2] / path).exists()
