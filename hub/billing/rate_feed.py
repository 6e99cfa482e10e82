"""Rates of exchange, fetched once a day from where the operator says, by the guarded client."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from kit.log import get
from kit.tx import Database
from payments import ecb, rate_tables

log = get(__name__)

FETCH = "billing.fetch_rates"
EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RateFeed:
    """Reads a document in the ECB's format; without a URL nothing is fetched."""

    http: httpx.AsyncClient
    url: str | None

    async def daily(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `FETCH`. What cannot be read is told in the log, and the rates that are there grow stale."""
        if self.url is None:
            return
        try:
            answer = await self.http.get(self.url)
            answer.raise_for_status()
            rates = ecb.parse(answer.content)
        except (httpx.HTTPError, ecb.UnreadableRates) as error:
            log.warning("exchange_rates_not_read", error=type(error).__name__)
            return
        async with db.tx() as tx:
            await rate_tables.keep(tx, rates)
        log.info("exchange_rates_read", count=len(rates), day=max(rate.day for rate in rates).isoformat())
