"""The fake as an ASGI application: Stripe's API at `/v1`, and what a test wants of it at `/_control`."""

import asyncio
import copy
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from kit.clock import Clock
from payments.fake_stripe import (
    charges,
    connect,
    customers,
    disputes,
    events,
    payment_intents,
    refunds,
    setup_intents,
)
from payments.fake_stripe.events import Courier
from payments.fake_stripe.faults import Fault, Json
from payments.fake_stripe.forms import Params, decode
from payments.fake_stripe.keys import Keys
from payments.fake_stripe.routes import Route
from payments.fake_stripe.world import API_VERSION, Plan, World

ROUTES: list[Route] = [
    *customers.ROUTES,
    *setup_intents.ROUTES,
    *payment_intents.ROUTES,
    *charges.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *connect.ROUTES,
    *events.ROUTES,
]
LARGEST_BODY = 1_000_000
_METHODS = ("GET ", "POST ", "DELETE ")
_FORM = "application/x-www-form-urlencoded"
_KINDS = ("pi", "ch", "cus", "pm", "txn", "re", "du", "seti", "tr", "trr", "acct")


class Fake:
    """One fake Stripe. Every request is carried out at once, so that none sees another's half."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget everything but the endpoints' connections."""
        self.world = World(self.clock)
        self.courier = Courier(self.world)
        self.keys = Keys(self.world)
        self.world.tell = self.courier.tell
        self.requests: list[Json] = []

    async def answer(self, request: Request) -> Response:
        """Answer a request to the API, or lose it."""
        body = await request.body()
        call = f"{request.method} {request.url.path}"
        plan = self._plan(call)
        request_id = self.world.new_id("req")
        headers = {"Request-Id": request_id, "Stripe-Version": request.headers.get("stripe-version", API_VERSION)}
        if plan is not None and plan.do == "lose_request":
            return Lost()
        if plan is not None and plan.do == "refuse":
            return _json(plan.status, _outage(plan.status), {**headers, "Stripe-Should-Retry": "true"})
        if plan is not None and plan.do == "delay_request":
            await asyncio.sleep(plan.seconds)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        self.world.request = {"id": request_id, "idempotency_key": key}
        self.requests.append({"request": call, "idempotency_key": key})
        if key is not None:
            headers["Idempotency-Key"] = key
        status, content, replayed = await self._carry_out(request, body, key, plan)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        await self.courier.before_answer()
        self.courier.after_answer()
        if plan is not None and plan.do == "lose_answer":
            return Lost()
        if plan is not None and plan.do == "hang":
            await asyncio.sleep(plan.seconds or 60)
            return Lost()
        return Response(content, status, {**headers, "Content-Type": "application/json"})

    async def _carry_out(
        self, request: Request, body: bytes, key: str | None, plan: Plan | None
    ) -> tuple[int, bytes, bool]:
        """Status and body of the answer, and whether it is an old one."""
        taken = None
        try:
            self._admit(request, body)
            payment_intents.expire(self.world)
            charges.settle_late(self.world)
            if key is not None:
                taken = self.keys.begin(key, request.method, request.url.path, body)
                if taken.status is not None:
                    return taken.status, taken.body, True
            status, content = 200, _dump(self._do(request, body))
        except Fault as fault:
            status, content = fault.status, _dump(fault.body())
            if not fault.stored:
                if taken is not None and key is not None:
                    self.keys.drop(key)
                return status, content, False
        if plan is not None and plan.do == "fail_after":
            status, content = plan.status, _dump(_outage(plan.status))
        if plan is not None and plan.do == "delay_answer":
            await asyncio.sleep(plan.seconds)
        if taken is not None:
            taken.status, taken.body = status, content
        return status, content, False

    def _admit(self, request: Request, body: bytes) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.startswith(("sk_test_", "rk_test_")):
            raise Fault("Invalid API Key provided.", status=401, stored=False)
        if "stripe-account" in request.headers:
            raise Fault(
                "This fake has a platform only: no requests on behalf of an account.",
                status=403,
                code="account_invalid",
                stored=False,
            )
        if len(body) > LARGEST_BODY:
            raise Fault("The request is too large.", status=413, stored=False)
        kind = request.headers.get("content-type", _FORM).partition(";")[0]
        if body and kind != _FORM:
            raise Fault(f"Invalid request: the content type is {_FORM}.", stored=False)

    def _do(self, request: Request, body: bytes) -> Json:
        text = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
        params = Params(decode(text))
        for route in ROUTES:
            if route.method == request.method and (found := route.pattern.fullmatch(request.url.path)):
                made = route.carry_out(self.world, params, found.groups())
                return self._expanded(made, params.texts("expand"))
        raise Fault(f"Unrecognized request URL ({request.method}: {request.url.path}).", status=404, stored=False)

    def _expanded(self, value: Json, paths: list[str]) -> Json:
        """The object with those of others in the place of their ids."""
        shown = copy.deepcopy(value)
        for path in sorted(paths):
            if len(path.split(".")) > 4:
                raise Fault("You cannot expand more than 4 levels of a property", param="expand", stored=False)
            self._expand(shown, path.split("."), path)
        return shown

    def _expand(self, value: Any, names: list[str], path: str) -> None:
        if isinstance(value, list):
            for each in value:
                self._expand(each, names, path)
            return
        if not names or not isinstance(value, dict):
            return
        if names[0] not in value:
            raise Fault(f"This property cannot be expanded ({path}).", param="expand", stored=False)
        inner = value[names[0]]
        if isinstance(inner, str):
            found = next(
                (self.world.objects[kind][inner] for kind in _KINDS if inner in self.world.objects[kind]), None
            )
            inner = value[names[0]] = copy.deepcopy(found) if found else inner
        self._expand(inner, names[1:], path)

    def _plan(self, call: str) -> Plan | None:
        """The first plan for this request: by all of `POST /v1/…`, or by a part of the path."""
        for plan in self.world.plans:
            if plan.match == call or (plan.match in call and not plan.match.startswith(_METHODS)):
                self.world.plans.remove(plan)
                return plan
        return None


class Lost(Response):
    """An answer that breaks off: the connection closes before it is whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning, then nothing more."""
        head = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def application(fake: Fake, control: list[HttpRoute]) -> Starlette:
    """The routes of a fake, those of its control API first."""
    everything = HttpRoute("/{path:path}", fake.answer, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
    return Starlette(routes=[*control, everything])


def _outage(status: int) -> Json:
    kind = "rate_limit" if status == 429 else None
    error: Json = {"message": "Sorry, something went wrong.", "type": "api_error"}
    return {"error": error | ({"code": kind, "type": "invalid_request_error"} if kind else {})}


def _json(status: int, value: Json, headers: dict[str, str]) -> Response:
    return Response(_dump(value), status, {**headers, "Content-Type": "application/json"})


def _dump(value: Json) -> bytes:
    return json.dumps(value, indent=2).encode()
