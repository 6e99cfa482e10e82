"""The words in which the table of endpoints is written; see `ocpi.registry`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ocpi.types import OcpiModel, Role


class Interface(StrEnum):
    """The side of a module that implements an endpoint."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class Verb(StrEnum):
    """The HTTP methods of OCPI."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


HandlerKey = tuple[str, Interface, Verb, str]
"""What a handler is registered for: (module, interface, verb, level)."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module of a version.

    `owner` is the role that owns the objects, None when nobody does. Messages of a `functional` module carry routing
    headers and go through hubs; those of the configuration modules stay between two platforms.
    """

    identifier: str
    owner: Role | None = None
    functional: bool = True


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query of a URL, besides those of paging."""

    name: str
    required: bool = False
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One verb on one kind of URL.

    `level` names what it is about: `list`, `location`, `evse`, … `path` are the segments after the module, parameters
    in braces. `body` is the type of the request; `data` that of the answer, or of one item when `paged`. `identity`
    says which path parameter must equal which field of the body, `query_identity` the same of query parameters.
    """

    module: Module
    interface: Interface
    verb: Verb
    level: str
    path: tuple[str, ...] = ()
    body: type[OcpiModel] | None = None
    body_optional: bool = False
    body_maybe_wrapped: bool = False
    data: type[OcpiModel] | None = None
    paged: bool = False
    date_from_required: bool = False
    query: tuple[Parameter, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    query_identity: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> HandlerKey:
        """What its handler is registered for."""
        return (self.module.identifier, self.interface, self.verb, self.level)
