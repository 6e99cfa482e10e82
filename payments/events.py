"""The facts that the payments floor records for the rest of the house."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class HoldChanged(Event):
    """A hold has another state (`payments.hold_lifecycle.HoldState`). `reference` is who asked for it."""

    hold_id: str
    reference: str
    state: str

    def lane(self) -> str | None:
        """One at a time for each hold."""
        return f"payments.hold:{self.hold_id}"


@dataclass(frozen=True)
class MoneyReceived(Event):
    """A payment was taken, by a capture or without the driver: one row in `payment_received`."""

    received_id: str
    reference: str
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class DebtChanged(Event):
    """A debt was made, paid, tried in vain, or given up (`payments.tables.DebtState`). `reason` is for the driver."""

    debt_id: str
    reference: str
    state: str
    reason: str | None
    needs_driver: bool

    def lane(self) -> str | None:
        """One at a time for each debt."""
        return f"payments.debt:{self.debt_id}"


@dataclass(frozen=True)
class RefundChanged(Event):
    """A refund has another state (`payments.tables.RefundState`)."""

    refund_id: str
    received_id: str
    state: str

    def lane(self) -> str | None:
        """One at a time for each refund."""
        return f"payments.refund:{self.refund_id}"


@dataclass(frozen=True)
class WalletRefunded(Event):
    """What a wallet has paid went back into it: one row in `wallet_refund`. `reference` is what it had paid for."""

    refund_id: str
    reference: str


@dataclass(frozen=True)
class DisputeChanged(Event):
    """A dispute was opened, has another state, or money moved because of it."""

    dispute_id: str
    state: str

    def lane(self) -> str | None:
        """One at a time for each dispute."""
        return f"payments.dispute:{self.dispute_id}"


@dataclass(frozen=True)
class ReloadPaused(Event):
    """A wallet is not filled by itself any more: `reason` is a `payments.errors.DeclineReason`, for its owner."""

    owner: str
    reason: str


@dataclass(frozen=True)
class OperationStuck(Event):
    """The provider refuses what has to be done, or cannot say what became of it: a person has to look."""

    operation_id: str
    kind: str
    outcome: str


@dataclass(frozen=True)
class LineRead(Event):
    """A line of our balance with the provider was read for the first time: one row in `payment_line`."""

    line_id: str


@dataclass(frozen=True)
class RatesKept(Event):
    """Rates of exchange were imported, or corrected."""

    def replace_key(self) -> str | None:
        """Whoever waits for one looks once for all that came meanwhile."""
        return "rates"
