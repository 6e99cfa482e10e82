"""`plugbridge tariff`: what is printed, what goes to stderr, and what bad files end with."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hub.cli import cli

Json = dict[str, Any]

TARIFF: Json = {
    "id": "T",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.6, "vat": 19, "step_size": 1}],
            "restrictions": {"start_time": "08:00", "end_time": "20:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.3, "vat": 19, "step_size": 1}]},
    ],
}
CDR: Json = {
    "charging_periods": [
        {"start_date_time": "2026-03-02T07:30:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}]},
        {"start_date_time": "2026-03-02T08:30:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}]},
    ]
}


def run(folder: Path, *words: str, tariff: Any = TARIFF, cdr: Any = CDR) -> Result:
    for name, content in (("tariff", tariff), ("cdr", cdr)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return CliRunner().invoke(cli, ["tariff", *words])


def priced(folder: Path, *options: str, **files: Any) -> Result:
    return run(folder, "price", "--tariff", str(folder / "tariff"), "--cdr", str(folder / "cdr"), *options, **files)


@pytest.mark.parametrize(
    ("place", "total", "zone"),
    [
        ({}, 9.0, "UTC"),
        ({"cdr_location": {"country": "DEU"}}, 12.0, "Europe/Berlin"),
        ({"cdr_location": {"country": "ESP"}}, 9.0, "UTC"),
        ({"cdr_location": {"country": "ESP", "time_zone": "Europe/Madrid"}}, 12.0, "Europe/Madrid"),
    ],
)
def test_hours_are_read_where_the_charger_stands(tmp_path: Path, place: Json, total: float, zone: str) -> None:
    done = priced(tmp_path, "--json", cdr={**CDR, **place})
    document = json.loads(done.stdout)
    assert (document["total_cost"]["excl_vat"], document["time_zone"]) == (total, zone)
    assert ("--time-zone" in done.stderr) is (zone == "UTC")
    said = json.loads(priced(tmp_path, "--json", "--time-zone", "Asia/Kolkata", cdr={**CDR, **place}).stdout)
    assert said["total_cost"]["excl_vat"] == 12


def test_lines_say_how_it_comes_about(tmp_path: Path) -> None:
    document = json.loads(priced(tmp_path, "--json", "--time-zone", "UTC").stdout)
    assert [name for name in document if name.startswith("total_")] == [
        "total_cost",
        "total_fixed_cost",
        "total_energy_cost",
        "total_time_cost",
        "total_parking_cost",
        "total_reservation_cost",
    ]
    assert document["lines"][1] == {
        "dimension": "ENERGY",
        "period": 1,
        "element": 0,
        "volume": 10,
        "unit": "kWh",
        "step_size": 1,
        "step_added": 0,
        "unit_price": 0.6,
        "vat": 19,
        "excl_vat": 6,
        "incl_vat": 7.14,
    }
    table = priced(tmp_path, "--time-zone", "UTC").stdout
    assert "ENERGY" in table
    assert "10.7100" in table


def test_the_tariffs_inside_the_cdr_will_do(tmp_path: Path) -> None:
    done = run(tmp_path, "price", "--cdr", str(tmp_path / "cdr"), "--json", cdr={**CDR, "tariffs": [TARIFF]})
    assert json.loads(done.stdout)["total_cost"]["excl_vat"] == 9
    answer = {"status_code": 1000, "timestamp": "2026-03-02T08:30:00Z", "data": TARIFF}
    assert json.loads(priced(tmp_path, "--json", tariff=answer).stdout)["total_cost"]["excl_vat"] == 9


def test_of_several_tariffs_the_one_that_is_valid_prices(tmp_path: Path) -> None:
    old = {**TARIFF, "id": "OLD", "end_date_time": "2026-01-01T00:00:00Z"}
    free = {"id": "FREE", "currency": "EUR", "elements": [{"price_components": [{"type": "FLAT", "price": 0}]}]}
    assert json.loads(priced(tmp_path, "--json", tariff=[old, free]).stdout)["tariff_id"] == "FREE"
    named = {**CDR, "charging_periods": [{**period, "tariff_id": "T"} for period in CDR["charging_periods"]]}
    assert json.loads(priced(tmp_path, "--json", tariff=[free, TARIFF], cdr=named).stdout)["tariff_id"] == "T"
    assert priced(tmp_path, "--json", tariff=[old, old]).exit_code == 1


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"tariff": b"{"}, "unreadable_file"),
        ({"cdr": b"\xff\xfe\x00"}, "unreadable_file"),
        ({"cdr": b"[" * 100_000}, "unreadable_file"),
        ({"tariff": 7}, "invalid_tariff"),
        ({"tariff": []}, "invalid_tariff"),
        ({"tariff": {**TARIFF, "elements": [{}]}}, "invalid_tariff"),
        ({"tariff": {**TARIFF, "currency": "XXX"}}, "unknown_currency"),
        ({"tariff": {**TARIFF, "elements": [{"price_components": [{"type": "CO2"}]}]}}, "unsupported_tariff"),
        ({"cdr": []}, "invalid_cdr"),
        ({"cdr": {}}, "invalid_cdr"),
        ({"cdr": {"charging_periods": [{}]}}, "invalid_cdr"),
        ({"cdr": {"charging_periods": [7]}}, "invalid_cdr"),
        ({"cdr": {"charging_periods": [{"start_date_time": "soon", "dimensions": []}]}}, "invalid_cdr"),
        ({"cdr": {"charging_periods": CDR["charging_periods"][::-1]}}, "invalid_cdr"),
        ({"cdr": {**CDR, "currency": "SEK"}}, "cannot_price"),
    ],
)  # fmt: skip
def test_bad_files_end_with_a_code_and_no_stack(tmp_path: Path, files: Json, code: str) -> None:
    done = priced(tmp_path, "--json", **files)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"plugbridge: {code}: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "price", "--cdr", str(tmp_path / "nowhere"))
    assert (done.exit_code, done.stderr.startswith("plugbridge: unreadable_file: ")) == (1, True)


def test_the_two_readings_of_steps(tmp_path: Path) -> None:
    time, parking = ({"type": kind, "price": 6, "step_size": 600} for kind in ("TIME", "PARKING_TIME"))
    doc = {**TARIFF, "elements": [{"price_components": [time, parking]}]}
    volumes = [("TIME", 0.35), ("PARKING_TIME", 0.1), ("TIME", 0.1)]
    periods = [
        {"start_date_time": f"2026-03-02T0{hour}:00:00Z", "dimensions": [{"type": kind, "volume": volume}]}
        for hour, (kind, volume) in enumerate(volumes)
    ]
    for reading, total in (("parking", 3.7), ("last", 3.6)):
        done = priced(tmp_path, "--steps", reading, "--json", tariff=doc, cdr={"charging_periods": periods})
        assert json.loads(done.stdout)["total_cost"]["excl_vat"] == total


def test_a_check_ends_with_one_where_something_forbids_publishing(tmp_path: Path) -> None:
    check = ("check", str(tmp_path / "tariff"))
    fine = run(tmp_path, *check, "--country", "DE", "--power-kw", "150", "--json")
    assert fine.exit_code == 0
    assert json.loads(fine.stdout)["ok"] is True
    american = run(tmp_path, *check, "--country", "US", "--json")
    assert american.exit_code == 1
    found = json.loads(american.stdout)["findings"]
    assert {"nevi_price_changes", "nevi_currency"} <= {finding["code"] for finding in found}
    assert all(finding["source"] for finding in found)
    spoken = run(tmp_path, *check, "--country", "NL", "--language", "de")
    assert "0,714 € pro kWh (08:00–20:00 Uhr)" in spoken.stdout
    assert "per kWh" not in spoken.stdout
    broken = run(tmp_path, *check, "--country", "NL", tariff=b"{")
    assert (broken.exit_code, broken.stderr.startswith("plugbridge: unreadable_file: ")) == (1, True)


def test_an_idle_fee_is_priced_by_how_full_it_was(tmp_path: Path) -> None:
    fee = {"price": 6, "occupancy": [{"min_percent": 80, "price": 30}]}
    doc = {"id": "T", "currency": "EUR", "elements": [{"price_components": [{"type": "FLAT", "price": 1}]}]}
    period = {"start_date_time": "2026-03-02T07:30:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 1}]}
    cdr = {"charging_periods": [period], "end_date_time": "2026-03-02T08:30:00Z"}
    for options, total in (((), 7), (("--occupancy", "90"), 31)):
        done = priced(tmp_path, "--json", *options, tariff={**doc, "idle_fee": fee}, cdr=cdr)
        assert json.loads(done.stdout)["total_cost"]["excl_vat"] == total
