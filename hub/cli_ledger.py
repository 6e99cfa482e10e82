"""`plugbridge ledger …`: prove that the ledger's sums are right."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub.settings import Settings
from kit.clock import SystemClock
from kit.money import Money
from kit.tx import Database
from payments.ledger.check import Checked, check

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]


def ledger_verbs() -> typer.Typer:
    """`check`."""
    verbs = typer.Typer(no_args_is_help=True, help="Who owes whom: the list of transfers.")
    verbs.callback()(_group)  # a lone verb keeps its name
    verbs.command("check")(_check)
    return verbs


def _group() -> None: ...


def _check(as_json: AsJson = False) -> None:
    """Read the whole ledger and prove it: every entry as it was posted, every balance possible, all sums zero.

    Exits with 1 when something does not hold.
    """
    checked = asyncio.run(_checked(Settings().database_url))
    out = Console()
    if as_json:
        out.print_json(data=_as_json(checked))
    else:
        out.print(_balances(checked))
        out.print(f"{checked.entries} entries, {len(checked.findings)} findings")
        for each in checked.findings:
            out.print(f"{each.where}: {each.what}")
    raise typer.Exit(1 if checked.findings else 0)


async def _checked(url: str) -> Checked:
    db = Database(url, clock=SystemClock())
    try:
        return await check(db)
    finally:
        await db.close()


def _as_json(checked: Checked) -> dict[str, object]:
    balances = [
        {"account": str(account), "currency": currency, "amount_minor": amount.amount_minor}
        for (account, currency), amount in sorted(checked.balances.items(), key=str)
    ]
    findings = [{"where": each.where, "what": each.what} for each in checked.findings]
    return {"entries": checked.entries, "balances": balances, "findings": findings}


def _balances(checked: Checked) -> Table:
    table = Table("account", "accounts", "balance")
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for (account, currency), amount in checked.balances.items():
        count, minor = sums.get((account.kind, currency), (0, 0))
        sums[account.kind, currency] = count + 1, minor + amount.amount_minor
    for (kind, currency), (count, minor) in sorted(sums.items()):
        table.add_row(kind, str(count), str(Money(minor, currency)))
    return table
