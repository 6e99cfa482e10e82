"""What the fake keeps for its work, and in which currency it pays out; set by `POST /_control/settings`."""

from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from payments.stripe_amounts import from_stripe

Json = dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """The fees, in the smallest unit of the settlement currency. Numbers are Stripe's."""

    percent: Decimal = Decimal("1.5")
    fixed: int = 25
    dispute: int = 2000
    refund_returned: bool = False
    """Whether a refund gives its part of the fee back; at Stripe it does not any more."""
    dispute_returned: bool = False
    """Whether the fee for a dispute comes back when it is won."""
    settlement_currency: str | None = None
    """Into which everything is exchanged; none: each currency has a balance of its own."""
    rates: dict[str, Decimal] = field(default_factory=dict)
    """What one of a currency is worth in the settlement currency."""
    line_lag_s: int = 0
    """How long after its capture a charge gets its line."""

    def changed(self, order: Json) -> "Schedule":
        """The schedule with what an order says. Raises `KeyError`, `ValueError`."""
        values: Json = {}
        for name in order.keys() & self.__dataclass_fields__.keys():
            values[name] = order[name]
        if "percent" in values:
            values["percent"] = Decimal(str(values["percent"]))
        if "rates" in values:
            values["rates"] = {name.lower(): Decimal(str(rate)) for name, rate in values["rates"].items()}
        return replace(self, **values)

    def fee_for(self, amount: int) -> int:
        """The fee for a payment of so much."""
        return int((amount * self.percent / 100).quantize(Decimal(1), ROUND_HALF_UP)) + self.fixed

    def fee_back(self, amount: int) -> int:
        """What a refund of so much gives back of the fee, below zero."""
        back = (amount * self.percent / 100).quantize(Decimal(1), ROUND_HALF_UP)
        return -int(back) if self.refund_returned else 0

    def settled(self, amount: int, currency: str) -> tuple[int, str, Decimal | None]:
        """An amount in the currency that is paid out, and the rate of exchange where it is another one."""
        wanted = self.settlement_currency
        if wanted is None or currency == wanted:
            return amount, currency, None
        rate = self.rates[currency]
        size = from_stripe(abs(amount), currency).to_decimal() * rate
        unit = from_stripe(1, wanted).to_decimal()
        number = int((size / unit).quantize(Decimal(1), ROUND_HALF_UP))
        return (number if amount >= 0 else -number), wanted, rate
