"""Running a hub: sockets first, so that its URLs are known, then every role of the process side by side."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from sqlalchemy.exc import IntegrityError
from starlette.types import ASGIApp

from csms.tls import Tls
from hub import schema
from hub.app import Hub, open_hub
from hub.endpoints import http_app
from hub.parties.registration import settle_own_parties
from hub.settings import ServerRole, Settings
from hub.stations.uploads import UPLOADS
from kit.clock import Clock
from kit.listener import guarded_protocol
from kit.log import get

log = get(__name__)

GRACE_S = 5
"""Open streams (the live page) would otherwise keep the process from ending."""
YOUNG_OBJECTS = 20_000
"""So many new objects have the collector look; at Python's 700 that takes a twentieth of a busy hub's time."""


class PartialRolesOnMemoryBus(ValueError):
    """Some roles only, and a bus that reaches no other process: stations would be out of reach."""


@dataclass(frozen=True, slots=True)
class Running:
    """A hub that is up, and where."""

    hub: Hub
    http_url: str
    ocpp_url: str


def check_roles(settings: Settings) -> None:
    """Raises `PartialRolesOnMemoryBus` for a part of a deployment that could not reach the others."""
    if settings.bus_url.startswith("memory:") and set(settings.roles) != set(ServerRole):
        raise PartialRolesOnMemoryBus("roles are split over processes only on a nats:// bus")


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Running]:
    """A hub with its listeners and workers, up when the block is entered and down when it is left."""
    check_roles(settings)
    await schema.upgrade(settings.database_url)
    listener = _listen(settings)
    http_url = f"http://localhost:{listener.getsockname()[1]}"
    hub = await open_hub(settings, public_url=settings.public_url or http_url, clock=clock)
    await _settle_own_parties(hub)
    roles = set(settings.roles)
    app = http_app(hub, operator_api=ServerRole.API in roles, ocpi_api=ServerRole.OCPI in roles)
    # `_serve` is `serve` without uvicorn's own signal handlers: the caller decides when the process ends.
    server = uvicorn.Server(_http_config(settings, app))
    http = asyncio.create_task(server._serve(sockets=[listener]))
    logging = [asyncio.create_task(each.run()) for each in (hub.messages, hub.frames, hub.conformance)]
    workers: list[asyncio.Task[None]] = []
    try:
        if ServerRole.CSMS in roles:
            tls = await station_tls(hub)
            await hub.csms.start(tls=tls, tls_port=settings.ocpp_tls_port or 0)
            workers.append(asyncio.create_task(hub.live_sessions.run()))
        if ServerRole.WORKER in roles:
            workers += [asyncio.create_task(hub.worker.run()), asyncio.create_task(hub.deliverer.run())]
            workers.append(asyncio.create_task(hub.puller.run()))
        workers.append(asyncio.create_task(hub.presence.run()))
        while not server.started and not http.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if http.done():
            raise RuntimeError("the HTTP server did not start") from http.exception()
        ocpp_url = f"ws://localhost:{hub.csms.port}/ocpp" if ServerRole.CSMS in roles else ""
        log.info("hub_is_up", http_url=http_url, ocpp_url=ocpp_url, roles=sorted(roles))
        yield Running(hub, http_url, ocpp_url)
    finally:
        if ServerRole.CSMS in roles:
            await hub.csms.stop()
        hub.live_board.close()
        server.should_exit = True
        for worker in workers:
            worker.cancel()
        await asyncio.gather(http, *workers, return_exceptions=True)
        for each in logging:
            each.cancel()  # last: what the others said on their way out is logged
        await asyncio.gather(*logging, return_exceptions=True)
        await hub.close()
        listener.close()


async def station_tls(hub: Hub) -> Tls | None:
    """TLS of the OCPP listener, where there is to be any; our own CA's stations are always known there."""
    settings = hub.settings
    if settings.ocpp_tls_port is None or settings.ocpp_tls_certificate is None or settings.ocpp_tls_key is None:
        return None
    authorities = [await hub.authority.certificate()]
    if settings.ocpp_tls_station_cas is not None:
        authorities.append(await asyncio.to_thread(settings.ocpp_tls_station_cas.read_text))
    return Tls(settings.ocpp_tls_certificate, settings.ocpp_tls_key, authorities=authorities)


def _http_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    protocol = guarded_protocol(
        head_s=settings.http_head_timeout_s,
        body_s=settings.http_body_timeout_s,
        head_bytes=settings.http_head_bytes,
        slow={UPLOADS.encode(): settings.station_upload_timeout_s},
    )
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody here asks for the client's address or scheme, and each request would pay for it
        timeout_graceful_shutdown=GRACE_S,
    )


async def serve(settings: Settings, *, stop: asyncio.Event) -> None:
    """Run a hub until `stop` is set."""
    async with running(settings):
        spare_collector()
        await stop.wait()


def spare_collector() -> None:
    """Tell the garbage collector that what the process has made so far stays: it need not look at it again and again.

    Nor need it look whenever a few hundred more objects are there: what is under way is so many, and goes by itself.
    Only for a process that holds one hub until it ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)


async def _settle_own_parties(hub: Hub) -> None:
    """Store our own parties. Processes that start together may all find them missing: one writes, the others look."""
    try:
        async with hub.db.tx() as tx:
            await settle_own_parties(tx, hub.registrar.roles)
    except IntegrityError:
        async with hub.db.tx() as tx:
            await settle_own_parties(tx, hub.registrar.roles)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only on sockets that say they are TCP; with it, each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.http_host, settings.http_port))
    except OSError as error:
        listener.close()
        where = f"{settings.http_host}:{settings.http_port}"
        raise OSError(error.errno, f"cannot listen on {where}: {error.strerror}") from None
    return listener
