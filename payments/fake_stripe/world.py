"""All that the fake knows: its objects, its clock, what is to go wrong next, and whom to tell."""

import copy
import secrets
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from kit.clock import Clock
from payments.fake_stripe.cards import Card
from payments.fake_stripe.faults import Json, unknown_object
from payments.fake_stripe.fees import Schedule
from payments.fake_stripe.forms import Params

API_VERSION = "2026-10-28.endive"
HOLD_FOR = timedelta(days=7)
"""How long a card's bank keeps an amount aside when the driver is there; 4 days and 18 hours when not."""
HOLD_FOR_OFF_SESSION = timedelta(days=4, hours=18)

_LETTERS = string.ascii_letters + string.digits
_KINDS = {
    "acct": "account",
    "ch": "charge",
    "cus": "customer",
    "du": "dispute",
    "evt": "event",
    "pi": "payment_intent",
    "pm": "PaymentMethod",
    "re": "refund",
    "seti": "setupintent",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "txn": "balance_transaction",
    "we": "webhook_endpoint",
}


@dataclass
class Plan:
    """What happens to a coming request. `match` is `POST /v1/…` or a part of a path; the first that fits uses it up."""

    do: str
    match: str = ""
    seconds: float = 0.0
    status: int = 500


@dataclass
class World:
    """The objects by kind (`pi`, `ch`, …) and id, in the order in which they were made."""

    clock: Clock
    objects: dict[str, dict[str, Json]] = field(default_factory=lambda: {prefix: {} for prefix in _KINDS})
    cards: dict[str, Card] = field(default_factory=dict)
    """How each payment method behaves, by its id."""
    set_up: set[str] = field(default_factory=set)
    """Payment methods whose holder has agreed to later payments."""
    used: set[str] = field(default_factory=set)
    """Payment methods that were used, or detached, and belong to no customer: they cannot be used again."""
    plans: list[Plan] = field(default_factory=list)
    offset: timedelta = timedelta()
    search_lag: timedelta = timedelta()
    """How long a new object is not found by a search: up to a minute at Stripe."""
    fees: Schedule = field(default_factory=Schedule)
    late: dict[str, int] = field(default_factory=dict)
    """Charges whose line on the balance comes later, and when."""
    increments: bool = True
    """Whether holds may be raised here at all."""
    tell: Callable[[Json], None] = lambda event: None
    """Whom to give events to."""
    request: Json = field(default_factory=lambda: {"id": None, "idempotency_key": None})
    """The request that is being carried out."""

    def now(self) -> int:
        """Seconds since 1970."""
        return int((self.clock.now() + self.offset).timestamp())

    def new_id(self, prefix: str) -> str:
        """An id that nobody has."""
        return f"{prefix}_" + "".join(secrets.choice(_LETTERS) for _ in range(24))

    def keep(self, prefix: str, value: Json) -> Json:
        """Take an object up."""
        self.objects[prefix][value["id"]] = value
        return value

    def get(self, prefix: str, id: str, *, param: str = "id", status: int = 404) -> Json:
        """An object, or Stripe's "No such …"."""
        found = self.objects[prefix].get(id)
        if found is None:
            raise unknown_object(_KINDS[prefix], id, param, status)
        return found

    def emit(self, type: str, value: Json, previous: Json | None = None) -> None:
        """Note an event with the object as it is now."""
        data: Json = {"object": copy.deepcopy(value)}
        if previous:
            data["previous_attributes"] = previous
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": len(self.objects["we"]),
            "request": dict(self.request),
            "type": type,
        }
        self.keep("evt", event)
        self.tell(event)


def page(values: Iterable[Json], params: Params, url: str) -> Json:
    """A list, newest first, as Stripe pages it."""
    newest_first = list(values)[::-1]
    created = params.part("created") if isinstance(params.values.get("created"), dict) else Params({})
    for name, keep in (("gte", int.__ge__), ("gt", int.__gt__), ("lte", int.__le__), ("lt", int.__lt__)):
        bound = created.integer(name)
        if bound is not None:
            newest_first = [value for value in newest_first if keep(value["created"], bound)]
    after, before = params.text("starting_after"), params.text("ending_before")
    ids = [value["id"] for value in newest_first]
    if after is not None:
        newest_first = newest_first[ids.index(after) + 1 :] if after in ids else []
    limit = min(100, params.integer("limit") or 10)
    if before is not None:
        earlier = newest_first[: ids.index(before)] if before in ids else []
        return _listed(earlier[-limit:], len(earlier) > limit, url)
    return _listed(newest_first[:limit], len(newest_first) > limit, url)


def _listed(values: list[Json], has_more: bool, url: str) -> Json:
    return {"object": "list", "url": url, "has_more": has_more, "data": values}
