"""Every setting of the application, each an environment variable `PLUGBRIDGE_…` with a default that runs a demo."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class ServerRole(StrEnum):
    """What one process does; a deployment needs each at least once."""

    API = "api"
    OCPI = "ocpi"
    CSMS = "csms"
    WORKER = "worker"


def _words(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _party(value: str) -> str:
    country, _, party = value.partition("*")
    if len(country) != 2 or len(party) != 3:
        raise ValueError(f"a party is written CC*PID, not {value!r}")
    return value.upper()


def _url_of(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        if urlsplit(value).scheme.partition("+")[0] not in schemes:
            raise ValueError(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)} is expected")
        return value

    return AfterValidator(check)


def without_password(url: str) -> str:
    """The URL with stars for its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


Party = Annotated[str, AfterValidator(_party)]
Words = BeforeValidator(_words)


class Settings(BaseSettings):
    """The effective configuration; `plugbridge config` prints it without secrets."""

    model_config = SettingsConfigDict(env_prefix="PLUGBRIDGE_", extra="forbid")

    database_url: Annotated[str, _url_of("sqlite", "postgresql")] = Field(
        "sqlite:///plugbridge.db", description="Where all is stored: sqlite or postgresql."
    )
    bus_url: Annotated[str, _url_of("memory", "nats", "tls")] = Field(
        "memory://", description="How processes reach each other: memory or nats."
    )
    roles: Annotated[list[ServerRole], NoDecode, Words] = Field(
        list(ServerRole), description="What this process does: api, ocpi, csms, worker."
    )

    http_host: str = Field("127.0.0.1", description="Address that the HTTP APIs listen on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP APIs; 0 takes a free one.")
    ocpp_host: str = Field("127.0.0.1", description="Address that the OCPP listener listens on.")
    ocpp_port: int = Field(9000, ge=0, le=65535, description="Port of the OCPP listener; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="How partners and drivers reach the HTTP APIs; http://localhost and the port when absent."
    )

    public_ocpp_url: str | None = Field(
        None, description="How stations reach the OCPP listener, to be told to them; made of host and port when absent."
    )

    public_ocpp_tls_url: str | None = Field(
        None, description="The same for the listener with TLS: where stations are sent that are to use it."
    )

    keys: SecretStr | None = Field(None, description="Key ring as id:base64, comma separated, the current one first.")
    keys_file: Path = Field(Path("plugbridge.keys"), description="Where the key ring is kept when none is given.")

    operator_name: str = Field("Plugbridge", max_length=100, description="Business name that partners see.")
    hub_party: Party = Field("NL*PLH", description="The hub itself as an OCPI party.")
    cpo_parties: Annotated[list[Party], NoDecode, Words] = Field(
        ["NL*PLB"], min_length=1, description="Our CPO parties; the first owns what names no other."
    )
    emsp_parties: Annotated[list[Party], NoDecode, Words] = Field(
        ["NL*PLB"], min_length=1, description="Our eMSP parties; the first issues tokens that name no other."
    )

    egress_private_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode, Words] = Field(
        [], description="Private networks that partners' URLs may point into; empty outside of tests and labs."
    )
    egress_timeout_s: float = Field(10.0, gt=0, description="Time-out of one request to a partner.")
    egress_max_bytes: int = Field(8 * 2**20, gt=0, description="Largest answer that is read from a partner.")
    ocpi_max_body_bytes: int = Field(2 * 2**20, gt=0, description="Largest OCPI request body that is read.")
    ocpi_page_limit: int = Field(100, ge=1, le=1000, description="Most objects in one page of an OCPI list.")
    ocpi_requests_per_s: float = Field(
        500.0, ge=0, description="Requests that one partner may send each second, with bursts of 5 s; 0 for any number."
    )
    ocpi_requests_at_once: int = Field(
        100, ge=0, description="Requests of one partner that may be under way in a process; 0 for any number."
    )
    driver_requests_per_s: float = Field(
        5.0, ge=0, description="Requests that one driver may send each second, with bursts of 5 s; 0 for any number."
    )
    stripe_key: SecretStr | None = Field(None, description="Secret key of the Stripe account; without it no cards.")
    stripe_api_url: str | None = Field(None, description="Another server that speaks Stripe, such as a fake one.")
    stripe_webhook_secrets: Annotated[list[SecretStr], NoDecode, Words] = Field(
        [], description="Secrets of the webhook endpoint, separated by commas; two while one replaces the other."
    )
    invoice_every: Literal["session", "month"] = Field(
        "session", description="What who pays by invoice gets one for: each session, or each month."
    )
    hold_floor: Decimal = Field(Decimal(10), gt=0, description="Least that is put aside on a card.")
    hold_cap: Decimal = Field(Decimal(80), gt=0, description="Most that is put aside on a card.")
    hold_margin: Decimal = Field(Decimal("0.1"), ge=0, le=5, description="What is put aside beyond the estimate.")
    wallet_top_up_least: Decimal = Field(Decimal(5), gt=0, description="Least that is paid into a wallet at once.")
    wallet_top_up_most: Decimal = Field(Decimal(500), gt=0, description="Most that is paid into a wallet at once.")
    wallet_cap: Decimal = Field(Decimal(1000), gt=0, description="Most that a wallet may hold after a top-up.")
    autocharge: bool = Field(
        False, description="Whether drivers may let vehicles charge by the address that these tell chargers."
    )
    debt_limit: Decimal = Field(
        Decimal(0), ge=0, description="How much a driver may owe for earlier sessions and begin another all the same."
    )
    exchange_rates_url: str | None = Field(
        None, description="Where rates of exchange are read once a day, in the ECB's format; nowhere when absent."
    )
    exchange_spread_percent: Decimal = Field(
        Decimal(0), ge=0, lt=100, description="What a driver pays beyond the rate who pays in another currency."
    )
    http_head_timeout_s: float = Field(10.0, gt=0, description="Longest wait for the head of an HTTP request.")
    http_body_timeout_s: float = Field(30.0, gt=0, description="Longest wait for the body of an HTTP request.")
    http_head_bytes: int = Field(64 * 2**10, ge=1024, description="Largest head of an HTTP request.")
    message_log_days: float = Field(30.0, gt=0, description="How long the masked OCPI messages are kept.")
    message_content_days: float = Field(7.0, gt=0, description="How long the exact, encrypted messages are kept.")
    message_body_bytes: int = Field(
        16 * 2**10, ge=256, description="Bytes of each body that the message log keeps; it says where it cut."
    )
    message_queue_bytes: int = Field(
        64 * 2**20, gt=0, description="Memory for messages that wait to be logged; more are dropped and counted."
    )
    frame_log_days: float = Field(30.0, gt=0, description="How long the frames between us and stations are kept.")
    frame_transaction_days: float = Field(
        400.0, gt=0, description="How long frames that tell of transactions are kept, to make records of them again."
    )
    frame_queue_bytes: int = Field(
        64 * 2**20, gt=0, description="Memory for frames that wait to be logged; more are dropped and counted."
    )
    station_notice_days: float = Field(
        90.0, gt=0, description="How long it is kept what stations tell: security events, reports, data of vendors."
    )
    station_variables_limit: int = Field(
        10_000, ge=0, description="Most variables, or keys of OCPP 1.6, that are kept of one station."
    )
    callback_validity_s: int = Field(
        86400, ge=60, description="How long a partner may answer to a URL that we gave it for another partner."
    )
    old_token_grace_s: int = Field(300, ge=0, description="How long a replaced credentials token stays good.")

    agreement_default: Literal["allow", "deny"] = Field(
        "allow", description="Whether a CPO and an eMSP that have agreed nothing may meet: allow or deny."
    )
    authorize_hedge_s: float = Field(
        0.3, ge=0, description="Head start of the eMSP that allowed a card before, until all others are asked too."
    )
    authorize_route_days: int = Field(90, ge=1, description="How long it is remembered which eMSP allowed a card.")
    authorize_misses_per_minute: int = Field(
        120, ge=1, description="Cards that a partner may ask about in a minute without any of them being allowed."
    )
    partner_silence_s: float = Field(
        300.0, gt=0, description="After so long without a word a partner is asked whether it is there."
    )
    pull_overlap_s: int = Field(
        300, ge=0, description="How far behind the last sign of life we look for what we missed of a partner."
    )
    pull_full_interval_s: int = Field(
        604_800, gt=0, description="How often a partner's lists are read wholly, to find what is gone."
    )
    pull_page_limit: int = Field(100, ge=1, le=1000, description="Objects that we ask a partner for in one page.")
    pull_concurrency: int = Field(8, ge=1, description="Partners whose lists are read at the same time.")

    authorize_deadline_s: float = Field(4.0, gt=0, description="Longest wait for an eMSP's real-time authorization.")
    command_timeout_s: float = Field(30.0, gt=0, description="Longest wait for a station's answer to a command.")
    session_update_interval_s: float = Field(30.0, gt=0, description="How often a running session is told to partners.")
    station_cost_interval_s: float = Field(
        0, ge=0, description="How often stations that show costs are told those of a running session; 0 for never."
    )
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency of sessions that no tariff prices.")
    heartbeat_interval_s: int = Field(300, ge=1, description="Heartbeat interval given to stations at boot.")
    ocpp_tls_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the OCPP listener with TLS; none when absent."
    )
    ocpp_tls_certificate: Path | None = Field(
        None, description="File with the certificate of that listener and its chain, as PEM; read again on change."
    )
    ocpp_tls_key: Path | None = Field(None, description="File with the key of that certificate, as PEM.")
    ocpp_tls_station_cas: Path | None = Field(
        None, description="File with CA certificates whose stations are let in beside those of our own CA, as PEM."
    )
    vehicle_cas: Path | None = Field(
        None, description="File with CA certificates of vehicles and contracts whose OCSP answers are believed, as PEM."
    )
    ocpp_behind_tls: bool = Field(False, description="A proxy ends TLS before the OCPP listener without it.")
    minimum_profile: int = Field(
        1, ge=1, le=3, description="OCPP security profile that newly registered stations need: 1, 2 with TLS, 3."
    )
    station_certificate_days: int = Field(
        365, ge=1, le=3650, description="How long certificates that we issue to stations are good."
    )
    station_certificate_warn_days: int = Field(
        30, ge=1, description="How long before its end a station's certificate is told of and renewed."
    )
    station_upgrade_s: int = Field(
        900, ge=10, description="How long a station has to come back with the security profile that it was told."
    )
    ocpp_ping_interval_s: int = Field(
        45, ge=0, description="How often a station's connection is pinged; 0 for never, and each station may differ."
    )
    ocpp_compression: bool = Field(True, description="Compress messages of stations that offer it, from OCPP 2.0.1 on.")
    ocpp_settle_s: float = Field(
        2.0, ge=0, description="How long a station that has just booted or come back is not called."
    )
    ocpp_patience_s: float = Field(
        5.0, ge=0, description="After so long a station that has never booted is asked to; 0 for never."
    )
    ocpp_handshakes_per_s: float = Field(
        200.0, ge=0, description="Stations let in each second, with bursts of 5 s; others come later. 0 for any number."
    )
    ocpp_drain_calls_s: float = Field(
        5.0, ge=0, description="Longest wait for calls to stations under way when the process is to end."
    )
    ocpp_drain_per_s: int = Field(
        200,
        ge=0,
        description="Stations sent away each second when the process is to end; 0 for all at once.",
    )
    unknown_stations: Literal["refuse", "quarantine"] = Field(
        "refuse", description="What becomes of stations that nobody has registered: refuse or quarantine."
    )
    quarantine_limit: int = Field(100, ge=0, description="Most stations in quarantine.")

    data_folder: Path = Field(Path("plugbridge-data"), description="Where files are kept that chargers upload.")
    station_upload_max_bytes: int = Field(64 * 2**20, gt=0, description="Largest file that a charger may upload.")
    station_upload_validity_s: int = Field(
        21_600, ge=60, description="How long a charger may upload to a URL that it was given."
    )
    station_upload_timeout_s: float = Field(900.0, gt=0, description="Longest wait for the whole of an upload.")

    live_page_public: bool = Field(False, description="Show the live page's anonymous figures without a key.")
    live_page_max_viewers: int = Field(100, ge=0, description="Most who may watch the live page at a time.")
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_json: bool = Field(False, description="Write log lines as JSON.")

    @model_validator(mode="after")
    def _tls_has_its_files(self) -> Self:
        if self.ocpp_tls_port is not None and (self.ocpp_tls_certificate is None or self.ocpp_tls_key is None):
            raise ValueError("ocpp_tls_port needs ocpp_tls_certificate and ocpp_tls_key")
        return self

    def shown(self) -> dict[str, Any]:
        """Every setting as JSON, without secrets."""
        shown: dict[str, Any] = self.model_dump(mode="json")
        return shown | {name: without_password(shown[name]) for name in ("database_url", "bus_url")}

    @property
    def session_update_interval(self) -> timedelta:
        """`session_update_interval_s` as a duration."""
        return timedelta(seconds=self.session_update_interval_s)
