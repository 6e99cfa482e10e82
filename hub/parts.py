"""What `hub.app` makes of the settings before it ties the parts together: keys, roles, tables, bounds."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx

from csms.limits import SessionLimits
from csms.server import Limits
from hub.locations import service as locations
from hub.locations.tables import Location
from hub.parties import clientinfo
from hub.parties.intake import Intake
from hub.parties.outbox import Source, put_source
from hub.parties.pull import Pace
from hub.sessions import service as sessions
from hub.sessions.ocpi import cdr_source
from hub.sessions.tables import Session
from hub.settings import Settings
from hub.starts.tapping import TapRules
from hub.stations.admission import Policy
from hub.tariffs import service as tariffs
from hub.tariffs.tables import Tariff
from hub.tokens import service as tokens
from hub.tokens.ocpi import token_source
from kit.crypto import KeyRing
from kit.http import Egress
from kit.tx import Tx
from payments.hold_policy import HoldPolicy
from payments.stripe import StripePsp
from payments.wallet_rules import WalletPolicy
from payments.wiring import Payments

OCSP_TIMEOUT_S, OCSP_MAX_BYTES = 5.0, 64 * 2**10


def key_ring(settings: Settings) -> KeyRing:
    """The key ring of the settings, or of the key file, which is made at the first start."""
    if settings.keys is not None:
        return KeyRing.parse(settings.keys.get_secret_value())
    return KeyRing.load_or_create(settings.keys_file)


def own_roles(settings: Settings) -> list[dict[str, Any]]:
    """Our own CredentialsRoles: the hub, and the CPO and eMSP parties that live in it."""
    parties = [("HUB", settings.hub_party)]
    parties += [("CPO", party) for party in settings.cpo_parties]
    parties += [("EMSP", party) for party in settings.emsp_parties]
    business = {"name": settings.operator_name}
    return [
        {"role": role, "country_code": party[:2], "party_id": party[3:], "business_details": business}
        for role, party in parties
    ]


def ocpi_sources(settings: Settings) -> dict[str, Source]:
    """How each module gives a changed object to the deliverer."""
    hub_party = settings.hub_party
    return {
        "locations": put_source(Location, hub_party),
        "tariffs": put_source(Tariff, hub_party),
        "sessions": put_source(Session, hub_party),
        "cdrs": cdr_source(hub_party),
        "tokens": token_source(hub_party),
        clientinfo.MODULE: clientinfo.source(),
    }


def ocpi_intakes(keys: KeyRing, on_session: Callable[[Tx, Session], Awaitable[None]]) -> dict[str, Intake]:
    """How each module takes what we read from partners' lists."""
    return {
        "locations": locations.intake(),
        "tariffs": tariffs.intake(),
        "tokens": tokens.intake(keys),
        "sessions": sessions.session_intake(on_session),
        "cdrs": sessions.cdr_intake(),
    }


def pull_pace(settings: Settings) -> Pace:
    """How partners' lists are read."""
    return Pace(
        overlap=timedelta(seconds=settings.pull_overlap_s),
        full_every=timedelta(seconds=settings.pull_full_interval_s),
        page_limit=settings.pull_page_limit,
        at_once=settings.pull_concurrency,
    )


def admission_policy(settings: Settings) -> Policy:
    """How stations are let in."""
    return Policy(
        heartbeat_interval_s=settings.heartbeat_interval_s,
        ping_interval_s=settings.ocpp_ping_interval_s,
        unknown=settings.unknown_stations,
        most_quarantined=settings.quarantine_limit,
    )


def csms_limits(settings: Settings) -> Limits:
    """The bounds of the OCPP listener."""
    return Limits(
        compress=settings.ocpp_compression,
        handshakes_per_s=settings.ocpp_handshakes_per_s,
        handshake_burst=5 * settings.ocpp_handshakes_per_s,
        drain_calls_s=settings.ocpp_drain_calls_s,
        drain_per_s=settings.ocpp_drain_per_s,
        variables=settings.station_variables_limit,
        session=SessionLimits(settle_s=settings.ocpp_settle_s, patience_s=settings.ocpp_patience_s),
    )


def ocsp_client(settings: Settings) -> httpx.AsyncClient:
    """Requests to OCSP responders, which speak plain HTTP: their answers are signed."""
    networks = settings.egress_private_networks
    return Egress(networks, allow_http=True, timeout_s=OCSP_TIMEOUT_S, max_bytes=OCSP_MAX_BYTES).client()


def open_payments(settings: Settings) -> Payments | None:
    """The payments floor over Stripe; None where no key is set: no cards are taken."""
    if settings.stripe_key is None:
        return None
    psp = StripePsp(settings.stripe_key.get_secret_value(), api_url=settings.stripe_api_url)
    secrets = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]
    return Payments.over(psp, secrets)


def wallet_policy(settings: Settings) -> WalletPolicy:
    """The bounds of wallets."""
    return WalletPolicy(settings.wallet_top_up_least, settings.wallet_top_up_most, settings.wallet_cap)


def tap_rules(settings: Settings, *, cards: bool) -> TapRules:
    """How drivers' cards are paid for at chargers."""
    return TapRules(hold_policy(settings), settings.debt_limit, settings.currency, cards, settings.autocharge)


def hold_policy(settings: Settings) -> HoldPolicy:
    """How much is put aside."""
    return HoldPolicy(floor=settings.hold_floor, cap=settings.hold_cap, margin=settings.hold_margin)
