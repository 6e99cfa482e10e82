"""What a running hub counts, for Prometheus and for the log."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from auth.keys import operator_of
from csms.registry import Registry
from kit import jobs
from kit.crypto import KeyRing
from kit.errors import Unauthenticated
from kit.log import get
from kit.metrics import Metrics
from kit.tx import Database, Tx
from ocpi.call import Failure

log = get(__name__)

_CODES = ["2000", "2001", "2002", "2003", "2004", "3000", "3001", "3002", "3003", "4000", "4001", "4002", "4003"]


class Figures:
    """Counters that the hub's parts feed, and gauges that are read when somebody scrapes."""

    def __init__(self, db: Database, keys: KeyRing, stations: Registry) -> None:
        self._db = db
        self._keys = keys
        self._stations = stations
        self.metrics = Metrics(process=True)
        self._failures = self.metrics.counter(
            "plugbridge_ocpi_failures_total", "OCPI calls that ended in an error.", {"code": _CODES}
        )
        self._dropped = self.metrics.counter(
            "plugbridge_messages_dropped_total", "OCPI messages that the message log had no room for."
        )
        self._frames_dropped = self.metrics.counter(
            "plugbridge_frames_dropped_total", "OCPP frames that the frame log had no room for."
        )
        self._heartbeats = self.metrics.counter(
            "plugbridge_station_heartbeats_total", "Heartbeats of stations that are not being traced."
        )
        self.heartbeats: Callable[[], int] = lambda: 0
        """How many there were so far; read when somebody scrapes."""
        self._heartbeats_told = 0
        self._connected = self.metrics.gauge(
            "plugbridge_stations_connected", "Stations whose socket this process holds."
        )
        self._expiring = self.metrics.gauge(
            "plugbridge_station_certificates_expiring", "Certificates in use by stations that end soon."
        )
        self._count_expiring: Callable[[Tx], Awaitable[int]] | None = None
        self._jobs = self.metrics.gauge("plugbridge_jobs", "Durable jobs by state.", {"state": ["ready", "dead"]})

    def ocpi_failed(self, failure: Failure) -> None:
        """Count an OCPI call that ended in an error, and log it: with its stack only when it is a fault of ours."""
        self._failures.inc(code=str(failure.status_code))
        write = log.info if failure.expected else log.error
        write(
            "ocpi call failed",
            error=type(failure.error).__name__,
            status=failure.http_status,
            code=failure.status_code,
            method=failure.method,
            endpoint=":".join(map(str, failure.key)) if failure.key else None,
            correlation_id=failure.correlation_id,
            exc_info=None if failure.expected else failure.error,
        )

    def watch_certificates(self, count_expiring: Callable[[Tx], Awaitable[int]]) -> None:
        """How certificates whose end is near are counted."""
        self._count_expiring = count_expiring

    def messages_dropped(self, count: int) -> None:
        """Count messages that were not logged."""
        self._dropped.inc(count)

    def frames_dropped(self, count: int) -> None:
        """Count frames that were not logged."""
        self._frames_dropped.inc(count)

    async def on_scrape(self, request: Request) -> None:
        """Only for holders of an operator's key, a viewer's will do. Brings the gauges up to date."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("send an API key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
        await operator_of(self._db, self._keys, key.strip())
        async with self._db.read() as tx:
            backlog = await jobs.backlog(tx)
            if self._count_expiring is not None:
                self._expiring.set(await self._count_expiring(tx))
        self._connected.set(len(self._stations))
        heartbeats = self.heartbeats()
        self._heartbeats.inc(heartbeats - self._heartbeats_told)
        self._heartbeats_told = heartbeats
        for state in ("ready", "dead"):
            self._jobs.set(backlog.get(state, 0), state=state)
