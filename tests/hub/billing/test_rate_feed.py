"""Rates are fetched by the guarded client from where the operator says; what is no document of rates does no harm."""

import httpx
import pytest
from sqlalchemy import select
from starlette.responses import Response

from hub.billing.rate_feed import RateFeed
from kit.http import Egress
from kit.tx import Database
from payments.rate_tables import RateRow
from tests.journeys.peers import stranger
from tests.payments.test_rates import ECB

pytestmark = pytest.mark.anyio


async def stored(db: Database, url: str | None, http: httpx.AsyncClient) -> int:
    await RateFeed(http, url).daily(db, {})
    async with db.read() as tx:
        return len(await tx.all(select(RateRow)))


async def test_rates_are_fetched_and_stored_once(db: Database) -> None:
    async with stranger() as bank, Egress(["127.0.0.0/8"]).client() as http, Egress().client() as guarded:
        url = f"{bank.url}/eurofxref-daily.xml"
        assert await stored(db, None, http) == 0
        assert await stored(db, url, http) == 0, "404"
        bank.replies["/eurofxref"] = lambda seen: Response(b"<html/>")
        assert await stored(db, url, http) == 0
        bank.replies["/eurofxref"] = lambda seen: Response(ECB)
        assert await stored(db, url, guarded) == 0, "an address of our own network"
        assert await stored(db, url, http) == 2
        assert await stored(db, url, http) == 2
