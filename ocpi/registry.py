"""Every endpoint of every version of OCPI that we speak.

The router, the version details, the OpenAPI documents and the checks on requests are generated from these tables: an
endpoint exists because it stands here. The table of a version is `ENDPOINTS` in `ocpi/v2xx/endpoints.py`.
"""

from collections.abc import Mapping

from ocpi.endpoint import Endpoint, HandlerKey, Interface, Module, Verb
from ocpi.v221 import endpoints as v221

__all__ = [
    "CONFIGURATION_MODULES",
    "ENDPOINTS",
    "VERSIONS",
    "Endpoint",
    "HandlerKey",
    "Interface",
    "Module",
    "Verb",
    "endpoint",
    "module",
]

ENDPOINTS: Mapping[str, tuple[Endpoint, ...]] = {"2.2.1": v221.ENDPOINTS}
"""The endpoints of each version, the oldest version first."""

VERSIONS: tuple[str, ...] = tuple(ENDPOINTS)
"""The versions that we speak, the oldest first."""


CONFIGURATION_MODULES = frozenset(
    each.module.identifier for table in ENDPOINTS.values() for each in table if not each.module.functional
)
"""Modules between two platforms, whose messages carry no routing headers and are never forwarded."""


def endpoint(version: str, key: HandlerKey) -> Endpoint:
    """The endpoint of a version that a key names. Raises KeyError."""
    return _BY_KEY[version][key]


def module(version: str, identifier: str) -> Module:
    """A module of a version by its identifier. Raises KeyError."""
    return _MODULES[version][identifier]


_BY_KEY = {version: {each.key: each for each in table} for version, table in ENDPOINTS.items()}
_MODULES = {version: {each.module.identifier: each.module for each in table} for version, table in ENDPOINTS.items()}
