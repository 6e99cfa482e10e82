"""Facts of the billing room."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class BillMade(Event):
    """A driver owes something for a session: one row in `bill`."""

    bill_id: str

    def lane(self) -> str | None:
        """One at a time for each bill."""
        return f"billing.bill:{self.bill_id}"


@dataclass(frozen=True)
class BillCredited(Event):
    """The operator of the charger has credited its CDR: the driver owes nothing, and gets back what was taken."""

    bill_id: str

    def lane(self) -> str | None:
        """One at a time for each bill."""
        return f"billing.bill:{self.bill_id}"


@dataclass(frozen=True)
class ExchangeWaits(Event):
    """A CDR is in another currency than its driver's price, and its rate was not known: one row in `cdr_exchange`."""

    cdr_id: int
