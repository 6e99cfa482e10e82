"""Is the process alive, and can it work: `/healthz`, `/readyz`, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.clock import Clock
from kit.log import get
from kit.metrics import CONTENT_TYPE, Metrics

Check = Callable[[], Awaitable[None]]
"""Returns when all is well; raises when it is not."""

_REMEMBER_S = 1.0

log = get("kit.health")


class Health:
    """Named checks of what the process needs: the database, the bus.

    A round of checks serves all who ask within a second, so that asking often costs nothing. Answers name the check
    that failed; why it failed stands in the log.
    """

    def __init__(self, clock: Clock, *, timeout_s: float = 2.0) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._checks: dict[str, Check] = {}
        self._round: asyncio.Task[Mapping[str, bool]] | None = None
        self._round_at = float("-inf")
        self.draining = False
        """Set when the process is about to end: not ready any more, so that no new work is sent here."""

    def add(self, name: str, check: Check) -> None:
        """Readiness depends on this from now on."""
        if name in self._checks:
            raise ValueError(f"two checks named {name!r}")
        self._checks[name] = check

    async def results(self) -> Mapping[str, bool]:
        """Each check by name, and whether it passed within the time allowed."""
        now = self._clock.monotonic()
        if self._round is None or (self._round.done() and now - self._round_at >= _REMEMBER_S):
            self._round_at = now
            self._round = asyncio.create_task(self._run_all())
        return await asyncio.shield(self._round)

    async def _run_all(self) -> Mapping[str, bool]:
        names = tuple(self._checks)
        passed = await asyncio.gather(*(self._passes(name) for name in names))
        return dict(zip(names, passed, strict=True))

    async def _passes(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._checks[name]()
        except Exception as error:
            log.warning("health check failed", check=name, error=error)
            return False
        return True


Scrape = Callable[[Request], Awaitable[None]]
"""Comes before the figures are rendered: may refuse by raising, and brings slow figures up to date."""


def routes(health: Health, metrics: Metrics, *, on_scrape: Scrape | None = None) -> list[Route]:
    """`/healthz`: the process lives. `/readyz`: it can work, else 503. `/metrics`: Prometheus text."""

    async def healthz(_: Request) -> Response:
        return _answer({"status": "ok"}, 200)

    async def readyz(_: Request) -> Response:
        if health.draining:
            return _answer({"status": "draining", "checks": {}}, 503)
        results = await health.results()
        checks = {name: "ok" if passed else "failed" for name, passed in results.items()}
        ready = all(results.values())
        return _answer({"status": "ok" if ready else "failed", "checks": checks}, 200 if ready else 503)

    async def render(request: Request) -> Response:
        if on_scrape is not None:
            await on_scrape(request)
        return Response(metrics.render(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", render)]


def _answer(content: Mapping[str, object], status: int) -> JSONResponse:
    return JSONResponse(dict(content), status, headers={"Cache-Control": "no-store"})
