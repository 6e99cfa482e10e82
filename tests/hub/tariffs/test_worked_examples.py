"""Every worked example of the tariffs and CDRs chapters of OCPI 2.2.1, from JSON to JSON."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli import cli
from hub.tariffs.cdr import cost_document, price_cdr
from hub.tariffs.model import Reservation
from hub.tariffs.tally import plain

Json = dict[str, Any]

GOLDEN = Path(__file__).parents[2] / "golden"
CASES: list[Json] = json.loads((GOLDEN / "tariffs" / "worked_examples.json").read_text())
SPEC = {
    Path(item["source"]).stem: item["file"]
    for item in json.loads((GOLDEN / "ocpi-2.2.1" / "INDEX.json").read_text())["items"]
    if item["source"]
}


def tariff_of(case: Json) -> Json:
    """The case's tariff: its own, or an example of the specification."""
    if isinstance(case["tariff"], str):
        found: Json = json.loads((GOLDEN / "ocpi-2.2.1" / SPEC[case["tariff"]]).read_text())
        return found
    own: Json = case["tariff"]
    return own


def exact(value: object) -> D:
    return plain(D(str(value)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_worked_example_comes_out_to_the_last_figure(case: Json) -> None:
    cdr = {"charging_periods": case["charging_periods"]}
    given = case.get("reservation")
    reservation = Reservation(given) if given else None
    found = price_cdr([tariff_of(case)], cdr, otherwise_zone="UTC", reservation=reservation)
    total, wanted = found.priced.total, case["total_cost"]
    assert abs(total.excl_vat - exact(wanted["excl_vat"])) < D("1e-14")
    if "incl_vat" in wanted:
        assert total.incl_vat == exact(wanted["incl_vat"])
    if "lines" in case:
        lines = cost_document(found)["lines"]
        assert [[line["dimension"], line["volume"], line["excl_vat"]] for line in lines] == case["lines"]
    assert sum((line.amount.incl_vat for line in found.priced.lines), D(0)) == total.incl_vat


@pytest.mark.parametrize("case", [case for case in CASES if "reservation" in case], ids=lambda case: case["name"])
def test_the_periods_tell_what_became_of_the_reservation(case: Json) -> None:
    found = price_cdr([tariff_of(case)], {"charging_periods": case["charging_periods"]})
    assert found.priced.total.incl_vat == exact(case["total_cost"]["incl_vat"])


def test_what_the_specification_prints_is_what_we_have_rounded() -> None:
    """But for the one that it gets wrong itself."""
    for case in CASES:
        for shown, name in zip(case.get("printed", []), ("excl_vat", "incl_vat"), strict=False):
            rounded = exact(case["total_cost"][name]).quantize(D(shown), rounding="ROUND_HALF_UP")
            assert (rounded == D(shown)) is ("note" not in case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_command_line_prints_the_cost_fields_of_the_cdr(case: Json, tmp_path: Path) -> None:
    (tmp_path / "tariff.json").write_text(json.dumps(tariff_of(case)))
    (tmp_path / "cdr.json").write_text(json.dumps({"charging_periods": case["charging_periods"]}))
    command = ["tariff", "price", "--tariff", str(tmp_path / "tariff.json"), "--cdr", str(tmp_path / "cdr.json")]
    if "reservation" in case:
        command += ["--reservation", case["reservation"]]
    done = CliRunner().invoke(cli, [*command, "--json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    for name, value in case["total_cost"].items():
        assert abs(exact(printed["total_cost"][name]) - exact(value)) <= D("0.00005")
    parts = [printed[name] for name in printed if name.endswith("_cost") and name != "total_cost"]
    assert len(parts) == 5
    assert CliRunner().invoke(cli, command).exit_code == 0
