"""`plugbridge ledger …`: prove that the ledger's sums are right, and that the books match."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub.settings import Settings
from kit.clock import SystemClock
from kit.money import Money
from kit.tx import Database
from payments.ledger.check import Checked, check

if TYPE_CHECKING:
    from payments.finding_tables import FindingRow

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]


def ledger_verbs() -> typer.Typer:
    """`check`, `reconcile`."""
    verbs = typer.Typer(no_args_is_help=True, help="Who owes whom: the list of transfers.")
    verbs.command("check")(_check)
    verbs.command("reconcile")(_reconcile)
    return verbs


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


def _reconcile(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far back is looked.")] = 35,
    provider: Annotated[bool, typer.Option(help="Whether the payment provider's books are read, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Compare provider, ledger, bills and CDRs, and list what does not match and nobody has resolved.

    Exits with 1 when there is anything.
    """
    found = asyncio.run(_reconciled(Settings(), timedelta(days=days), provider=provider))
    out = Console()
    if as_json:
        out.print_json(data={"findings": [_told(each) for each in found]})
    else:
        for each in found:
            out.print(f"{each.code} {each.subject}: {each.detail}", soft_wrap=True)
        out.print(f"{len(found)} findings")
    raise typer.Exit(1 if found else 0)


async def _reconciled(settings: Settings, span: timedelta, *, provider: bool) -> "Sequence[FindingRow]":
    from hub.billing.reconciliation import Reconciler
    from hub.parts import open_payments
    from hub.reactions import ledger_reactions
    from payments.finding_tables import listed

    db = Database(settings.database_url, clock=SystemClock(), reactions=ledger_reactions())
    payments = open_payments(settings) if provider else None
    try:
        await Reconciler(settings.emsp_parties, payments.psp if payments else None).run(db, span=span)
        async with db.read() as tx:
            rows, _ = await listed(tx, only_open=True, offset=0, limit=10_000)
            return rows
    finally:
        if payments is not None:
            await payments.psp.close()
        await db.close()


def _told(row: "FindingRow") -> dict[str, str]:
    return {"part": row.part, "code": row.code, "subject": row.subject, "detail": row.detail}


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
