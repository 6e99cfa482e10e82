"""Rules of transport and format, and of status codes (chapters 4 and 5)."""

from datetime import timedelta

from ocpi.datetimes import parse_datetime
from ocpi.endpoint import Interface
from ocpi.headers import FROM_COUNTRY, FROM_PARTY, TO_COUNTRY, TO_PARTY, Party
from simulators.conformance.exchange import Exchange
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_http

CLOCK_TOLERANCE = timedelta(minutes=5)


@rule("transport.token-missing", "4.1.2", "a request without a token is HTTP 401")
async def token_missing(session: Session) -> None:
    expect_http(await session.peer.request("GET", _any_url(session), token=None), 401)


@rule("transport.token-unknown", "4.1.2", "a request with an unknown token is HTTP 401")
async def token_unknown(session: Session) -> None:
    expect_http(await session.peer.request("GET", _any_url(session), token=session.id("nobody")), 401)


@rule("transport.invalid-json", "5", "a body that is no JSON is HTTP 400")
async def invalid_json(session: Session) -> None:
    receivers = [module for module, side in session.peer.endpoints if side is Interface.RECEIVER]
    module = {"CPO": "locations", "EMSP": "tokens"}.get(session.role)
    if module is None:
        raise NotApplicable("what we play sends no objects")
    if module not in receivers:
        raise NotApplicable(f"the platform receives no {module}")
    url = session.peer.url(module, Interface.RECEIVER, *session.owner, session.id("BROKEN"))
    expect_http(await session.peer.request("PUT", url, b'{"id": '), 400)


@rule("transport.json", "4.1.7", "every answer is JSON, and says so", stage=Stage.REVIEW)
async def json(session: Session) -> None:
    for exchange in _answers(session):
        if exchange.body and exchange.document is None:
            raise Violation("the body is no JSON", exchange)
        if exchange.body and "json" not in exchange.headers.get("content-type", ""):
            raise Violation("the Content-Type is not application/json", exchange)


@rule("transport.envelope", "4.1.7", "every answer has the envelope with its code and time", stage=Stage.REVIEW)
async def envelope(session: Session) -> None:
    for exchange in _answers(session):
        document = exchange.document
        if document is None and exchange.body:
            continue  # that is the business of transport.json
        if not isinstance(document, dict) or not isinstance(document.get("status_code"), int):
            raise Violation("status_code is missing", exchange)
        if not 1000 <= document["status_code"] <= 4999:
            raise Violation("status_code is none of OCPI's classes", exchange)
        if not isinstance(document.get("timestamp"), str):
            raise Violation("timestamp is missing", exchange)


@rule("transport.timestamps", "4.1.7", "answers tell the time, in UTC and within minutes of ours", stage=Stage.REVIEW)
async def timestamps(session: Session) -> None:
    for exchange in _answers(session):
        text = (exchange.envelope or {}).get("timestamp")
        if not isinstance(text, str):
            continue
        if text.endswith(("+00:00", "-00:00")):
            raise Violation("a DateTime carries no offset", exchange)
        try:
            told = parse_datetime(text)
        except ValueError as error:
            raise Violation(f"timestamp is {error}", exchange) from None
        if abs(told - exchange.at) > CLOCK_TOLERANCE:
            raise Violation(f"timestamp is {abs(told - exchange.at)} off", exchange)


@rule("transport.request-id", "4.2", "answers repeat X-Request-ID", stage=Stage.REVIEW)
async def request_id(session: Session) -> None:
    _repeated(session, "X-Request-ID")


@rule("transport.correlation-id", "4.2", "answers repeat X-Correlation-ID", stage=Stage.REVIEW)
async def correlation_id(session: Session) -> None:
    _repeated(session, "X-Correlation-ID")


@rule("transport.routing-headers", "4.1.8.2", "answers of functional modules swap from and to", stage=Stage.REVIEW)
async def routing_headers(session: Session) -> None:
    routed = [exchange for exchange in _answers(session) if exchange.routed and exchange.ok]
    if not routed:
        raise NotApplicable("nothing was asked of a functional module")
    for exchange in routed:
        if _party(exchange, TO_COUNTRY, TO_PARTY) != session.us.party:
            raise Violation("the answer is not addressed to us", exchange)
        asked = exchange.sent.get(TO_COUNTRY), exchange.sent.get(TO_PARTY)
        if asked[0] and asked[1] and _party(exchange, FROM_COUNTRY, FROM_PARTY) != Party(asked[0], asked[1]):
            raise Violation("the answer is not from the party that was asked", exchange)


@rule("transport.no-server-errors", "5", "nothing ends in HTTP 5xx", stage=Stage.REVIEW)
async def no_server_errors(session: Session) -> None:
    if not session.peer.exchanges:
        raise NotApplicable("nothing was answered")
    for exchange in session.peer.exchanges:
        if exchange.http_status >= 500:
            raise Violation(f"HTTP {exchange.http_status}", exchange)


def _any_url(session: Session) -> str:
    """A list or else the versions: what is asked with every token."""
    lists = ("locations", "tokens", "tariffs", "sessions", "cdrs")
    sender = Interface.SENDER
    url = next(
        (url for (module, side), url in session.peer.endpoints.items() if module in lists and side is sender), None
    )
    return url or session.peer.versions_url


def _answers(session: Session) -> list[Exchange]:
    """All answers of the platform's own; what a proxy says of overload and failure counts elsewhere."""
    passing = (307, 308, 429)
    found = [each for each in session.peer.exchanges if each.http_status not in passing and each.http_status < 500]
    if not found:
        raise NotApplicable("nothing was answered")
    return found


def _repeated(session: Session, name: str) -> None:
    for exchange in _answers(session):
        if exchange.headers.get(name) != exchange.sent.get(name):
            raise Violation(f"{name} is not the one of the request", exchange)


def _party(exchange: Exchange, country: str, party: str) -> Party | None:
    code, id = exchange.headers.get(country), exchange.headers.get(party)
    return Party(code, id) if code and id else None
