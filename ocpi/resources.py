"""Which endpoints a path has: the table of a version as a lookup by segments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote

from starlette.types import Scope

from ocpi.endpoint import Endpoint

_MAX_SEGMENT = 1024
_MAX_REMEMBERED = 128
"""The same few paths are asked for over and over: up to this length they are taken apart once."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of URL and what may be done there. Segments of `pattern` in braces are parameters."""

    pattern: tuple[str, ...]
    endpoints: dict[str, Endpoint]
    """By the HTTP method."""

    def endpoint(self, method: str) -> Endpoint | None:
        """What an HTTP method does here."""
        return self.endpoints.get(method)

    def parameters(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The parameters in a path of as many segments; None when the path is another one."""
        found: dict[str, str] = {}
        for expected, segment in zip(self.pattern, segments, strict=True):
            if expected[0] == "{":
                found[expected[1:-1]] = segment
            elif expected != segment:
                return None
        return found


class Resources:
    """All URLs of a version, found in constant time by their fixed leading segments."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._by_head: dict[tuple[str, ...], dict[int, list[Resource]]] = {}
        self._remembered = lru_cache(maxsize=1024)(self._find)
        for endpoint in endpoints:
            by_length = self._by_head.setdefault(endpoint_head(endpoint), {})
            resources = by_length.setdefault(len(endpoint.path), [])
            known = next((each for each in resources if each.pattern == endpoint.path), None)
            if known is None:
                resources.append(Resource(endpoint.path, {endpoint.verb: endpoint}))
            else:
                known.endpoints[endpoint.verb] = endpoint

    def find(self, segments: tuple[str, ...]) -> tuple[Resource, Mapping[str, str]] | None:
        """The resource at a path and the parameters in it."""
        return (self._find if sum(map(len, segments)) > _MAX_REMEMBERED else self._remembered)(segments)

    def _find(self, segments: tuple[str, ...]) -> tuple[Resource, Mapping[str, str]] | None:
        for head_length in (2, 1):
            by_length = self._by_head.get(segments[:head_length])
            if by_length is None:
                continue
            tail = segments[head_length:]
            for resource in by_length.get(len(tail), ()):
                parameters = resource.parameters(tail)
                if parameters is not None:
                    return resource, MappingProxyType(parameters)
        return None


def endpoint_head(endpoint: Endpoint) -> tuple[str, ...]:
    """The fixed segments that lead to an endpoint: `sender/locations`, or `credentials` alone, which has no sides."""
    if endpoint.module.identifier == "credentials":
        return ("credentials",)
    return (endpoint.interface.value.lower(), endpoint.module.identifier)


def route_path(scope: Scope) -> str:
    """The decoded path below the application's root."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if root else path


def path_segments(scope: Scope, prefix: str) -> tuple[str, ...] | None:
    """The decoded segments of a request's path after `prefix`; None when one of them can be no identifier.

    Read from the path as it was sent, because an identifier may contain an escaped slash. Empty segments are skipped:
    peers join URLs with no slash or with two.
    """
    rest = _after(prefix, scope)
    return (_segments if len(rest) > _MAX_REMEMBERED else _remembered)(rest)


def _segments(path: str) -> tuple[str, ...] | None:
    segments = tuple(unquote(segment) if "%" in segment else segment for segment in path.split("/") if segment)
    if any(len(segment) > _MAX_SEGMENT or not segment.isprintable() for segment in segments):
        return None
    return segments


_remembered = lru_cache(maxsize=1024)(_segments)


def _after(prefix: str, scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    root: str = scope.get("root_path", "")
    if raw is not None:
        sent = raw.partition(b"?")[0].decode("latin-1")
        for start in (root + prefix, prefix):
            if sent.startswith(start):
                return sent[len(start) :]
    return route_path(scope).removeprefix(prefix)
