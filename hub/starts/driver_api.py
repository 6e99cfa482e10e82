"""Driver API: a price before, a start with it, and what it costs while it runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

from fastapi import APIRouter
from starlette.responses import Response

from auth.guards import DriverDep
from auth.subjects import DriverIdentity
from hub.drivers import service as drivers
from hub.starts import driving, places, quoting
from hub.starts.driver_schemas import DriverStartIn, DriverStartOut, EstimateOut, QuoteIn, QuoteOut
from hub.starts.driving import own_start, payer_of
from hub.starts.flows import Starter
from hub.starts.lifecycle import StartState
from hub.starts.quotes import charging_s
from hub.starts.running import so_far
from hub.starts.schemas import StopOut
from kit.errors import RateLimited
from kit.idempotency import Claim, Idempotency, IdempotencyKey, StoredAnswer
from kit.rates import Rates
from kit.sse import ALIVE, EventStream, event
from kit.tx import Database

LOOK_EVERY_S = 1.0
ALIVE_AFTER_LOOKS = 15
STREAM_S = 60 * 60.0
"""Longest life of a stream: an app comes back by itself, with a key that is looked at again."""
STREAMS_AT_ONCE = 4
"""For each driver: a phone, a watch, a car."""

_FINAL = (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED, StartState.ENDED)


def router(
    db: Database, starter: Starter, idempotency: Idempotency, rates: Rates, *, cpo_parties: list[str], issuer: str
) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["starts"])
    watched: dict[str, int] = {}

    @routes.post("/quotes", operation_id="create_quote", status_code=201)
    async def create_quote(body: QuoteIn, who: DriverDep) -> QuoteOut:
        """The price at a connector, promised for a quarter of an hour, and what a session of this size would cost."""
        rates.check(who.driver_id)
        async with db.tx() as tx:
            where = await places.at_location(
                tx,
                location_id=body.location_id,
                evse_uid=body.evse_uid,
                connector_id=body.connector_id,
                cpo=body.cpo,
                own=cpo_parties,
            )
            row, connector = await quoting.promise(
                tx,
                payer=payer_of(who.driver_id),
                place=where.place,
                station_id=where.station_id,
                evse_id=where.evse_id,
            )
        energy_wh = body.energy_kwh.scaleb(3)
        lasts_s = charging_s(energy_wh, connector)
        priced = row.quote().estimate(energy_wh, lasts_s, Decimal(body.parking_minutes * 60))
        return QuoteOut.of(row, quoting.signature(starter.keys, row), EstimateOut.of(body, lasts_s, priced))

    @routes.post("/starts", operation_id="start_charging", status_code=202)
    async def start_charging(
        body: DriverStartIn, who: DriverDep, key: IdempotencyKey, response: Response
    ) -> DriverStartOut:
        """Begin at the quoted price. The answer says where the start is by now: `GET` it, or listen to it."""
        rates.check(who.driver_id)

        async def work(claim: Claim) -> StoredAnswer:
            async with db.tx() as tx:
                start = await driving.begin(
                    tx, starter.keys, who, quote_id=body.quote_id, signed=body.signature, issuer=issuer
                )
                answer = StoredAnswer(202, "text/plain", start.id.encode())
                await idempotency.keep(tx, claim, answer)
            return answer

        scope = f"driver:{who.driver_id}:starts"
        answer = await idempotency.run(scope=scope, key=key, body=body.model_dump_json().encode(), work=work)
        start_id = answer.body.decode()
        response.headers["Location"] = f"starts/{start_id}"
        return await _shown(db, who, start_id)

    @routes.get("/starts/{start_id}", operation_id="get_start")
    async def get_start(start_id: str, who: DriverDep) -> DriverStartOut:
        """A start of one's own."""
        rates.check(who.driver_id)
        return await _shown(db, who, start_id)

    @routes.post("/starts/{start_id}/stop", operation_id="stop_charging")
    async def stop_charging(start_id: str, who: DriverDep) -> StopOut:
        """Ask the charger to end the session."""
        rates.check(who.driver_id)
        async with db.read() as tx:
            await own_start(tx, who, start_id)
        outcome = await starter.stop(start_id)
        return StopOut(start_id=start_id, accepted=outcome.ok, reason=outcome.reason or outcome.status.value)

    @routes.get("/starts/{start_id}/live", operation_id="watch_start", response_class=Response)
    async def watch_start(start_id: str, who: DriverDep) -> Response:
        """The start as server-sent events, each a whole `DriverStartOut`, whenever something changed, until it ends."""
        rates.check(who.driver_id)
        await _shown(db, who, start_id)
        return EventStream(
            _changes(db, lambda: _shown(db, who, start_id)),
            longest_s=STREAM_S,
            within=_counted(watched, who.driver_id),
        )

    return routes


async def _shown(db: Database, who: DriverIdentity, start_id: str) -> DriverStartOut:
    async with db.read() as tx:
        start = await own_start(tx, who, start_id)
        driver = await drivers.get(tx, who.driver_id)
        return DriverStartOut.of(await so_far(tx, start), driver.language)


async def _changes(db: Database, look: Callable[[], Awaitable[DriverStartOut]]) -> AsyncIterator[bytes]:
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
        await db.clock.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def _counted(watched: dict[str, int], driver_id: str) -> AsyncIterator[None]:
    """One stream more of this driver. Raises `RateLimited` when there are as many as may be."""
    if watched.get(driver_id, 0) >= STREAMS_AT_ONCE:
        raise RateLimited("too many streams", retry_after_s=10)
    watched[driver_id] = watched.get(driver_id, 0) + 1
    try:
        yield
    finally:
        watched[driver_id] -= 1
        if not watched[driver_id]:
            del watched[driver_id]
