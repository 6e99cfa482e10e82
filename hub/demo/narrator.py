"""Tells what happens, in lines that a person likes to read; or keeps silent, for scripts."""

from decimal import ROUND_HALF_UP, Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kit.clock import Clock

PLACE_WIDTH = 16

SIGNS = {"€": "EUR"}


class Narrator:
    """Writes to a console; a quiet console makes it silent."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock

    def headline(self, text: str, subtitle: str = "") -> None:
        """Begin a part of the story."""
        self.plain(f"\n[bold]{escape(text)}[/]" + (f"  [dim]{escape(subtitle)}[/]" if subtitle else ""))

    def plain(self, text: str) -> None:
        """A line of rich markup."""
        self._console.print(text, highlight=False)

    def tell(self, place: str, text: str, *, colour: str = "default", detail: str = "") -> None:
        """One thing that happened: when, where, what, and a detail in a quieter voice."""
        at = self._clock.now().astimezone().strftime("%H:%M:%S")
        line = Text.assemble((f"{at}  ", "dim"), (f"{place:<{PLACE_WIDTH}}  ", "bold"), (text, colour))
        if detail:
            line.append(f"  {detail}", style="dim")
        self._console.print(line, soft_wrap=True)

    def addresses(self, rows: list[tuple[str, str]]) -> None:
        """Where everything is."""
        table = Table.grid(padding=(0, 3))
        for name, value in rows:
            table.add_row(Text(name, "dim"), Text(value, "cyan"))
        self._console.print()
        self._console.print(table, soft_wrap=True)

    def verdicts(self, rows: list[tuple[str, bool, str]]) -> None:
        """How each journey ended."""
        self._console.print()
        for name, ok, reason in rows:
            mark = "[green]✓[/]" if ok else "[red]✗[/]"
            self.plain(f"  {mark} {escape(name)}" + (f"  [red]{escape(reason)}[/]" if reason else ""))
        self._console.print()


def amount(value: Decimal | None, currency: str | None) -> str:
    """Money for people: two decimals and the currency, or a dash."""
    if value is None:
        return "–"
    sign = next((sign for sign, code in SIGNS.items() if code == currency), currency or "")
    return f"{sign} {value.quantize(Decimal('0.01'), ROUND_HALF_UP)}"


def energy(kwh: Decimal | None) -> str:
    """Energy for people."""
    return "–" if kwh is None else f"{kwh:.2f} kWh"
