"""What a process answers over HTTP: OCPI, the APIs for operators and drivers, the live page, health and figures."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.app import API, DRIVER_API, OCPI, VERSION, Hub
from hub.billing import api as documents_api
from hub.billing import driver_api as documents_driver_api
from hub.billing import payouts_api, rates_api, reconciliation_api, webhook
from hub.billing.links import Links
from hub.billing.rendering import Renderer
from hub.drivers import api as drivers_api
from hub.locations import api as locations_api
from hub.parties import agreements_api
from hub.parties import api as parties_api
from hub.parties.callers import Callers
from hub.parties.gate import Gate
from hub.parties.message_log_api import router as messages_router
from hub.parties.message_log_replay import Replayer
from hub.parts import hold_policy, wallet_policy
from hub.paying import api as paying_api
from hub.paying import driver_api as paying_driver_api
from hub.paying.flows import Paying
from hub.sessions import api as sessions_api
from hub.starts import api as starts_api
from hub.starts import driver_api
from hub.starts.driver_flows import Driving
from hub.stations import (
    admission_api,
    campaigns_api,
    certificates_api,
    conformance_api,
    log_api,
    notices_api,
    operations_api,
    provisioning_api,
    recompute_api,
    upgrades_api,
    uploads_api,
)
from hub.stations import api as stations_api
from hub.stations.operation_tables import UNKNOWN_AFTER
from hub.tariffs import api as tariffs_api
from hub.tokens import api as tokens_api
from hub.tokens import linked_api
from hub.web import routes as web
from kit import health
from kit.idempotency import Idempotency
from kit.problems import CorrelationMiddleware, install_problem_handlers
from kit.rates import Rates
from kit.tx import Database
from ocpi.call import Authenticate
from ocpi.server import build_router, nowhere


def http_app(hub: Hub, *, operator_api: bool = True, ocpi_api: bool = True) -> ASGIApp:
    """The HTTP application of a process with the given roles.

    OCPI has a door of its own: its router answers for every error itself, and pages for partners are far too many to
    be led through a framework's layers that have nothing to do for them.
    """
    app = json_app(hub, operator_api=operator_api)
    below: dict[str, ASGIApp] = {}
    if ocpi_api:
        authenticate = Callers(hub.db, hub.directory, hub.notices).authenticate
        below[f"{OCPI}/"] = ocpi_app(hub, authenticate, gate=ocpi_gate(hub))
    if operator_api:
        below[f"{DRIVER_API}/"] = driver_app(hub)

    async def doors(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for prefix, door in below.items():
                if scope["path"].startswith(prefix):
                    return await door(scope, receive, send)
        await app(scope, receive, send)

    return doors


def ocpi_app(hub: Hub, authenticate: Authenticate, *, gate: Gate | None = None) -> ASGIApp:
    """The OCPI endpoints, behind whatever tells who calls."""
    return _by_prefix(
        build_router(
            VERSION,
            hub.ocpi_handlers,
            authenticate,
            now=hub.clock.now,
            public_url=hub.public_url,
            base_path=OCPI,
            intercept=hub.forwarder.intercept,
            max_body_bytes=hub.settings.ocpi_max_body_bytes,
            on_failure=hub.figures.ocpi_failed,
            on_served=hub.messages.received,
            gate=gate,
        ),
        otherwise=nowhere(now=hub.clock.now, base_path=OCPI, on_failure=hub.figures.ocpi_failed),
    )


def _by_prefix(routes: Sequence[BaseRoute], *, otherwise: ASGIApp) -> ASGIApp:
    """The application of these routes alone, without what a framework does for others on the way to them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for route in routes:
            if route.matches(scope)[0] is Match.FULL:
                return await route.handle(scope, receive, send)
        await otherwise(scope, receive, send)

    return app


def ocpi_gate(hub: Hub) -> Gate:
    """The bounds on what one partner asks for."""
    settings = hub.settings
    return Gate(hub.clock.monotonic, per_second=settings.ocpi_requests_per_s, at_once=settings.ocpi_requests_at_once)


def json_app(hub: Hub, *, operator_api: bool = True) -> FastAPI:
    """What is not OCPI: health and figures, the operator API and the live page."""
    app = _fastapi(hub, "Plugbridge")
    checks = health.Health(hub.clock)
    checks.add("database", lambda: ping(hub.db))
    app.router.routes.extend(health.routes(checks, hub.figures.metrics, on_scrape=hub.figures.on_scrape))
    if operator_api:
        app.router.routes.extend(uploads_api.door(hub.operations.uploads))
        if hub.payments is not None:
            app.router.routes.extend(webhook.door(hub.db, hub.payments.webhooks))
        add_operator_api(app, hub)
        app.router.routes.extend(web.routes(hub.live_board, hub.db, hub.keys, public=hub.settings.live_page_public))
    return app


def driver_app(hub: Hub) -> FastAPI:
    """The driver API: what apps of our drivers ask."""
    app = _fastapi(hub, "Plugbridge: drivers")
    settings = hub.settings
    country_code, _, party_id = settings.emsp_parties[0].partition("*")
    driving = Driving(
        hub.db,
        hub.starter,
        hub.running_sessions,
        Idempotency(hub.db, hub.keys),
        hub.payments,
        hold_policy(settings),
        settings.cpo_parties,
        (country_code, party_id),
        settings.debt_limit,
        settings.exchange_spread_percent,
        settings.autocharge,
    )
    rates = Rates(hub.clock.monotonic, settings.driver_requests_per_s)
    for routes in (
        driver_api.router(driving, rates),
        linked_api.driver_router(hub.db, hub.keys, rates),
        paying_driver_api.router(paying(hub), rates),
        documents_driver_api.router(driving, _links(hub), rates, Renderer()),
    ):
        _add(app, DRIVER_API, routes)

    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(app.openapi())

    app.add_route(f"{DRIVER_API}/openapi.json", openapi, include_in_schema=False)
    return app


def paying(hub: Hub) -> Paying:
    """What is done with wallets, saved cards and debts."""
    settings = hub.settings
    idempotency = Idempotency(hub.db, hub.keys)
    return Paying(hub.db, idempotency, hub.payments, wallet_policy(settings), settings.currency)


def _links(hub: Hub) -> Links:
    """Links that open documents."""
    return Links(hub.keys, f"{hub.public_url}{DRIVER_API}")


def _fastapi(hub: Hub, title: str) -> FastAPI:
    """An application that tells errors as problems and follows each request by its correlation id."""
    app = FastAPI(title=title, version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.db, app.state.keys = hub.db, hub.keys
    app.add_middleware(CorrelationMiddleware)
    install_problem_handlers(app)
    return app


def _add(app: FastAPI, prefix: str, router: APIRouter) -> None:
    """Serve the routes of a room below a prefix, all side by side. Raises TypeError for what is no plain route.

    `include_router` would analyse each of them a second time, while the first request waits, and have each request look
    through the routers one by one, twice.
    """
    for route in router.routes:
        if not isinstance(route, APIRoute):
            raise TypeError(f"{route!r} is no plain route of a room")
        route.path = f"{prefix}{route.path}"
        route.path_regex, route.path_format, route.param_convertors = compile_path(route.path)
        app.router.routes.append(route)


def add_operator_api(app: FastAPI, hub: Hub) -> None:
    """The operator API, room by room."""
    settings, db = hub.settings, hub.db
    cpos = settings.cpo_parties
    ocpp_url = settings.public_ocpp_url or f"ws://{settings.ocpp_host}:{settings.ocpp_port}/ocpp/"
    for router in (
        stations_api.router(
            db, hub.keys, hub.link, cpo_parties=cpos, ocpp_url=ocpp_url, minimum_profile=settings.minimum_profile
        ),
        admission_api.router(
            db, hub.keys, hub.link, cpo_parties=cpos, ocpp_url=ocpp_url, minimum_profile=settings.minimum_profile
        ),
        certificates_api.router(db, hub.link, hub.authority, hub.certificates),
        log_api.router(db, hub.keys, hub.masker, hub.frames),
        conformance_api.router(db, hub.conformance),
        operations_api.router(db, hub.operations, Idempotency(db, hub.keys, lease=UNKNOWN_AFTER)),
        notices_api.router(db),
        recompute_api.router(db, hub.keys, hub.frames),
        provisioning_api.router(db),
        upgrades_api.router(db, hub.upgrader),
        uploads_api.router(hub.operations.uploads),
        campaigns_api.router(db, hub.campaigns),
        locations_api.router(db, cpo_parties=settings.cpo_parties),
        tariffs_api.router(db, cpo_parties=settings.cpo_parties),
        drivers_api.router(db, hub.keys, emsp_parties=settings.emsp_parties),
        paying_api.router(paying(hub)),
        linked_api.operator_router(db, hub.keys, issuer=settings.operator_name),
        tokens_api.router(db, hub.keys, emsp_parties=settings.emsp_parties, issuer=settings.operator_name),
        parties_api.router(db, hub.registrar, hub.renewer, hub.directory),
        messages_router(
            db, hub.keys, hub.messages, Replayer(hub.directory, hub.clients, lambda who: ocpi_app(hub, who))
        ),
        agreements_api.router(db, hub.directory),
        starts_api.router(db, hub.starter, Idempotency(db, hub.keys), cpo_parties=settings.cpo_parties),
        sessions_api.router(db),
        reconciliation_api.router(db),
        documents_api.router(db, _links(hub), Renderer()),
        rates_api.router(db),
        payouts_api.router(db, hub.payments.psp if hub.payments else None),
    ):
        _add(app, API, router)

    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(app.openapi())

    app.add_route(f"{API}/openapi.json", openapi, include_in_schema=False)


async def ping(db: Database) -> None:
    """Raises when the database does not answer."""
    async with db.read() as tx:
        await tx.execute(text("SELECT 1"))
