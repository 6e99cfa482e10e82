"""The composition root: the one page that makes every part and ties it to the others.

settings ─► database, bus, keys, egress
         ─► parties (directory, registrar, clients, deliverer)
         ─► payments
         ─► tokens (authorizer) ─► starts (starter) ─► reactions, schedule ─► worker
         ─► csms (central system, link) ◄─ backoffice
         ─► HTTP: operator API, OCPI, live page, health
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx

from csms.conformance import Conformance
from csms.frame_log import FrameLog
from csms.link import Link
from csms.logbook import Logbook
from csms.masking import Masker
from csms.registry import Registry
from csms.server import CentralSystem
from hub import backoffice, reactions, schedule
from hub.billing.rate_feed import RateFeed
from hub.billing.reconciliation import Reconciler
from hub.figures import Figures
from hub.locations.ocpi import LocationHandlers
from hub.parties.clients import Clients
from hub.parties.delivery import Deliverer
from hub.parties.directory import Directory
from hub.parties.forward import Forwarder
from hub.parties.message_log import MessageLog
from hub.parties.message_log_rows import DIGEST_PURPOSE
from hub.parties.notices import Notices
from hub.parties.ocpi import PartyHandlers
from hub.parties.presence import Presence
from hub.parties.presented import Presented
from hub.parties.pull import Puller
from hub.parties.registration import Registrar
from hub.parties.relay import Relay
from hub.parties.renewing import Renewer
from hub.parties.rewriting import Rewriter
from hub.parties.temper import Temper
from hub.parties.transport import FastTransport
from hub.parts import (
    admission_policy,
    csms_limits,
    key_ring,
    ocpi_intakes,
    ocpi_sources,
    ocsp_client,
    open_payments,
    own_roles,
    pull_pace,
    tap_rules,
)
from hub.sessions.live import LiveSessions
from hub.sessions.ocpi import CdrHandlers, SessionHandlers
from hub.sessions.profiles import ChargingProfileHandlers
from hub.sessions.running import RunningSessions
from hub.sessions.tables import Session
from hub.settings import Settings
from hub.starts.flows import Starter
from hub.starts.ocpi import CommandHandlers
from hub.starts.open_routing import OpenRouting
from hub.starts.service import match_partner_session
from hub.starts.showing import CostTeller
from hub.starts.taps import Taps
from hub.stations.authority import OwnAuthority
from hub.stations.campaigns import Campaigns
from hub.stations.certificates import Certificates
from hub.stations.ocsp import Responders, read_authorities
from hub.stations.operations import Operations
from hub.stations.provisioning import Provisioner
from hub.stations.upgrading import Upgrader
from hub.stations.uploads import Uploads
from hub.tariffs.ocpi import TariffHandlers
from hub.tokens import service as tokens
from hub.tokens.flows import Authorizer
from hub.tokens.ocpi import TokenHandlers
from hub.web.live import LiveBoard
from kit import bus as buses
from kit.bus import Bus
from kit.clock import Clock, SystemClock
from kit.crypto import KeyRing
from kit.http import Egress
from kit.jobs import Worker
from kit.reactions import Reactions
from kit.tx import Database, Tx
from ocpi.call import Handler
from ocpi.endpoint import HandlerKey
from payments.wiring import Payments

API = "/api/operator/v1"
DRIVER_API = "/api/driver/v1"
OCPI = "/ocpi"
VERSION = "2.2.1"


@dataclass(frozen=True, slots=True)
class Hub:
    """The parts of a running hub."""

    settings: Settings
    public_url: str
    clock: Clock
    db: Database
    bus: Bus
    keys: KeyRing
    http: httpx.AsyncClient
    ocsp_http: httpx.AsyncClient
    transport: FastTransport
    directory: Directory
    registrar: Registrar
    renewer: Renewer
    clients: Clients
    forwarder: Forwarder
    messages: MessageLog
    frames: FrameLog
    masker: Masker
    conformance: Conformance
    starter: Starter
    taps: Taps
    payments: Payments | None
    link: Link
    operations: Operations
    authority: OwnAuthority
    certificates: Certificates
    upgrader: Upgrader
    campaigns: Campaigns
    csms: CentralSystem
    worker: Worker
    deliverer: Deliverer
    puller: Puller
    presence: Presence
    notices: Notices
    live_sessions: LiveSessions
    running_sessions: RunningSessions
    live_board: LiveBoard
    figures: Figures
    ocpi_handlers: Mapping[HandlerKey, Handler]

    async def close(self) -> None:
        """Let go of everything that is open."""
        await self.db.doorbells.leave()
        await self.forwarder.close()
        await self.starter.authorizer.close()
        if self.payments is not None:
            await self.payments.psp.close()
        await self.http.aclose()
        await self.ocsp_http.aclose()
        await self.transport.close()
        await self.bus.close()
        await self.db.close()


async def open_hub(settings: Settings, *, public_url: str, clock: Clock | None = None) -> Hub:
    """Make every part. Nothing listens, works or looks at the database yet."""
    clock = clock or SystemClock()
    keys = key_ring(settings)
    facts = Reactions()
    db = Database(settings.database_url, clock=clock, reactions=facts)
    bus = await buses.connect(settings.bus_url)
    await db.doorbells.join(bus)
    stations_here = Registry(bus)
    figures = Figures(db, keys, stations_here)
    presented = Presented(keys)
    directory = Directory(db, keys, agreed_by_default=settings.agreement_default == "allow")
    messages = MessageLog(
        db,
        keys,
        directory,
        presented,
        body_bytes=settings.message_body_bytes,
        queue_bytes=settings.message_queue_bytes,
        on_drop=figures.messages_dropped,
    )
    masker = Masker(lambda text: keys.digest(DIGEST_PURPOSE, text)[:16])
    frames = FrameLog(db, keys, masker, queue_bytes=settings.frame_queue_bytes, on_drop=figures.frames_dropped)
    conformance = Conformance(db)
    figures.heartbeats = lambda: frames.heartbeats
    egress = Egress(
        settings.egress_private_networks,
        timeout_s=settings.egress_timeout_s,
        max_bytes=settings.egress_max_bytes,
        watch=messages.sent,
    )
    http = egress.client()
    roles = own_roles(settings)
    notices = Notices()
    transport = FastTransport(egress)
    clients = Clients(transport, presented, clock, settings.hub_party, settings.egress_timeout_s, notices)
    temper = Temper(clients, notices)
    presence = Presence(db, directory, clients, notices, silence=timedelta(seconds=settings.partner_silence_s))
    registrar = Registrar(
        db=db,
        keys=keys,
        http=http,
        clock=clock,
        versions_url=f"{public_url}{OCPI}/versions",
        roles=roles,
        old_token_grace=timedelta(seconds=settings.old_token_grace_s),
    )
    authorizer = Authorizer(
        db,
        keys,
        directory,
        clients,
        deadline_s=settings.authorize_deadline_s,
        hedge_s=settings.authorize_hedge_s,
        route_kept=timedelta(days=settings.authorize_route_days),
        misses_per_minute=settings.authorize_misses_per_minute,
    )
    link = Link(stations_here, bus)
    starter = Starter(
        db=db,
        keys=keys,
        authorizer=authorizer,
        link=link,
        clients=clients,
        directory=directory,
        response_base=f"{public_url}{OCPI}/{VERSION}/sender/commands",
        command_timeout_s=settings.command_timeout_s,
        issuer=settings.operator_name,
    )
    uploads = Uploads(
        db,
        keys,
        settings.data_folder,
        public_url,
        timedelta(seconds=settings.station_upload_validity_s),
        settings.station_upload_max_bytes,
    )
    operations = Operations(db, keys, link, tokens.charge_unasked, uploads)
    authority = OwnAuthority(db, keys, settings.operator_name, timedelta(days=settings.station_certificate_days))
    certificates = Certificates(
        db,
        link,
        authority,
        warn_before=timedelta(days=settings.station_certificate_warn_days),
        call_timeout_s=settings.command_timeout_s,
    )
    provisioner = Provisioner(db, link, settings.command_timeout_s)
    upgrader = Upgrader(
        db,
        link,
        keys,
        certificates,
        settings.public_ocpp_tls_url,
        call_timeout_s=settings.command_timeout_s,
        patience=timedelta(seconds=settings.station_upgrade_s),
    )
    figures.watch_certificates(certificates.expiring)
    campaigns = Campaigns(db, operations)
    payments, running = open_payments(settings), RunningSessions()
    taps = Taps(
        db,
        keys,
        authorizer,
        payments.operator if payments is not None else None,
        tap_rules(settings, cards=payments is not None),
        settings.authorize_deadline_s,
        settings.cpo_parties,
    )
    sources = ocpi_sources(settings)
    reactions.wire(
        facts,
        settings=settings,
        keys=keys,
        starter=starter,
        running=running,
        operations=operations,
        certificates=certificates,
        provisioner=provisioner,
        upgrader=upgrader,
        directory=directory,
        clients=clients,
        send=temper.deliver,
        sources=sources,
    )
    costs = CostTeller(db, link, running, call_timeout_s=settings.command_timeout_s)
    if settings.station_cost_interval_s:
        reactions.wire_costs(facts, costs)
    reactions.wire_money(facts, settings=settings, keys=keys, starter=starter, running=running, payments=payments)
    schedule.wire(
        facts,
        settings=settings,
        starter=starter,
        operations=operations,
        registrar=registrar,
        presence=presence,
        directory=directory,
        certificates=certificates,
        campaigns=campaigns,
        rate_feed=RateFeed(http, settings.exchange_rates_url),
        reconciler=Reconciler(settings.emsp_parties, payments.psp if payments else None),
    )
    ocsp_http = ocsp_client(settings)
    vehicle_cas = read_authorities(settings.vehicle_cas.read_text() if settings.vehicle_cas else "")
    responders = Responders(ocsp_http, clock, vehicle_cas)
    live_sessions = LiveSessions(
        db,
        clock,
        interval_s=settings.session_update_interval_s,
        cost_interval_s=settings.station_cost_interval_s,
    )
    csms = CentralSystem(
        db,
        backoffice.HubBackoffice(
            db, keys, taps, admission_policy(settings), certificates, provisioner, responders, costs
        ),
        bus,
        clock=clock,
        host=settings.ocpp_host,
        port=settings.ocpp_port,
        limits=csms_limits(settings),
        has_safe_way=settings.ocpp_behind_tls,
        on_metered=live_sessions.note,
        registry=stations_here,
        logbook=Logbook(frames, conformance),
        masker=masker,
    )
    forwarder = Forwarder(
        db,
        clients,
        directory,
        Relay(clients, egress),
        Rewriter(keys, clock, f"{public_url}{OCPI}/{VERSION}", timedelta(seconds=settings.callback_validity_s)),
        OpenRouting(db).resolvers(),
    )

    async def on_session(tx: Tx, session: Session) -> None:
        await match_partner_session(tx, keys, session)

    limit, cdr_url = settings.ocpi_page_limit, f"{public_url}{OCPI}/{VERSION}/receiver/cdrs"
    handlers: dict[HandlerKey, Handler] = {
        **PartyHandlers(db, registrar, directory, page_limit=limit).table(),
        **LocationHandlers(db, page_limit=limit).table(),
        **TariffHandlers(db, page_limit=limit).table(),
        **TokenHandlers(db, keys, taps.decide, page_limit=limit).table(),
        **SessionHandlers(db, on_session, page_limit=limit).table(),
        **CdrHandlers(db, page_limit=limit, base_url=cdr_url).table(),
        **ChargingProfileHandlers(db).table(),
        **CommandHandlers(db, starter, own_cpos=settings.cpo_parties).table(),
    }
    return Hub(
        settings=settings,
        public_url=public_url,
        clock=clock,
        db=db,
        bus=bus,
        keys=keys,
        http=http,
        ocsp_http=ocsp_http,
        transport=transport,
        directory=directory,
        registrar=registrar,
        renewer=Renewer(registrar, directory, presented),
        clients=clients,
        forwarder=forwarder,
        messages=messages,
        frames=frames,
        masker=masker,
        conformance=conformance,
        starter=starter,
        taps=taps,
        payments=payments,
        link=link,
        operations=operations,
        authority=authority,
        certificates=certificates,
        upgrader=upgrader,
        campaigns=campaigns,
        csms=csms,
        worker=Worker(db.apart()),
        deliverer=Deliverer(db, directory, sources, temper.deliver),
        puller=Puller(db, directory, clients, notices, ocpi_intakes(keys, on_session), pull_pace(settings)),
        presence=presence,
        notices=notices,
        live_sessions=live_sessions,
        running_sessions=running,
        live_board=LiveBoard(db, max_viewers=settings.live_page_max_viewers),
        figures=figures,
        ocpi_handlers=handlers,
    )
