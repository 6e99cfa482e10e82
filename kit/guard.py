"""The guard that keeps network calls out of database transactions.

A call that waits for somebody else's server while a transaction is open holds the writer, and everybody behind it, for
as long as that server likes. `kit.tx` raises the flag; everything that talks to the network asks it first.
"""

from contextvars import ContextVar

tx_active: ContextVar[bool] = ContextVar("tx_active", default=False)
"""True while the current task, or the task that started it, is inside a transaction."""


class NetworkInsideTx(RuntimeError):
    """The network was about to be used inside a database transaction: a mistake in the program, never in its input."""


def forbid_in_tx(what: str) -> None:
    """Raise `NetworkInsideTx` when a transaction is open; `what` names the refused call."""
    if tx_active.get():
        raise NetworkInsideTx(f"{what} inside a database transaction: leave the transaction first")
