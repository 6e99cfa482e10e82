"""What a journey has to show for itself: runs, each as the hub and whoever took part tell of it afterwards."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from hub.demo.children import DemoFailed
from hub.demo.doors import until
from hub.demo.narrator import Narrator
from hub.demo.network import Network

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payment:
    """How a charge was paid by card. Amounts are what the driver pays, with VAT, in the run's currency."""

    estimate: Decimal
    """What the quote said."""
    held: Decimal
    asked_by_bank: bool
    """Whether the bank wanted to see the driver (3-D Secure), and did."""
    live_costs: list[Decimal]
    """What the app showed while it charged, in order."""
    captured: Decimal
    released: Decimal
    """What was held beyond that, given back."""
    receipt: str
    """The number of the driver's receipt: its lines and sums were proved, and it is there as PDF."""
    ledger_entries: int
    """How many entries the ledger has by now; all of them were proved, and the driver owes nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One charge, or one reading, as the hub and the partners tell of it afterwards. Costs are without VAT."""

    via: str
    session_id: str | None = None
    cdr_id: str | None = None
    kwh: Decimal | None = None
    total_cost: Decimal | None = None
    currency: str | None = None
    delivered_to: str | None = None
    cdr_url: str | None = None
    """Where the receiver keeps the CDR, as its answer's `Location` said."""
    authorized_ms: float | None = None
    """From the tap to the charger's yes."""
    objects: dict[str, int] | None = None
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a journey ended."""

    name: str
    runs: list[Run] = field(default_factory=list)
    reason: str | None = None
    """Why it failed; None when it did not."""

    @property
    def ok(self) -> bool:
        """Whether everything happened as it should."""
        return self.reason is None and bool(self.runs)

    def as_json(self) -> Json:
        """The first run's values, and all runs."""
        first = asdict(self.runs[0] if self.runs else Run("none"))
        return {
            "name": self.name,
            "ok": self.ok,
            "reason": self.reason,
            **first,
            "runs": [asdict(r) for r in self.runs],
        }


Journey = Callable[[Network, Narrator], Awaitable[list[Run]]]


async def cdr_of(network: Network, session_id: str) -> Json:
    """The CDR of a session, once it is there."""

    async def look() -> Json | None:
        return next((each for each in await newest(network, "cdrs") if each["session_id"] == session_id), None)

    return await until("the CDR", look)


def run_of(via: str, cdr: Json, *, delivered_to: str | None = None, authorized_ms: float | None = None) -> Run:
    """What a CDR tells. Raises `DemoFailed` for one over nothing."""
    kwh, cost = Decimal(cdr["kwh"]), Decimal(cdr["total_cost"])
    if kwh <= 0 or cost <= 0:
        raise DemoFailed(f"the CDR says {kwh} kWh for {cost} {cdr['currency']}")
    return Run(
        via=via,
        session_id=cdr["session_id"],
        cdr_id=cdr["id"],
        kwh=kwh,
        total_cost=cost,
        currency=cdr["currency"],
        delivered_to=delivered_to,
        authorized_ms=authorized_ms,
    )


async def newest(network: Network, what: str) -> list[Json]:
    """The newest objects of a list of the operator API."""
    items: list[Json] = (await network.api.get(f"/{what}?limit=25"))["items"]
    return items
