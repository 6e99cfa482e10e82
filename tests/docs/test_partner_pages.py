"""The pages for partners name only commands, options, settings, faults, endpoints and codes that exist."""

import inspect
import re
from pathlib import Path

import pytest
import typer

from hub.cli import cli
from hub.settings import Settings
from ocpi import errors
from simulators.partner.faults.catalog import ANSWER_FAULTS, PUSH_FAULTS, descriptions

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("partners.md", "simulators.md")}


def options_of(*path: str) -> set[str]:
    """The options of a command, as they are written."""
    command = typer.main.get_command(cli)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("page", PAGES)
def test_each_command_on_the_page_takes_its_options(page: str) -> None:
    found = re.findall(r"plugbridge ((?:simulate|conformance|operator-key) \w+)([^\n`]*)", PAGES[page])
    assert found
    for command, rest in found:
        assert set(re.findall(r"--[a-z-]+", rest)) <= options_of(*command.split())


def test_the_table_of_options_is_that_of_the_runner() -> None:
    table = set(re.findall(r"`(--[a-z-]+)`", PAGES["simulators.md"].partition("## The conformance runner")[2]))
    assert table | {"--versions-url", "--token"} == options_of("conformance", "run")


def test_the_table_of_faults_is_complete_and_has_their_defaults() -> None:
    rows = dict(re.findall(r"^\| `([a-z][a-z-]+)(?:=([^`]*))?` \|", PAGES["simulators.md"], re.MULTILINE))
    assert rows == {name: (ANSWER_FAULTS.get(name) or PUSH_FAULTS[name])[0] for name in descriptions()}


def test_the_settings_exist() -> None:
    named = {name.lower() for page in PAGES.values() for name in re.findall(r"PLUGBRIDGE_([A-Z_]+)", page)}
    assert named - set(Settings.model_fields) == set()


def test_the_table_of_codes_is_that_of_the_library() -> None:
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.OcpiError)]
    known = {(each.status_code, each.http_status) for each in classes}
    rows = re.findall(r"^\| ([\d, ]+) \| (\d+) \|", PAGES["partners.md"], re.MULTILINE)
    assert len(rows) > 10
    assert {(int(code), int(http)) for codes, http in rows for code in codes.split(",")} <= known
