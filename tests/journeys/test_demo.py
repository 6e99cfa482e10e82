"""The demo as a stranger runs it: one command, one summary, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "hub.cli", "demo", "--once", "--json"]
JOURNEYS = [
    "1 own driver at own charger",
    "2 partner's driver at own charger",
    "4 partner CPO's locations and tariffs read by another partner",
    "6 our driver at a partner's charger",
    "7 app start with a card hold and 3-D Secure",
    "8 guest by card",
]
PROCESSES = 5
"""The demo with its hub, the chargers, two partners, and the payment provider."""
MARK = "DEMO_UNDER_TEST"


class Demo:
    """A running demo; it and all that it starts can be told by a mark in their environment."""

    def __init__(self, directory: Path) -> None:
        self.mark = uuid4().hex
        self.directory = directory
        environment = {**os.environ, MARK: self.mark, "TMPDIR": str(directory)}
        self.process = subprocess.Popen(
            COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def processes(self) -> list[psutil.Process]:
        """Everything of this demo that is alive."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait_for(self, count: int) -> None:
        """Wait until so many processes are alive."""
        deadline = time.monotonic() + 120
        while len(self.processes()) != count:
            assert time.monotonic() < deadline, f"{len(self.processes())} processes and not {count}"
            time.sleep(0.05)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path)
    yield started
    started.process.kill()
    started.process.communicate()


def journeys(stdout: str) -> dict[str, dict[str, Any]]:
    """The summary by name; it is the only thing on stdout."""
    [line] = stdout.splitlines()
    return {each["name"]: each for each in json.loads(line)["journeys"]}


@pytest.mark.slow
def test_each_journey_is_played_once_and_proved(demo: Demo) -> None:
    stdout, stderr = demo.process.communicate(timeout=180)
    found = journeys(stdout)
    assert list(found) == JOURNEYS
    assert {name: each["reason"] for name, each in found.items() if not each["ok"]} == {}
    assert demo.process.returncode == 0
    assert stderr == ""
    own, partners, read, abroad, app, guest = (found[name] for name in JOURNEYS)
    for each in (own, partners, abroad, app, guest):
        assert each["session_id"]
        assert each["kwh"] > 0
        assert each["total_cost"] > 0
        assert each["currency"] == "EUR"
    assert own["delivered_to"] is None
    assert partners["delivered_to"] == "DE*RWM"
    assert partners["cdr_url"].endswith(f"/cdrs/NL/PLB/{partners['cdr_id']}")
    assert partners["authorized_ms"] > 0
    assert (read["session_id"], read["objects"]) == (None, {"locations": 2, "tariffs": 1})
    assert [run["via"] for run in abroad["runs"]] == ["RFID", "START_SESSION"]
    assert [each["payment"]["asked_by_bank"] for each in (app, guest)] == [True, False]
    for paid in (app["payment"], guest["payment"]):
        assert paid["held"] > paid["estimate"] > paid["captured"] > 0
        assert round(paid["captured"] + paid["released"], 2) == paid["held"]
        assert paid["live_costs"] == sorted(paid["live_costs"])
        assert 0 < paid["live_costs"][0] < paid["live_costs"][-1] <= paid["captured"]
        assert paid["receipt"]
        assert paid["ledger_entries"] > 0
    assert app["payment"]["receipt"] != guest["payment"]["receipt"]
    assert demo.processes() == []
    assert list(demo.directory.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_says_so_and_leaves_nothing(demo: Demo, number: signal.Signals) -> None:
    demo.wait_for(PROCESSES)
    demo.process.send_signal(number)
    stdout, _ = demo.process.communicate(timeout=30)
    assert demo.process.returncode == 1
    assert not all(each["ok"] for each in journeys(stdout).values())
    assert demo.processes() == []
    assert list(demo.directory.iterdir()) == []


@pytest.mark.slow
def test_no_process_outlives_a_demo_that_is_killed(demo: Demo) -> None:
    demo.wait_for(PROCESSES)
    demo.process.kill()
    demo.process.communicate(timeout=10)
    demo.wait_for(0)
