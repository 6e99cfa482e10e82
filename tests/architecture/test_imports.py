"""Who may know whom: the contracts in pyproject.toml hold, and each of them catches what it is for."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = {contract["id"]: contract["name"] for contract in CONFIGURATION["contracts"]}
COMMAND = [sys.executable, "-c", "from importlinter.cli import import_linter; import_linter()", "lint", "--no-cache"]

# Of each contract: modules that break it, and the import that the report has to name.
PLANTED = {
    "floors": [
        ("kit/planted_floor.py", "import hub", "kit.planted_floor -> hub"),
        ("auth/planted_floor.py", "from csms import station", "auth.planted_floor -> csms.station"),
        ("csms/planted_floor.py", "import payments", "csms.planted_floor -> payments"),
        ("payments/planted_floor.py", "def late():\n    import csms", "payments.planted_floor -> csms"),
    ],
    "rooms": [
        ("hub/parties/planted_room.py", "from hub.sessions import tables", "hub.parties.planted_room -> hub.sessions"),
        ("hub/tokens/planted_room.py", "from hub import starts", "hub.tokens.planted_room -> hub.starts"),
        ("hub/locations/planted_room.py", "from hub import web", "hub.locations.planted_room -> hub.web"),
        ("hub/planted_room_without_a_place.py", "", "planted_room_without_a_place"),
    ],
    "protocol": [
        ("ocpi/planted_own.py", "from kit.clock import Clock", "ocpi.planted_own -> kit.clock"),
        ("ocpi/planted_database.py", "import sqlalchemy.orm", "ocpi.planted_database -> sqlalchemy"),
    ],
    "protocol-users": [
        ("csms/planted_protocol.py", "from ocpi import types", "csms.planted_protocol -> ocpi.types"),
        ("auth/planted_protocol.py", "import ocpi", "auth.planted_protocol -> ocpi"),
    ],
    "simulators": [
        ("simulators/planted_hub.py", "from hub import settings", "simulators.planted_hub -> hub.settings"),
        ("simulators/planted_csms.py", "from csms import frames", "simulators.planted_csms -> csms.frames"),
    ],
    "simulators-users": [
        ("hub/web/planted_simulator.py", "import simulators", "hub.web.planted_simulator -> simulators"),
    ],
    "rules": [
        ("hub/tokens/rules.py", "from sqlmodel import select", "hub.tokens.rules -> sqlmodel"),
        ("hub/web/pricing.py", "import kit.tx", "hub.web.pricing -> kit.tx"),
        ("hub/sessions/routing.py", "from hub.sessions import tables", "hub.sessions.routing -> hub.sessions.tables"),
        ("payments/rules.py", "from payments import planted_helper", "payments.planted_helper -> httpx"),
        ("payments/planted_helper.py", "import httpx", "payments.rules -> payments.planted_helper"),
    ],
    "stripe": [
        ("hub/web/planted_stripe.py", "import stripe", "hub.web.planted_stripe -> stripe"),
        ("payments/planted_stripe.py", "from stripe import Charge", "payments.planted_stripe -> stripe"),
    ],
    "ocpp": [("hub/stations/planted_ocpp.py", "import ocpp.v16", "hub.stations.planted_ocpp -> ocpp")],
    "authlib": [("hub/web/planted_authlib.py", "import authlib", "hub.web.planted_authlib -> authlib")],
    "cycles": [
        ("hub/web/planted_left.py", "from hub.web import planted_right", "planted_left"),
        ("hub/web/planted_right.py", "from hub.web import planted_left", "planted_right"),
    ],
}


def lint(root: Path) -> tuple[int, str]:
    """The exit status of import-linter on a tree, and what it prints."""
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(root)}
    done = subprocess.run(COMMAND, cwd=root, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def findings(report: str) -> dict[str, str]:
    """What the report says under the heading of each broken contract, by the contract's id."""
    _, _, broken = report.partition("Broken contracts\n")
    headings = "|".join(re.escape(name) for name in NAMES.values())
    parts = re.split(rf"^({headings})\n-+\n", broken, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {id: found[name] for id, name in NAMES.items() if name in found}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The findings on a copy of the packages into which every violation was planted."""
    root = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", root)
    for package in CONFIGURATION["root_packages"]:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text, _ in (violation for violations in PLANTED.values() for violation in violations):
        (root / path).write_text(text + "\n")
    status, report = lint(root)
    assert status == 1, report
    return findings(report)


def test_every_contract_holds() -> None:
    status, report = lint(ROOT)
    assert status == 0, report


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(NAMES)


@pytest.mark.parametrize(
    ("contract", "violation"),
    [(contract, text) for contract, violations in PLANTED.items() for _, _, text in violations],
)
def test_a_contract_catches_a_planted_violation(contract: str, violation: str, planted: dict[str, str]) -> None:
    assert violation in planted.get(contract, "the contract is kept")
