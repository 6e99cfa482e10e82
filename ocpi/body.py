"""From the bytes of a request to a checked body."""

from collections.abc import Mapping

from starlette.types import Receive

from ocpi.endpoint import Endpoint, Verb
from ocpi.envelope import parse_json, unwrapped
from ocpi.errors import InvalidParameters, TooLarge
from ocpi.patch import check
from ocpi.types import JsonObject, JsonValue, OcpiModel, same_id
from ocpi.validation import validated


class Disconnected(Exception):
    """The peer went away before its request was complete."""


async def receive_body(receive: Receive, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """The whole body, read no further than `max_bytes`. Raises TooLarge or Disconnected.

    The connection is closed after a body that is too large: the rest of it must not be taken for the next request.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > max_bytes:
        raise TooLarge(headers={"Connection": "close"})
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        received += len(chunk)
        if received > max_bytes:
            raise TooLarge(headers={"Connection": "close"})
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def read_body(
    endpoint: Endpoint, raw: bytes, path: Mapping[str, str], query: Mapping[str, str]
) -> OcpiModel | JsonObject | None:
    """The body as the endpoint wants it: an object of its type, or the JSON object of a PATCH.

    Raises InvalidJson, or InvalidParameters for missing and wrong fields and for an id that differs from the URL.
    """
    if endpoint.body is None or (endpoint.body_optional and not raw.strip()):
        return None
    value = parse_json(raw)
    if endpoint.body_optional and not value:
        return None
    if endpoint.body_maybe_wrapped:
        value = unwrapped(value)
    if not isinstance(value, dict):
        raise InvalidParameters("the body is no JSON object")
    if endpoint.verb is Verb.PATCH:
        check(endpoint.body, value)
        _match_url(endpoint, value, path, query)
        return value
    model = validated(endpoint.body, value)
    _match_url(endpoint, value, path, query)
    return model


def _match_url(endpoint: Endpoint, body: JsonObject, path: Mapping[str, str], query: Mapping[str, str]) -> None:
    """An id in the URL and in the body must agree (transport and format, section Errors)."""
    for parameter, name in endpoint.identity.items():
        _match(body.get(name), path.get(parameter), name)
    for parameter, name in endpoint.query_identity.items():
        _match(body.get(name), query.get(parameter), name)


def _match(in_body: JsonValue, in_url: str | None, name: str) -> None:
    if isinstance(in_body, str) and in_url is not None and not same_id(in_body, in_url):
        raise InvalidParameters(f"/{name}: differs from the one in the URL")
