"""`plugbridge tariff …`: price a CDR by a tariff, and check a tariff before it is published. No hub is needed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hub.tariffs.cdr import PricedCdr, cost_document, price_cdr
from hub.tariffs.idle import Occupancy
from hub.tariffs.legal import Place
from hub.tariffs.linting import finding_document, inspect
from hub.tariffs.model import InvalidTariff, Reservation, StepReading
from hub.tariffs.periods import InvalidCdr, parse_usage
from kit.errors import InvalidInput, Problem

UNKNOWN_ZONE = "UTC"

out, err = Console(), Console(stderr=True)

tariff_verbs = typer.Typer(no_args_is_help=True, help="Price charge detail records, and check tariffs.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]


class UnreadableFile(InvalidInput):
    """A file that is not there, or no JSON."""

    code, title = "unreadable_file", "The file cannot be read"


@tariff_verbs.command("price")
def price(
    cdr: Annotated[Path, typer.Option(help="An OCPI 2.2.1 CDR, or a Session.")],
    tariff: Annotated[
        Path | None, typer.Option(help="An OCPI 2.2.1 Tariff, or a list of them. Absent: those inside the CDR.")
    ] = None,
    reservation: Annotated[
        Reservation | None, typer.Option(help="What became of the reservation, where the periods leave it open.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name of the location's time zone, e.g. Europe/Berlin.")
    ] = None,
    steps: Annotated[
        StepReading, typer.Option(help="What step_size rounds where there is charging and parking time.")
    ] = StepReading.PARKING,
    occupancy: Annotated[
        float | None, typer.Option(help="How full the location was, in percent, for an idle fee that depends on it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Price the charging periods of a CDR by a tariff: the CDR's cost fields, and the lines that make them."""
    try:
        record = _read(cdr)
        if not isinstance(record, dict):
            raise InvalidCdr("a CDR is a JSON object")
        found = price_cdr(
            _tariffs(_read(tariff) if tariff is not None else record.get("tariffs")),
            record,
            time_zone=time_zone,
            otherwise_zone=UNKNOWN_ZONE,
            reservation=reservation,
            steps=steps,
            occupancy=_constantly(occupancy, record),
        )
    except Problem as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(cost_document(found)))
    else:
        _show(found)
    if found.time_zone == UNKNOWN_ZONE and time_zone is None:
        err.print("plugbridge: nothing tells the time zone: hours are read in UTC; --time-zone says better")


@tariff_verbs.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="An OCPI 2.2.1 Tariff.")],
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2 code, or one with its state: DE, GB, US-CA.")],
    power_kw: Annotated[float | None, typer.Option(help="Power of the charger; rules may depend on it.")] = None,
    funded: Annotated[
        bool, typer.Option(help="In the United States: whether federal money paid for the charger (NEVI).")
    ] = True,
    language: Annotated[
        str | None, typer.Option(help="Say what drivers read in this language alone: en, de, fr, nl.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a tariff: validity, elements that are never reached, and the rules of the place.

    Exits with 1 where something forbids publishing it.
    """
    try:
        doc = _read(file)
    except Problem as error:
        _fail(error)
    power = None if power_kw is None else Decimal(str(power_kw))
    checked = inspect(doc, Place.of(country, power, funded=funded))
    texts = [text for text in checked.description if language is None or text["language"] == language.lower()[:2]]
    if as_json:
        findings = [finding_document(finding) for finding in checked.findings]
        typer.echo(json.dumps({"ok": checked.is_allowed, "findings": findings, "description": texts}))
    else:
        for finding in checked.findings:
            at = f" ({finding.pointer})" if finding.pointer else ""
            out.print(f"{finding.severity}: {finding.message}{at}", markup=False, highlight=False, soft_wrap=True)
            out.print(f"    {finding.code}, {finding.source}", markup=False, highlight=False, soft_wrap=True)
        for text in texts:
            out.print(f"{text['language']}: {text['text']}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if checked.is_allowed else 1)


def _constantly(percent: float | None, record: dict[str, Any]) -> list[Occupancy]:
    """So full from the first period on."""
    starts = [period.start for period in parse_usage(record).periods[:1]] if percent is not None else []
    return [Occupancy(start, Decimal(str(percent))) for start in starts]


def _show(found: PricedCdr) -> None:
    document = cost_document(found)
    title = f"Tariff {document['tariff_id']}, {document['currency']}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("Period", "El.", "Volume", "Step", "Price", "VAT", "Excl. VAT", "Incl. VAT"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in document["lines"]:
        unit = "" if line["unit"] in ("session", "reservation") else line["unit"]
        table.add_row(
            line["dimension"],
            _cell(line["period"]),
            _cell(line["element"]),
            f"{line['volume']:.6g} {unit}".rstrip(),
            _step(line),
            f"{line['unit_price']}/{unit}".rstrip("/"),
            "" if line["vat"] is None else f"{line['vat']} %",
            _amount(line["excl_vat"]),
            _amount(line["incl_vat"]),
        )
    table.add_section()
    for name in [name for name in document if name.endswith("_cost")]:
        both = document[name]
        if name == "total_cost" or both["incl_vat"]:
            shown = name if name == "total_cost" else name.removeprefix("total_")
            table.add_row(shown, *[""] * 6, _amount(both["excl_vat"]), _amount(both["incl_vat"]))
    out.print(table)


def _step(line: dict[str, Any]) -> str:
    """What volumes are rounded up to, where that made a difference."""
    return f"{line['step_size']} {'Wh' if line['unit'] == 'kWh' else 's'}" if line["step_added"] else ""


def _cell(value: int | None) -> str:
    return "" if value is None else str(value)


def _amount(value: float) -> str:
    return f"{value:.4f}"


def _read(path: Path) -> Any:
    """A file's JSON, with numbers as they were written. An OCPI response is taken for what it carries."""
    try:
        found = json.loads(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or type(error).__name__}") from None
    except (ValueError, RecursionError):
        raise UnreadableFile(f"{path}: no JSON") from None
    return found["data"] if isinstance(found, dict) and {"data", "status_code"} <= found.keys() else found


def _tariffs(found: Any) -> list[dict[str, Any]]:
    listed = found if isinstance(found, list) else [] if found is None else [found]
    if not listed or not all(isinstance(each, dict) for each in listed):
        raise InvalidTariff("a tariff is a JSON object")
    return listed


def _fail(error: Problem) -> NoReturn:
    """Say in one line, without a stack, what is wrong: its code, and where."""
    err.print(f"plugbridge: {error.code}: {error.detail or error.title}", markup=False, soft_wrap=True)
    raise typer.Exit(1)
