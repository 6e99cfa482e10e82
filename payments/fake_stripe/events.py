"""Events: listed, and told to the endpoints that asked for them; late, twice, out of order or too early when wanted."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

import httpx

from payments.fake_stripe.faults import Json, invalid
from payments.fake_stripe.forms import Params
from payments.fake_stripe.routes import PAGING, Route
from payments.fake_stripe.world import API_VERSION, World, page
from payments.signatures import sign

When = Literal["after", "before", "held"]
Order = Literal["as_made", "reversed", "shuffled"]

_ATTEMPTS = 5
_PATIENCE_S = 10.0


@dataclass
class Courier:
    """Brings events to the endpoints, signed. `when` is before or after the answer, or only when told to."""

    world: World
    when: When = "after"
    times: int = 1
    delay_s: float = 0.0
    retry_s: float = 0.5
    waiting: list[Json] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Ids of events that an endpoint did not take, however often it was tried."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _http: httpx.AsyncClient | None = None

    def tell(self, event: Json) -> None:
        """Take an event along."""
        if self.world.objects["we"]:
            self.waiting.append(event)

    async def before_answer(self) -> None:
        """What is to arrive before the answer does."""
        if self.when == "before":
            await self._bring(self._take(), self.times)

    def after_answer(self) -> None:
        """What is brought while the answer is on its way."""
        if self.when == "after" and self.waiting:
            task = asyncio.create_task(self._later(self._take()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def release(self, order: Order, times: int) -> int:
        """Bring what was held back, in this order, and return when all of it was; how many events that were."""
        events = self._take()
        if order == "reversed":
            events.reverse()
        elif order == "shuffled":
            random.shuffle(events)
        await self._bring(events, times)
        return len(events)

    async def settle(self) -> None:
        """Return when all that is under way has arrived, or failed."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop bringing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    def _take(self) -> list[Json]:
        events, self.waiting = self.waiting, []
        return events

    async def _later(self, events: Sequence[Json]) -> None:
        await asyncio.sleep(self.delay_s)
        await self._bring(events, self.times)

    async def _bring(self, events: Sequence[Json], times: int) -> None:
        for event in [event for event in events for _ in range(times)]:
            for endpoint in list(self.world.objects["we"].values()):
                wanted = endpoint["enabled_events"]
                if "*" in wanted or event["type"] in wanted:
                    await self._post(endpoint, event)

    async def _post(self, endpoint: Json, event: Json) -> None:
        body = json.dumps(event, indent=2).encode()
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(self.retry_s * 2 ** (attempt - 1))
            at = datetime.fromtimestamp(self.world.now(), UTC)
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": sign(body, endpoint["secrets"], at),
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            }
            try:
                answer = await self._client().post(endpoint["url"], content=body, headers=headers)
            except httpx.HTTPError:
                continue
            if answer.is_success:
                return
        self.failed.append(event["id"])

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False)
        return self._http


def add_endpoint(world: World, url: str, secrets: list[str], types: list[str]) -> Json:
    """Tell an endpoint of events from now on, signed with each of the secrets."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise invalid("url", "Invalid URL: An explicit scheme (such as https) must be provided.", "url_invalid")
    endpoint = {
        "id": world.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "created": world.now(),
        "enabled_events": types or ["*"],
        "livemode": False,
        "metadata": {},
        "secrets": secrets,
        "status": "enabled",
        "url": url,
    }
    return world.keep("we", endpoint)


def create_endpoint(world: World, params: Params) -> Json:
    """An endpoint; its secret is told this once."""
    secret = world.new_id("whsec")
    made = add_endpoint(world, params.needed("url"), [secret], params.texts("enabled_events"))
    return {**_shown(made), "secret": secret}


def _shown(endpoint: Json) -> Json:
    return {name: value for name, value in endpoint.items() if name != "secrets"}


def list_endpoints(world: World, params: Params) -> Json:
    """The endpoints."""
    return page([_shown(each) for each in world.objects["we"].values()], params, "/v1/webhook_endpoints")


def delete_endpoint(world: World, params: Params, id: str) -> Json:
    """Tell it nothing any more."""
    world.get("we", id)
    del world.objects["we"][id]
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


def retrieve(world: World, params: Params, id: str) -> Json:
    """An event."""
    return world.get("evt", id)


def list_events(world: World, params: Params) -> Json:
    """Events, newest first."""
    types = params.texts("types") or ([params.needed("type")] if "type" in params else [])
    found = [each for each in world.objects["evt"].values() if not types or each["type"] in types]
    return page(found, params, "/v1/events")


ROUTES = [
    Route("GET", "/v1/events", list_events, f"{PAGING} type types"),
    Route("GET", "/v1/events/{id}", retrieve),
    Route("POST", "/v1/webhook_endpoints", create_endpoint, "url enabled_events description api_version"),
    Route("GET", "/v1/webhook_endpoints", list_endpoints, PAGING),
    Route("DELETE", "/v1/webhook_endpoints/{id}", delete_endpoint),
]
