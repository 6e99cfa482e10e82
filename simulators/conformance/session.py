"""What rules work with: the platform, our own side, and the words in which they say what was wrong."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.types import OcpiModel
from ocpi.validation import findings
from simulators.conformance.exchange import Exchange
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.peer import Peer
from simulators.partner.partner import Partner
from simulators.partner.state import Json

POLL_S = 0.02


@dataclass(slots=True)
class Session:
    """One run against one platform."""

    peer: Peer
    us: Partner
    """Our side: a partner with a server of its own, which keeps what the platform sends."""
    role: str
    run_id: str
    """Stands in every id that this run makes up."""
    location_id: str | None = None
    token_uid: str | None = None
    wait_s: float = 10.0
    lists: dict[str, list[Json]] = field(default_factory=dict)
    """What the platform's lists held, by module."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What one rule leaves for the next: the token before the change, a session that runs."""

    @property
    def owner(self) -> tuple[str, str]:
        """Our party, as it stands in URLs."""
        return self.us.party.country_code, self.us.party.party_id

    def now(self) -> datetime:
        """The time."""
        return self.us.clock.now()

    def stamp(self) -> str:
        """The time as OCPI writes it."""
        return format_datetime(self.now())

    def id(self, name: str) -> str:
        """An id of this run."""
        return f"CT-{self.run_id}-{name}"

    async def eventually(self, check: Callable[[], Any]) -> Any:
        """The first true value that `check` gives within the time that the run waits; None when there is none."""
        async with asyncio.timeout(self.wait_s + 60):
            end = self.us.clock.monotonic() + self.wait_s
            while not (found := check()):
                if self.us.clock.monotonic() > end:
                    return None
                await self.us.clock.sleep(POLL_S)
            return found


def expect_ok(exchange: Exchange) -> Exchange:
    """The exchange, which must have succeeded. Raises `Violation`."""
    if not exchange.ok:
        raise Violation("the platform refused a correct request", exchange)
    return exchange


def expect_http(exchange: Exchange, *allowed: int) -> Exchange:
    """The exchange, whose HTTP status must be one of these. Raises `Violation`."""
    if exchange.http_status not in allowed:
        wanted = " or ".join(str(each) for each in allowed)
        raise Violation(f"HTTP {wanted} is due, not {exchange.http_status}", exchange)
    return exchange


def expect_code(exchange: Exchange, *allowed: int) -> Exchange:
    """The exchange, whose OCPI code must be one of these. Raises `Violation`."""
    if exchange.code not in allowed:
        wanted = " or ".join(str(each) for each in allowed)
        raise Violation(f"status_code {wanted} is due, not {exchange.code}", exchange)
    return exchange


def expect_refused(exchange: Exchange) -> Exchange:
    """The exchange, which must not have succeeded. Raises `Violation`."""
    if exchange.ok:
        raise Violation("the platform accepted what it must refuse", exchange)
    return exchange


def expect_valid(model: type[OcpiModel], data: object, exchange: Exchange) -> None:
    """An object must be of its type. Raises `Violation` that names the first faults."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        raise Violation(f"no valid {model.__name__}: {'; '.join(list(findings(error))[:3])}", exchange) from None


def expect_result(model: type[OcpiModel], result: Json) -> None:
    """What was posted to us must be of its type. Raises `Violation` that names the first faults."""
    try:
        model.model_validate(result)
    except ValidationError as error:
        raise Violation(f"what was posted is no {model.__name__}: {'; '.join(list(findings(error))[:3])}") from None


def expect_same(sent: Json, exchange: Exchange) -> None:
    """What the platform holds must be what was sent. Raises `Violation` that names the first difference."""
    different = difference(sent, exchange.data)
    if different is not None:
        raise Violation(f"{different} is not what was sent", exchange)


def difference(sent: Any, held: Any, at: str = "") -> str | None:
    """Where something that was sent is not held; what is held besides does not count."""
    if isinstance(sent, dict):
        if not isinstance(held, dict):
            return at or "/"
        found = (difference(value, held.get(name), f"{at}/{name}") for name, value in sent.items())
        return next((each for each in found if each), None)
    if isinstance(sent, list):
        if not isinstance(held, list) or len(held) != len(sent):
            return at
        found = (
            difference(one, other, f"{at}/{number}") for number, (one, other) in enumerate(zip(sent, held, strict=True))
        )
        return next((each for each in found if each), None)
    return None if sent == held or _same_moment(sent, held) else at


def found_in(session: Session, module: str, *, at_least: int = 1) -> list[Json]:
    """What the platform's list held. Raises `NotApplicable` when that is too little."""
    objects = session.lists.get(module, [])
    if len(objects) < at_least:
        raise NotApplicable(f"the platform lists {len(objects)} {module}; {at_least} are needed")
    return objects


def _same_moment(one: object, other: object) -> bool:
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    try:
        return parse_datetime(one) == parse_datetime(other)
    except ValueError:
        return False
