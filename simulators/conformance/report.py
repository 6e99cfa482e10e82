"""The verdicts for people: one line for each rule, and what shows that one is broken."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulators.conformance.registry import Status, Verdict

_STYLES = {Status.PASS: "green", Status.FAIL: "bold red", Status.NOT_APPLICABLE: "dim", Status.SKIPPED: "yellow"}


def table(verdicts: Sequence[Verdict]) -> Group:
    """All verdicts, and a line that counts them."""
    shown = Table("rule", "2.2.1", "what it says", "verdict", "why")
    for verdict in verdicts:
        why = verdict.detail if verdict.exchange is None else f"{verdict.detail}\n{verdict.exchange}"
        status = Text(verdict.status.value, _STYLES[verdict.status])
        shown.add_row(verdict.rule.id, verdict.rule.section, verdict.rule.title, status, Text(why))
    counts = (f"{sum(each.status is status for each in verdicts)} {status.value}" for status in Status)
    return Group(shown, Text(" · ".join(counts)))
