"""The command line: what scripts read, and what it says when something is wrong."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from urllib.request import urlopen

import pytest

from hub.cli import main
from hub.stations.operation_schemas import INTENTS
from kit.clock import SystemClock
from kit.money import Money
from kit.tx import Database
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post
from payments.tables import Received

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `plugbridge` with arguments and settings; gives its exit code, its output and its complaints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str, **settings: Any) -> tuple[int, str, str]:
        for name, value in settings.items():
            monkeypatch.setenv(f"PLUGBRIDGE_{name.upper()}", str(value))
        monkeypatch.setattr(sys, "argv", ["plugbridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return invoke


def test_the_settings_are_shown_without_secrets(run: Run) -> None:
    url = "postgresql://hub:SECRET@db.example:5432/hub"
    code, out, _ = run("config", "--json", database_url=url, keys="k1:U0VDUkVU", bus_url="nats://u:SECRET@bus:4222")
    shown = json.loads(out)
    assert code == 0
    assert "SECRET" not in out
    assert "U0VDUkVU" not in out
    assert shown["database_url"] == "postgresql://hub:***@db.example:5432/hub"
    assert shown["roles"] == ["api", "ocpi", "csms", "worker"]
    assert "api,ocpi,csms,worker" in run("config")[1]


def test_every_route_is_listed_without_touching_anything(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("routes", "--json", bus_url="nats://127.0.0.1:9")
    found = {(route["methods"], route["path"]) for route in json.loads(out)}
    assert code == 0
    assert {
        ("GET,HEAD", "/readyz"),
        ("GET,HEAD", "/live"),
        ("GET,POST", "/api/operator/v1/stations"),
        ("POST", "/api/operator/v1/starts/{start_id}/stop"),
        ("PUT", "/ocpi/2.2.1/receiver/locations (evse)"),
    } <= found
    assert all(methods and path for methods, path in found)
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_created_for_a_script(run: Run) -> None:
    assert run("migrate")[0] == 0
    code, out, _ = run("operator-key", "create", "--role", "viewer", "--name", "dashboard", "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["name"], made["role"], made["key"][:4]) == ("dashboard", "viewer", "plb_")


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("http_port", "abc", "PLUGBRIDGE_HTTP_PORT: Input should be a valid integer"),
        ("cpo_parties", "XX", "PLUGBRIDGE_CPO_PARTIES: a party is written CC*PID, not 'XX'"),
        ("database_url", "mysql://u:SECRET@h/x", "PLUGBRIDGE_DATABASE_URL: a URL that begins with sqlite:// or"),
        ("bus_url", "redis://SECRET", "PLUGBRIDGE_BUS_URL: a URL that begins with memory:// or"),
    ],
)
def test_a_setting_that_is_wrong_is_named(run: Run, setting: str, value: str, reason: str) -> None:
    code, out, err = run("serve", **{setting: value})
    assert (code, out) == (2, "")
    assert reason in err
    assert "SECRET" not in err
    assert "Traceback" not in err


def test_what_is_out_of_reach_is_told_in_a_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = run("serve", http_port=port)
        assert (code, out) == (1, "")
        assert f"cannot listen on 127.0.0.1:{port}" in err
    code, _, err = run("migrate", database_url=f"postgresql://u:SECRET@127.0.0.1:{port}/x")
    assert code == 1
    assert "Connect call failed" in err
    assert "SECRET" not in err
    (bad := Path("keys")).write_text("no ring")
    code, _, err = run("operator-key", "create", database_url="sqlite:///t.db", keys_file=bad)
    assert (code, err.count("plugbridge: ")) == (1, 1)


def test_every_operation_at_a_charger_is_a_verb(run: Run) -> None:
    verbs = run("station", "--help")[1]
    for intent in INTENTS:
        name = get_args(intent.model_fields["operation"].annotation)[0]
        assert name.replace("_", "-") in verbs
    assert "on_idle" in run("station", "reset", "--help")[1]
    code, _, err = run("station", "unlock", "CS-1", "--key", "plb_x", "--url", "http://127.0.0.1:9")
    assert (code, "does not answer" in err) == (1, True)
    code, _, err = run("station", "write-settings", "CS-1", "--key", "plb_x", "--values", "{")
    assert (code, "--values is no JSON" in err) == (2, True)


def test_the_ledger_is_proved(run: Run, migrated_database_url: str) -> None:
    code, out, _ = run("ledger", "check", "--json", database_url=migrated_database_url)
    assert (code, json.loads(out)) == (0, {"entries": 0, "balances": [], "findings": []})
    entry = Entry(Document("top_up", "1"), postings.wallet_loaded("w", Money(500, "EUR")))
    spent = Entry(Document("payment", "1"), postings.wallet_spent("w", "driver-1", Money(501, "EUR")))
    asyncio.run(posted(migrated_database_url, entry, spent))
    code, out, _ = run("ledger", "check", "--json")
    assert code == 1
    assert [each["where"] for each in json.loads(out)["findings"]] == ["wallet:w EUR"]
    code, out, _ = run("ledger", "check")
    assert code == 1
    assert "5.00 EUR" in out
    assert "more went from it than came to it" in out


def test_books_are_compared(run: Run, migrated_database_url: str) -> None:
    code, out, _ = run("ledger", "reconcile", "--json", database_url=migrated_database_url)
    assert (code, json.loads(out)) == (0, {"findings": []})
    asyncio.run(paid_and_not_posted(migrated_database_url))
    code, out, _ = run("ledger", "reconcile", "--json")
    [found] = json.loads(out)["findings"]
    assert (code, found["part"], found["code"], found["subject"]) == (1, "ledger", "not_posted", "payment p1")
    code, out, _ = run("ledger", "reconcile", "--no-provider")
    assert (code, "not_posted payment p1" in out) == (1, True)


async def paid_and_not_posted(url: str) -> None:
    db = Database(url, clock=SystemClock())
    async with db.tx() as tx:
        at = tx.now - timedelta(days=2)
        row = Received(id="p1", payment_id="pi_1", reference="r", amount_minor=1, currency="EUR", created_at=at)
        tx.add(row)
    await db.close()


async def posted(url: str, *entries: Entry) -> None:
    db = Database(url, clock=SystemClock())
    async with db.tx() as tx:
        for each in entries:
            await post(tx, each)
    await db.close()


def test_a_fake_stripe_needs_a_secret_to_sign_with(run: Run) -> None:
    code, _, complaint = run("fake-stripe", "--webhook-url", "http://127.0.0.1:1/webhook")
    assert code == 2
    assert "--webhook-secret" in complaint


def test_a_fake_stripe_says_where_it_is_and_ends_when_it_is_told_to() -> None:
    command = [sys.executable, "-m", "hub.cli", "fake-stripe", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with urlopen(f"{told['control_url']}/state") as answer:
            assert json.load(answer)["objects"]["pi"] == []
        process.terminate()
        assert process.wait(60) == 0
