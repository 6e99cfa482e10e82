"""Driver API: a price before, a start with it, and what it costs while it runs; for drivers and for guests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter
from starlette.responses import Response

from auth.guards import DriverDep, DriverOrGuestDep
from auth.subjects import Guest
from hub.starts.driver_flows import Driving, Who
from hub.starts.driver_schemas import (
    DriverStartIn,
    DriverStartOut,
    EstimateOut,
    GuestStartOut,
    QuoteIn,
    QuoteOut,
    VehicleOut,
)
from hub.starts.lifecycle import StartState
from hub.starts.schemas import StopOut
from hub.tokens.linked_schemas import LinkedTokenOut
from kit.clock import Clock
from kit.errors import RateLimited, Unauthenticated
from kit.idempotency import IdempotencyKey
from kit.paging import Page, Paging
from kit.rates import Rates
from kit.sse import ALIVE, EventStream, event

LOOK_EVERY_S = 1.0
ALIVE_AFTER_LOOKS = 15
STREAM_S = 60 * 60.0
"""Longest life of a stream: an app comes back by itself, with a key that is looked at again."""
STREAMS_AT_ONCE = 4
"""For each driver: a phone, a watch, a car."""

_FINAL = (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED, StartState.ENDED)


def router(driving: Driving, rates: Rates) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["starts"])
    watched: dict[str, int] = {}

    @routes.post("/quotes", operation_id="create_quote", status_code=201)
    async def create_quote(body: QuoteIn, who: DriverOrGuestDep) -> QuoteOut:
        """The price at a connector, promised for a quarter of an hour, and what a session of this size would cost.

        Without a key it is a guest's: whoever holds the signature may begin with it.
        """
        rates.check(_name(who))
        promised, signature = await driving.quote(who, body)
        return QuoteOut.of(promised.row, signature, EstimateOut.of(body, promised))

    @routes.post("/starts", operation_id="start_charging", status_code=202)
    async def start_charging(
        body: DriverStartIn, who: DriverOrGuestDep, key: IdempotencyKey, response: Response
    ) -> DriverStartOut | GuestStartOut:
        """Begin at the quoted price. The answer says where the start is by now: `GET` it, or listen to it.

        By card an amount is put aside first; where the bank wants the driver, `payment.client_secret` is for the
        provider's form in the app. A guest gets a `token`: the bearer token for this start, and the only way to it.
        """
        rates.check(_name(who))
        start_id, secret = await driving.start(who, body, key)
        response.headers["Location"] = f"starts/{start_id}"
        if secret is None:
            return await driving.show(who, start_id)
        shown = await driving.show(Guest(_name(who), secret), start_id)
        return GuestStartOut(**shown.model_dump(), token=secret)

    @routes.get("/starts", operation_id="list_starts")
    async def list_starts(who: DriverDep, paging: Paging) -> Page[DriverStartOut]:
        """One's own starts, newest first: those of the app, and those by a card or a vehicle, refused ones too."""
        rates.check(who.driver_id)
        found, total = await driving.listed(who.driver_id, offset=paging.offset, limit=paging.limit)
        return Page.of(found, total, paging)

    @routes.get("/starts/{start_id}", operation_id="get_start")
    async def get_start(start_id: str, who: DriverOrGuestDep) -> DriverStartOut:
        """A start of one's own."""
        _known(who, rates)
        return await driving.show(who, start_id)

    @routes.post("/starts/{start_id}/payment", operation_id="refresh_payment")
    async def refresh_payment(start_id: str, who: DriverOrGuestDep) -> DriverStartOut:
        """The driver has acted on the payment in the app: see at the provider what came of it, without waiting."""
        _known(who, rates)
        return await driving.refresh(who, start_id)

    @routes.post("/starts/{start_id}/stop", operation_id="stop_charging")
    async def stop_charging(start_id: str, who: DriverOrGuestDep) -> StopOut:
        """Ask the charger to end the session."""
        _known(who, rates)
        outcome = await driving.stop(who, start_id)
        return StopOut(start_id=start_id, accepted=outcome.ok, reason=outcome.reason or outcome.status.value)

    @routes.get("/starts/{start_id}/vehicle", operation_id="get_vehicle")
    async def get_vehicle(start_id: str, who: DriverDep) -> VehicleOut:
        """The vehicle that announced itself at this running session and that is nobody's yet."""
        rates.check(who.driver_id)
        found = await driving.vehicle(who.driver_id, start_id)
        return VehicleOut(uid_end=found.uid_end, seen_at=found.seen_at)

    @routes.post("/starts/{start_id}/vehicle", operation_id="enrol_vehicle", status_code=201)
    async def enrol_vehicle(start_id: str, who: DriverDep) -> LinkedTokenOut:
        """It is the driver's: from now on it charges by being plugged in. `DELETE /tokens/{id}` ends that."""
        rates.check(who.driver_id)
        return LinkedTokenOut.of(await driving.enrol(who.driver_id, start_id))

    @routes.get("/starts/{start_id}/live", operation_id="watch_start", response_class=Response)
    async def watch_start(start_id: str, who: DriverOrGuestDep) -> Response:
        """The start as server-sent events, each a whole `DriverStartOut`, whenever something changed, until it ends."""
        _known(who, rates)
        await driving.show(who, start_id, with_secret=False)
        return EventStream(
            _changes(driving.db.clock, lambda: driving.show(who, start_id, with_secret=False)),
            longest_s=STREAM_S,
            within=_counted(watched, _name(who)),
        )

    return routes


def _known(who: Who, rates: Rates) -> None:
    """Count a request of somebody who must have shown something. Raises `Unauthenticated`, `RateLimited`."""
    if isinstance(who, Guest) and who.secret is None:
        raise Unauthenticated("send your key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
    rates.check(_name(who))


def _name(who: Who) -> str:
    """Who is counted: a driver, or where a guest's requests come from."""
    return who.address if isinstance(who, Guest) else who.driver_id


async def _changes(clock: Clock, look: Callable[[], Awaitable[DriverStartOut]]) -> AsyncIterator[bytes]:
    """What there is to see, now and whenever it differs, until the start has come to its end."""
    before, quiet = b"", 0
    while True:
        seen = await look()
        body = seen.model_dump_json().encode()
        if body != before:
            before, quiet = body, 0
            yield event(body, name="start")
        else:
            quiet += 1
            if quiet % ALIVE_AFTER_LOOKS == 0:
                yield ALIVE
        if seen.state in _FINAL:
            return
        await clock.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def _counted(watched: dict[str, int], name: str) -> AsyncIterator[None]:
    """One stream more of this driver. Raises `RateLimited` when there are as many as may be."""
    if watched.get(name, 0) >= STREAMS_AT_ONCE:
        raise RateLimited("too many streams", retry_after_s=10)
    watched[name] = watched.get(name, 0) + 1
    try:
        yield
    finally:
        watched[name] -= 1
        if not watched[name]:
            del watched[name]
