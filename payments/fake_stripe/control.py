"""The control API of the fake: what a test, or a person, wants to go wrong or to happen, as JSON over HTTP.

    GET  /_control/state                                   → every object, by kind; the requests; what waits
    POST /_control/reset
    POST /_control/plans           [{"do", "match"?, "seconds"?, "status"?}]   for the next requests, one each
    POST /_control/clear                                     no plans any more
    POST /_control/clock           {"advance_s"}             holds and keys expire
    POST /_control/settings        {"search_lag_s"?, "increments"?, "percent"?, "fixed"?, "dispute"?, …}   fees.py
    POST /_control/authenticate    {"id", "success"}         3-D Secure of a PaymentIntent or SetupIntent
    POST /_control/disputes        {"payment_intent", "amount"?, "reason"?}
    POST /_control/end-dispute     {"id", "won"}
    POST /_control/fail-refunds                              refunds to cards that take none come back
    POST /_control/webhooks        {"url", "secrets", "types"?}
    POST /_control/delivery        {"when"?, "times"?, "delay_s"?, "retry_s"?}   when: after, before, held
    POST /_control/release         {"order"?, "times"?}      order: as_made, reversed, shuffled
    POST /_control/settle                                    returns when nothing is under way

What a plan can do: `lose_request` (nothing happens), `lose_answer` (it happens, and nobody learns of it), `hang` (the
same, after a long silence), `delay_request`, `delay_answer` (the idempotency key is in use meanwhile), `refuse` (a
status, and nothing happens), `fail_after` (it happens, and the answer is a status of 500, also the next time).
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from payments.fake_stripe import charges, confirming, disputes, events, payment_intents, refunds, setup_intents
from payments.fake_stripe.app import Fake
from payments.fake_stripe.faults import Fault, Json
from payments.fake_stripe.world import Plan

DOINGS = frozenset({"lose_request", "lose_answer", "hang", "delay_request", "delay_answer", "refuse", "fail_after"})
Order = Callable[[Any], Awaitable[Json]]


class Control:
    """The orders, one method each."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    def routes(self) -> list[Route]:
        """The routes of the control API."""
        orders: dict[str, Order] = {
            "reset": self.reset,
            "plans": self.plans,
            "clear": self.clear,
            "clock": self.clock,
            "settings": self.settings,
            "authenticate": self.authenticate,
            "disputes": self.dispute,
            "end-dispute": self.end_dispute,
            "fail-refunds": self.fail_refunds,
            "webhooks": self.webhooks,
            "delivery": self.delivery,
            "release": self.release,
            "settle": self.settle,
        }
        posts = [Route(f"/_control/{path}", self._endpoint(order), methods=["POST"]) for path, order in orders.items()]
        return [Route("/_control/state", self.state, methods=["GET"]), *posts]

    def _endpoint(self, order: Order) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                told = await order(json.loads(await request.body() or b"{}"))
            except Fault as fault:
                return JSONResponse(fault.body(), fault.status)
            except (KeyError, ValueError, TypeError) as error:
                return JSONResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, 422)
            self._fake.courier.after_answer()
            return JSONResponse(told)

        return endpoint

    async def state(self, request: Request) -> Response:
        """All there is."""
        fake = self._fake
        payment_intents.expire(fake.world)
        charges.settle_late(fake.world)
        objects = {kind: list(values.values()) for kind, values in fake.world.objects.items() if kind != "we"}
        waiting = [event["id"] for event in fake.courier.waiting]
        more = {"requests": fake.requests, "waiting": waiting, "undelivered": fake.courier.failed}
        return JSONResponse({"objects": objects, **more, "now": fake.world.now()})

    async def reset(self, order: Json) -> Json:
        """Begin anew."""
        await self._fake.courier.close()
        self._fake.reset()
        return {}

    async def plans(self, order: list[Json]) -> Json:
        """What happens to the next requests."""
        plans = [Plan(**each) for each in order]
        if unknown := {plan.do for plan in plans} - DOINGS:
            raise ValueError(f"no such plan: {', '.join(sorted(unknown))}")
        self._fake.world.plans.extend(plans)
        return {"plans": len(self._fake.world.plans)}

    async def clear(self, order: Json) -> Json:
        """Nothing is to go wrong any more."""
        self._fake.world.plans.clear()
        return {}

    async def clock(self, order: Json) -> Json:
        """Let time pass."""
        world = self._fake.world
        world.offset += timedelta(seconds=float(order["advance_s"]))
        payment_intents.expire(world)
        return {"now": world.now()}

    async def settings(self, order: Json) -> Json:
        """What this fake is like."""
        world = self._fake.world
        world.search_lag = timedelta(seconds=float(order.get("search_lag_s", world.search_lag.total_seconds())))
        world.increments = bool(order.get("increments", world.increments))
        world.fees = world.fees.changed(order)
        return {}

    async def authenticate(self, order: Json) -> Json:
        """The driver goes through 3-D Secure."""
        world, id, success = self._fake.world, str(order["id"]), bool(order["success"])
        if id in world.objects["seti"]:
            setup_intents.authenticate(world, world.get("seti", id), success=success)
            return world.get("seti", id)
        confirming.authenticate(world, world.get("pi", id), success=success)
        return world.get("pi", id)

    async def dispute(self, order: Json) -> Json:
        """The driver's bank takes the money back."""
        world = self._fake.world
        charge = world.get("ch", world.get("pi", order["payment_intent"])["latest_charge"])
        amount = int(order["amount"] if "amount" in order else charge["amount_captured"])
        return disputes.open_dispute(world, charge, amount, str(order.get("reason", "fraudulent")))

    async def end_dispute(self, order: Json) -> Json:
        """The bank decides."""
        return disputes.end(self._fake.world, self._fake.world.get("du", order["id"]), won=bool(order["won"]))

    async def fail_refunds(self, order: Json) -> Json:
        """Refunds come back."""
        refunds.fail_late(self._fake.world)
        return {}

    async def webhooks(self, order: Json) -> Json:
        """Tell somebody of events."""
        secrets, types = list(order["secrets"]), list(order.get("types", []))
        return {"id": events.add_endpoint(self._fake.world, str(order["url"]), secrets, types)["id"]}

    async def delivery(self, order: Json) -> Json:
        """How events are brought."""
        courier = self._fake.courier
        if order.get("when", courier.when) not in ("after", "before", "held"):
            raise ValueError("when is after, before or held")
        courier.when = order.get("when", courier.when)
        courier.times = int(order.get("times", courier.times))
        courier.delay_s = float(order.get("delay_s", courier.delay_s))
        courier.retry_s = float(order.get("retry_s", courier.retry_s))
        return {}

    async def release(self, order: Json) -> Json:
        """Bring what was held back."""
        return {"events": await self._fake.courier.release(order.get("order", "as_made"), int(order.get("times", 1)))}

    async def settle(self, order: Json) -> Json:
        """Wait until all has arrived."""
        await self._fake.courier.settle()
        return {}
