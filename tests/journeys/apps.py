"""Apps of drivers and guests, and a payment provider that their cards are with."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI

from hub.app import API, Hub
from hub.billing import api as documents_api
from hub.billing.links import Links
from hub.billing.rendering import Renderer
from hub.endpoints import paying
from hub.paying import api as paying_api
from hub.sessions import api as sessions_api
from kit.problems import install_problem_handlers
from payments.fake_stripe import serving
from tests.journeys.network import Json, Network, eventually, http_client
from tests.journeys.peers import hub_with

AT_OURS: Json = {"location_id": "LOC1", "evse_uid": "EVSE-1"}
WEBHOOK_SECRET = "whsec_of_the_hub"
KEY = "sk_test_of_the_hub"


@dataclass
class App:
    """What an app does; without a driver it is a guest's."""

    http: httpx.AsyncClient
    driver_id: str | None = None

    async def quote(self, expect: int = 201, **asked: Any) -> Json:
        return await self.post("/quotes", {**AT_OURS, **asked}, expect=expect)

    async def start(self, quote: Json, *, key: str | None = None, expect: int = 202, **more: Any) -> Json:
        body = {"quote_id": quote["id"], "signature": quote["signature"], **more}
        return await self.post("/starts", body, expect=expect, headers={"Idempotency-Key": key or str(uuid4())})

    async def post(self, path: str, body: Any, *, expect: int, **options: Any) -> Json:
        answer = await self.http.post(path, json=body, **options)
        assert answer.status_code == expect, answer.text
        found: Json = answer.json()
        return found

    async def see(self, start: Json) -> Json:
        answer = await self.http.get(f"/starts/{start['id']}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def until(self, start: Json, *states: str) -> Json:
        async def reached() -> Json | None:
            seen = await self.see(start)
            return seen if seen["state"] in states else None

        found: Json = await eventually(reached)
        return found

    async def stop(self, start: Json) -> Json:
        return await self.post(f"/starts/{start['id']}/stop", None, expect=200)

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def top_up(self, amount: str, *, expect: int = 201, key: str | None = None, **more: Any) -> Json:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await self.post("/wallet/top-ups", {"amount": amount, **more}, expect=expect, headers=headers)

    async def until_available(self, amount: str) -> Json:
        async def reached() -> Json | None:
            wallet: Json = await self.get("/wallet")
            return wallet if wallet["available"] == amount else None

        found: Json = await eventually(reached)
        return found

    async def save_card(self, bank: "Bank", card: str = "pm_card_visa") -> Json:
        begun = await self.post("/cards", None, expect=201)
        await bank.enter_card(begun["client_secret"], card, kind="setup_intents")
        return await self.post(f"/cards/{begun['id']}/finish", None, expect=200)

    async def listen(self, start: Json) -> AsyncIterator[Json]:
        """Every event of the start's stream, until it ends."""
        async with self.http.stream("GET", f"/starts/{start['id']}/live") as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))


async def driver_app(network: Network, **wanted: Any) -> App:
    """A new driver's app."""
    driver = await network.send("POST", "/drivers", wanted, expect=201)
    made = await network.send("POST", f"/drivers/{driver['id']}/keys", {"name": "phone"}, expect=201)
    return App(await network.stack.enter_async_context(driver_client(network, made["key"])), driver["id"])


def operator_app(hub: Hub) -> FastAPI:
    """The operator API as far as it is about money: all of it takes longer to make than a process to open."""
    app = FastAPI()
    app.state.db, app.state.keys = hub.db, hub.keys
    install_problem_handlers(app)
    documents = documents_api.router(hub.db, Links(hub.keys, hub.public_url), Renderer())
    for routes in (documents, paying_api.router(paying(hub)), sessions_api.router(hub.db)):
        app.include_router(routes, prefix=API)
    return app


async def guest_app(network: Network, token: str | None = None) -> App:
    """A guest's page."""
    return App(await network.stack.enter_async_context(driver_client(network, token)))


def driver_client(network: Network, key: str | None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return http_client(base_url=f"{network.up.http_url}/api/driver/v1", headers=headers)


NO_FEES = {"percent": "0", "fixed": 0, "dispute": 0}
"""What has the fake Stripe work for nothing, for tests that are not about what it keeps."""


@dataclass
class Bank:
    """The fake Stripe, and what cardholders do there."""

    url: str
    http: httpx.AsyncClient

    async def control(self, order: str, body: Any = None) -> Json:
        if order == "state":
            answer = await self.http.get(f"{self.url}/_control/state")
        else:
            answer = await self.http.post(f"{self.url}/_control/{order}", json=body or {})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def enter_card(
        self, client_secret: str, card: str = "pm_card_visa", *, kind: str = "payment_intents"
    ) -> None:
        """A cardholder enters a card in the form that the app shows."""
        intent, _, _ = client_secret.partition("_secret_")
        url, auth = f"{self.url}/v1/{kind}/{intent}/confirm", {"Authorization": f"Bearer {KEY}"}
        await self.http.post(url, data={"payment_method": card}, headers=auth)

    async def authenticate(self, client_secret: str, *, success: bool = True) -> None:
        """A cardholder shows who it is."""
        await self.control("authenticate", {"id": client_secret.partition("_secret_")[0], "success": success})

    async def intents(self) -> list[Json]:
        return list((await self.control("state"))["objects"]["pi"])


@asynccontextmanager
async def hub_with_cards(tmp_path: Path, database_url: str, **changes: Any) -> AsyncIterator[tuple[Network, Bank]]:
    """A hub that takes cards, and the provider that tells it what happens by webhooks."""
    async with serving() as stripe, http_client() as http:
        settings = {
            "stripe_key": KEY,
            "stripe_api_url": stripe.url,
            "stripe_webhook_secrets": WEBHOOK_SECRET,
            "driver_requests_per_s": 0,
            "session_update_interval_s": 0.2,
            **changes,
        }
        async with hub_with(tmp_path, database_url, **settings) as network:
            bank = Bank(stripe.url, http)
            url = f"{network.up.http_url}/payments/stripe/events"
            await bank.control("webhooks", {"url": url, "secrets": [WEBHOOK_SECRET]})
            yield network, bank
