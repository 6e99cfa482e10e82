"""docs/tariffs.md says what the code does."""

import json
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from hub.cli import cli
from hub.tariffs import idle, legal
from hub.tariffs.cdr import EVERYTHING
from hub.tariffs.describing import LANGUAGES
from hub.tariffs.model import StepReading
from kit.errors import InvalidInput

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tariffs.md").read_text()


def test_the_commands_run(tmp_path: Path) -> None:
    cdr = json.loads((ROOT / "tests/golden/ocpi-2.2.1/cdrs_cdr_1.json").read_text())
    (tmp_path / "cdr.json").write_text(json.dumps(cdr))
    (tmp_path / "tariff.json").write_text(json.dumps({**cdr["tariffs"][0], "type": "REGULAR"}))
    block = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    commands = block[1].strip().splitlines()
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command, comments=True)[1:]
        words = [str(tmp_path / word) if word.endswith(".json") else word for word in words]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output


def test_the_idle_fee_is_what_it_takes() -> None:
    block = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    fee = json.loads(block[1])
    assert fee["idle_fee"].keys() == idle._FIELDS
    tariff = {"elements": [{"price_components": [{"type": "ENERGY"}]}], **fee}
    parsed = idle.parse_idle_fee(tariff, measured=EVERYTHING)
    assert parsed is not None
    assert len(parsed.tiers) == 2
    for name in idle._FIELDS:
        assert f"`{name}`" in PAGE


def test_every_law_and_language_and_reading_is_named() -> None:
    for source in (legal.AFIR, "23 CFR 680.116(a), NEVI", "California 4 CCR 4002.11", "regulation 11"):
        assert source in PAGE
    assert len(LANGUAGES) == 4
    for reading in StepReading:
        assert f"`{reading.value}`" in PAGE


def test_every_code_of_an_error_is_named() -> None:
    import hub.cli_tariffs
    import hub.tariffs.periods  # noqa: F401

    def below(kind: type[InvalidInput]) -> set[str]:
        return {kind.code for kind in kind.__subclasses__()}.union(*(below(each) for each in kind.__subclasses__()))

    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    priced = {
        "unreadable_file",
        "invalid_tariff",
        "unsupported_tariff",
        "invalid_cdr",
        "cannot_price",
        "unknown_currency",
    }
    assert priced <= below(InvalidInput)
    assert priced <= named
