"""requirements.lock says what pyproject.toml asks for, and nothing of the machine that it was made on."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = {
    match["name"]: match["version"] for match in re.finditer(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)", LOCK, re.M)
}


def test_every_requirement_is_locked_at_a_version_that_it_allows() -> None:
    wanted = [Requirement(text) for text in [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]]
    unmet = [str(one) for one in wanted if not one.specifier.contains(PINS.get(canonicalize_name(one.name), "0"))]
    assert unmet == [], "run `make lock`"


def test_every_pin_is_hashed() -> None:
    for entry in re.split(r"\n(?=[a-z0-9])", LOCK)[1:]:
        assert "--hash=sha256:" in entry


def test_the_lock_names_no_place() -> None:
    assert re.search(r"://|--(index|extra-index|find-links)|file:", LOCK) is None
