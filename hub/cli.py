"""The command line: `plugbridge serve`, `demo`, `simulate`, `migrate`, `operator-key`, `config`, `routes`, …

Each command imports what it runs: a charger or a help page does not wait for a hub to be loaded.
"""

import asyncio
import gc
import json as jsonlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from auth.subjects import OperatorRole
from hub.cli_ledger import ledger_verbs
from hub.cli_payments import fake_stripe
from hub.cli_stations import station_verbs
from hub.cli_tariffs import tariff_verbs
from hub.settings import ServerRole, Settings
from kit import log

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
simulate = typer.Typer(no_args_is_help=True, help="Chargers and partners to try the hub against.")
operator_key = typer.Typer(no_args_is_help=True, help="Keys for the operator API.")
cli.add_typer(simulate, name="simulate")
cli.add_typer(operator_key, name="operator-key")
conformance = typer.Typer(no_args_is_help=True, help="Which rules of OCPI a platform keeps.")
cli.add_typer(conformance, name="conformance")
cli.add_typer(station_verbs(), name="station")
cli.add_typer(ledger_verbs(), name="ledger")
cli.command("fake-stripe")(fake_stripe)
cli.add_typer(tariff_verbs, name="tariff")

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]

T = TypeVar("T")

out, err = Console(), Console(stderr=True)


@cli.command()
def serve(
    roles: Annotated[str | None, typer.Option(help="What this process does: api,ocpi,csms,worker.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C; the schema is brought up to date first.

    With --json, one line on stdout says that it is up, and where.
    """
    from hub.serve import PartialRolesOnMemoryBus

    settings = Settings()
    if roles is not None:
        settings = settings.model_copy(update={"roles": _server_roles(roles)})
    log.configure(settings.log_level, settings.log_json)
    try:
        _run(_serve(settings, as_json=as_json))
    except PartialRolesOnMemoryBus as error:
        raise typer.BadParameter(str(error)) from error


@cli.command()
def demo(
    once: Annotated[bool, typer.Option(help="Play each journey once and end.")] = False,
    as_json: JsonOption = False,
    http_port: Annotated[
        int | None, typer.Option(help="Port of the HTTP APIs; 8000, or a free one with --once.")
    ] = None,
    ocpp_port: Annotated[
        int | None, typer.Option(help="Port of the chargers; 9000, or a free one with --once.")
    ] = None,
) -> None:
    """Start the hub with a small network of simulated chargers and two roaming partners, and charge."""
    from hub.demo import run

    ok = _run(run(once=once, as_json=as_json, http_port=http_port, ocpp_port=ocpp_port))
    raise typer.Exit(0 if ok else 1)


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from hub import schema

    settings = Settings()
    asyncio.run(schema.upgrade(settings.database_url))
    err.print("the schema is up to date")


@cli.command()
def config(as_json: JsonOption = False) -> None:
    """Print the effective settings, without secrets."""
    values = Settings().shown()
    if as_json:
        out.print_json(data=values)
        return
    table = Table("setting", "value", "meaning")
    for name, field in Settings.model_fields.items():
        value = ",".join(values[name]) if isinstance(values[name], list) else str(values[name] or "")
        table.add_row(f"PLUGBRIDGE_{name.upper()}", value, field.description or "")
    out.print(table)


@cli.command()
def routes(as_json: JsonOption = False) -> None:
    """Print every route of the HTTP APIs and the OCPI modules that are served."""
    from hub.openapi import routes as served

    found = _run(served())
    if as_json:
        out.print_json(data=[{"methods": methods, "path": path} for methods, path in found])
        return
    table = Table("methods", "path")
    for methods, path in found:
        table.add_row(methods, path)
    out.print(table)


@cli.command()
def openapi() -> None:
    """Write the OpenAPI documents into openapi/."""
    from hub.openapi import write

    for path in write():
        err.print(f"wrote {path}")


@operator_key.command("create")
def create_operator_key(
    name: Annotated[str, typer.Option(help="What the key is for.")] = "operator",
    role: Annotated[OperatorRole, typer.Option(help="admin may change things, viewer may look.")] = OperatorRole.ADMIN,
    as_json: JsonOption = False,
) -> None:
    """Create a key for the operator API and print it, this once."""
    key = _run(_create_key(Settings(), name, role))
    if as_json:
        typer.echo(jsonlib.dumps({"name": name, "role": role.value, "key": key}))
    else:
        err.print("keep it, it is not shown again:")
        typer.echo(key)


@simulate.command("partner")
def simulate_partner(
    role: Annotated[str, typer.Option(help="cpo, emsp, hub, nsp or scsp.")] = "emsp",
    party: Annotated[str, typer.Option(help="As CC*PID.")] = "DE*SIM",
    name: Annotated[str, typer.Option(help="Business name.")] = "Simulated partner",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    charging_s: Annotated[float, typer.Option(help="How long a session at this CPO's chargers lasts.")] = 1.0,
    fault: Annotated[list[str] | None, typer.Option(help="A fault to have on, as slow=2; repeatable.")] = None,
    samples: Annotated[int, typer.Option(help="How many sample objects of each module it has.")] = 0,
    until_eof: Annotated[bool, typer.Option("--until-eof", help="End when the standard input, a pipe, does.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a roaming partner; its control API is under /control. docs/simulators.md lists the faults."""
    from kit.stdin import until_stdin_ends
    from simulators.partner.faults.catalog import UnknownFault
    from simulators.partner.server import ROLES, run_partner

    if role.upper() not in ROLES:
        raise typer.BadParameter(f"roles are {', '.join(ROLES)}")
    log.configure("warning", json=False)
    work = run_partner(
        role=role.upper(),
        party=party,
        name=name,
        port=port,
        charging_s=charging_s,
        announce=as_json,
        faults=fault or [],
        sample_count=samples,
    )
    try:
        _run(until_stdin_ends(work) if until_eof else work)
    except UnknownFault as error:
        raise typer.BadParameter(str(error)) from error


@simulate.command("station")
def simulate_station(
    station_id: Annotated[str, typer.Argument(help="The station's id.")],
    url: Annotated[str, typer.Option(help="Where it connects to, without its id.")] = "ws://localhost:9000/ocpp",
    password: Annotated[str, typer.Option(envvar="PLUGBRIDGE_STATION_PASSWORD", help="HTTP Basic password.")] = "",
    protocol: Annotated[str, typer.Option(help="ocpp1.6, ocpp2.0.1 or ocpp2.1.")] = "ocpp1.6",
    tap: Annotated[str | None, typer.Option(help="Tap this card once connected, charge, and end.")] = None,
    ca: Annotated[Path | None, typer.Option(help="For wss URLs: file with the CA that it trusts, as PEM.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a charging station."""
    from simulators.station import run_station

    log.configure("warning", json=False)
    _run(
        run_station(
            station_id=station_id,
            url=url,
            password=password,
            protocol=protocol,
            tap=tap,
            trusted=None if ca is None else ca.read_text(),
            announce=as_json,
        )
    )


@simulate.command("fleet")
def simulate_fleet(
    speed: Annotated[float, typer.Option(help="Seconds of charging that pass in one second.")] = 60.0,
    meter_interval_s: Annotated[float, typer.Option(help="How often meter values are sent.")] = 1.0,
) -> None:
    """Run many charging stations, driven by JSON lines on stdin until it ends."""
    from simulators.station.fleet import run_fleet

    log.configure("warning", json=False)
    _run(run_fleet(speed=speed, meter_interval_s=meter_interval_s))


@conformance.command("run")
def run_conformance(
    versions_url: Annotated[str, typer.Option(help="Where the platform lists its versions.")],
    token: Annotated[str, typer.Option(envvar="PLUGBRIDGE_CONFORMANCE_TOKEN", help="Its registration token, A.")],
    role: Annotated[str, typer.Option(help="What we play: cpo, emsp, nsp or scsp.")] = "emsp",
    party: Annotated[str, typer.Option(help="Our party, as CC*PID.")] = "DE*CFT",
    host: Annotated[str, typer.Option(help="Address that our side listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of our side; 0 takes a free one.")] = 0,
    public_url: Annotated[str | None, typer.Option(help="How the platform reaches our side.")] = None,
    location: Annotated[str | None, typer.Option(help="Where to charge; else the first free place listed.")] = None,
    token_uid: Annotated[str | None, typer.Option(help="An RFID token to authorize; else the first listed.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay registered.")] = False,
    wait_s: Annotated[float, typer.Option(help="Longest wait for a result, a session or a CDR.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Play a partner of a platform and test it against OCPI 2.2.1; the exit code is 0 only if no rule is broken."""
    from simulators.conformance.report import table
    from simulators.conformance.run import ROLES, Options, passed, run, summary

    if role.upper() not in ROLES:
        raise typer.BadParameter(f"roles are {', '.join(ROLES)}")
    log.configure("warning", json=False)
    verdicts = _run(
        run(
            Options(
                versions_url,
                token,
                role.upper(),
                party,
                host,
                port,
                public_url,
                location_id=location,
                token_uid=token_uid,
                keep=keep,
                wait_s=wait_s,
            )
        )
    )
    if as_json:
        typer.echo(jsonlib.dumps(summary(verdicts)))
    else:
        out.print(table(verdicts))
    raise typer.Exit(0 if passed(verdicts) else 1)


def main() -> None:
    """The entry point `plugbridge`. What whoever runs it can mend is told in a line, without a stack."""
    gc.set_threshold(20_000, 20, 20)  # at Python's 700 the collector takes a fifth of the time in which a hub is loaded
    try:
        cli()
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(fault["loc"][0]).upper() if fault["loc"] else "…"
            err.print(
                f"plugbridge: PLUGBRIDGE_{name}: {fault['msg'].removeprefix('Value error, ')}",
                markup=False,
                soft_wrap=True,
            )
        raise SystemExit(2) from None
    except Exception as error:
        if not isinstance(error, _mendable()):
            raise
        what = getattr(error, "orig", None) or error
        err.print(f"plugbridge: {what or type(what).__name__}", markup=False, soft_wrap=True)
        raise SystemExit(1) from None


def _mendable() -> tuple[type[Exception], ...]:
    """What goes wrong with servers, ports, files and keys; looked up only when something has."""
    from asyncpg import PostgresError
    from sqlalchemy.exc import SQLAlchemyError

    from kit.bus import BusUnavailable
    from kit.crypto import CryptoError

    return (OSError, SQLAlchemyError, PostgresError, BusUnavailable, CryptoError)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _server_roles(text: str) -> list[ServerRole]:
    try:
        return [ServerRole(role.strip()) for role in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"roles are {', '.join(ServerRole)}") from error


async def _serve(settings: Settings, *, as_json: bool) -> None:
    from hub.serve import running

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as up:
        if as_json:
            typer.echo(jsonlib.dumps({"http_url": up.http_url, "ocpp_url": up.ocpp_url or None}))
        else:
            err.print(f"HTTP {up.http_url}  OCPP {up.ocpp_url or '-'}")
        await stop.wait()


async def _create_key(settings: Settings, name: str, role: OperatorRole) -> str:
    from auth.keys import create_key
    from hub import schema
    from hub.parts import key_ring
    from kit.clock import SystemClock
    from kit.tx import Database

    await schema.upgrade(settings.database_url)
    db = Database(settings.database_url, clock=SystemClock())
    try:
        async with db.tx() as tx:
            return await create_key(tx, key_ring(settings), name=name, role=role)
    finally:
        await db.close()


if __name__ == "__main__":
    main()
