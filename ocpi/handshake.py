"""The credentials handshake in steps, for either side (chapter Credentials, section Registration).

Who registers: `discover` with the registration token, then `register` with a token of its own, then `discover` again
with the token that came back. Who is registered with: `discover` inside the POST, with the token in it; the errors that
it raises are those that the POST must answer with. Nothing is stored here, so nothing can be half stored.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from ocpi.client import read_data
from ocpi.endpoint import Interface, Verb
from ocpi.envelope import Reply
from ocpi.errors import MissingEndpoints, PeerError, PeerRefused, UnsupportedVersion, UnusableClientApi
from ocpi.headers import MessageHeaders, authorization, new_id, write_headers
from ocpi.peer_http import DEFAULT_TIMEOUT_S, exchange
from ocpi.registry import VERSIONS
from ocpi.types import Clock, JsonValue, OcpiModel, to_bytes

ModelT = TypeVar("ModelT", bound=OcpiModel)

CREDENTIALS = "credentials"

_UNAUTHORIZED, _FORBIDDEN = 401, 403


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a platform offers in the version that both speak.

    `versions` lists all that it offers; `endpoints` are by module and by the side that the platform implements;
    `encode_token` tells how it takes tokens.
    """

    version: str
    versions_url: str
    details_url: str
    endpoints: Mapping[tuple[str, Interface], str]
    versions: Sequence[str]
    encode_token: bool = True
    found: Mapping[str, bool | int] = field(default_factory=dict, compare=False)
    """What else its answers showed of its ways: `bad_token_status`, `slash_after_list`."""

    @property
    def credentials_url(self) -> str:
        """Where credentials are exchanged."""
        return self.endpoints[CREDENTIALS, Interface.SENDER]


async def discover(
    http: httpx.AsyncClient,
    versions_url: str,
    token: str,
    *,
    now: Clock,
    encode_token: bool | None = None,
    supported: Sequence[str] = VERSIONS,
    required: Collection[tuple[str, Interface]] = (),
    timeout_s: float = DEFAULT_TIMEOUT_S,
    correlation_id: str | None = None,
) -> Discovery:
    """Fetch the versions and the details of the best common one, the last in `supported` that the platform has.

    `correlation_id` ties the requests to what they are for.
    `encode_token` None tries Base64 first and, when the platform does not know the token so, the plain token.
    Raises UnusableClientApi, UnsupportedVersion, or MissingEndpoints when one that is `required` is not there.
    """
    knock = _Knock(http, token, now, timeout_s, correlation_id)
    encode_token, listed = await _versions(knock, versions_url, encode_token)
    offered = _offered(listed.data)
    version = next((each for each in reversed(supported) if each in offered), None)
    if version is None:
        raise UnsupportedVersion(f"we speak {', '.join(supported)}")
    details_url = offered[version]
    details = await _get(knock, details_url, encode_token)
    endpoints = _endpoints(details.data)
    if (CREDENTIALS, Interface.SENDER) not in endpoints:
        raise MissingEndpoints("no credentials endpoint")
    missing = [f"{module} {interface}" for module, interface in required if (module, interface) not in endpoints]
    if missing:
        raise MissingEndpoints(", ".join(missing))
    return Discovery(
        version=version,
        versions_url=versions_url,
        details_url=details_url,
        endpoints=endpoints,
        versions=list(offered),
        encode_token=encode_token,
        found=knock.found,
    )


async def register(
    http: httpx.AsyncClient,
    discovery: Discovery,
    token: str,
    ours: ModelT,
    *,
    now: Clock,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    correlation_id: str | None = None,
) -> ModelT:
    """POST our credentials and return the peer's, whose token is the one to use from now on.

    A platform that answers a second registration with success and a new token counts as registered anew.
    Raises PeerError; PeerRefused with HTTP 405 when the peer holds us for registered: `update` then.
    """
    knock = _Knock(http, token, now, timeout_s, correlation_id)
    return await _send_credentials(knock, Verb.POST, discovery, ours)


async def update(
    http: httpx.AsyncClient,
    discovery: Discovery,
    token: str,
    ours: ModelT,
    *,
    now: Clock,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    correlation_id: str | None = None,
) -> ModelT:
    """PUT our credentials, to change a token, the version or the endpoints, and return the peer's. Raises PeerError.

    When the answer is lost the peer may have changed its token or not: both must be tried.
    """
    knock = _Knock(http, token, now, timeout_s, correlation_id)
    return await _send_credentials(knock, Verb.PUT, discovery, ours)


async def unregister(
    http: httpx.AsyncClient, discovery: Discovery, token: str, *, now: Clock, timeout_s: float = DEFAULT_TIMEOUT_S
) -> None:
    """DELETE the registration; a peer that knows of none is content too. Raises PeerError."""
    knock = _Knock(http, token, now, timeout_s)
    try:
        await knock.request(Verb.DELETE, discovery.credentials_url, discovery.encode_token)
    except PeerRefused as error:
        if error.http_status not in (_UNAUTHORIZED, 404, 405):
            raise


@dataclass(frozen=True, slots=True)
class _Knock:
    """A way to send requests of the configuration modules, which carry no routing headers."""

    http: httpx.AsyncClient
    token: str
    now: Clock
    timeout_s: float
    correlation_id: str | None = None
    found: dict[str, bool | int] = field(default_factory=dict)

    async def request(self, verb: Verb, url: str, encode_token: bool, body: bytes | None = None) -> Reply:
        headers = write_headers(MessageHeaders(new_id(), self.correlation_id or new_id()))
        reply = await exchange(
            self.http,
            verb.value,
            url,
            headers={"Authorization": authorization(self.token, encode=encode_token), **headers},
            now=self.now(),
            content=body,
            timeout_s=self.timeout_s,
        )
        if reply.mended_slash is not None:
            self.found["slash_after_list"] = reply.mended_slash
        return reply.envelope


async def _versions(knock: _Knock, url: str, encode_token: bool | None) -> tuple[bool, Reply]:
    if encode_token is not None:
        return encode_token, await _get(knock, url, encode_token)
    try:
        return True, await knock.request(Verb.GET, url, True)
    except PeerRefused as error:
        if error.http_status not in (_UNAUTHORIZED, _FORBIDDEN):
            raise UnusableClientApi(str(error)) from error
        knock.found["bad_token_status"] = error.http_status
    except PeerError as error:
        raise UnusableClientApi(str(error)) from error
    return False, await _get(knock, url, False)


async def _get(knock: _Knock, url: str, encode_token: bool) -> Reply:
    try:
        return await knock.request(Verb.GET, url, encode_token)
    except PeerError as error:
        raise UnusableClientApi(str(error)) from error


async def _send_credentials(knock: _Knock, verb: Verb, discovery: Discovery, ours: ModelT) -> ModelT:
    reply = await knock.request(verb, discovery.credentials_url, discovery.encode_token, to_bytes(ours))
    return read_data(type(ours), reply.data)


def _objects(data: JsonValue) -> list[dict[str, JsonValue]]:
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _offered(data: JsonValue) -> dict[str, str]:
    """The URL of each version."""
    found: dict[str, str] = {}
    for each in _objects(data):
        version, url = each.get("version"), each.get("url")
        if isinstance(version, str) and isinstance(url, str) and url:
            found[version] = url
    return found


def _endpoints(data: JsonValue) -> dict[tuple[str, Interface], str]:
    """The endpoints of version details. One without a role, as before 2.2, and the credentials stand for both sides."""
    found: dict[tuple[str, Interface], str] = {}
    for each in _objects(data.get("endpoints") if isinstance(data, dict) else None):
        identifier, role, url = each.get("identifier"), each.get("role"), each.get("url")
        if not isinstance(identifier, str) or not isinstance(url, str) or not url:
            continue
        sides = list(Interface) if identifier == CREDENTIALS or role is None else [s for s in Interface if s == role]
        for side in sides:
            found.setdefault((identifier, side), url)
    return found
