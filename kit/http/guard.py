"""Which servers we may talk to: the rules that keep requests to URLs given by others away from our own network.

A URL is judged twice: by its words (scheme, userinfo, port, literal address), then by every address that its name
resolves to. The connection goes to an address that was judged, so a second answer of the resolver changes nothing.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from kit.errors import UpstreamFailed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host name and port to addresses as text; raises `OSError` when there are none."""

_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # looks public, but is the platform service inside one large cloud
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        *("2001:db8::/32", "3fff::/20"),  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class EgressRefused(UpstreamFailed, httpx.TransportError):
    """A request that must not leave. Also an error of httpx, whose callers know those alone."""

    code, title = "egress_refused", "This address must not be called"


class ResponseTooLarge(UpstreamFailed, httpx.TransportError):
    """An answer of more bytes than allowed, counted after decompression."""

    code, title = "upstream_too_large", "The answer of another system is too large"


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, by the machine's resolver."""
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("no name that could be looked up") from None
    return [str(answer[4][0]) for answer in answers]


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What is allowed beyond HTTPS to public addresses.

    `allow_private`: networks that may be called although they are not public, also by plain HTTP and on any port.
    `allow_http`: plain HTTP to public addresses as well.
    """

    allow_private: tuple[Network, ...] = ()
    allow_http: bool = False
    resolve: Resolve = resolve

    def check_url(self, scheme: str, host: str, port: int, *, userinfo: bool) -> None:
        """Judge a URL by its words; `host` in its ASCII form, without brackets. Raises `EgressRefused`."""
        if scheme not in ("http", "https"):
            raise EgressRefused("neither http nor https")
        if userinfo:
            raise EgressRefused("credentials in the URL")
        if port > 65535:
            raise EgressRefused("no such port")
        literal = literal_address(host)
        if literal is not None:
            self.check_address(literal, port, plain=scheme == "http")
        elif scheme == "http" and not self.allow_http and not self.allow_private:
            raise EgressRefused("plain http")

    async def addresses(self, host: str, port: int, *, plain: bool) -> list[str]:
        """The addresses of a host, each judged; `plain` for HTTP without TLS.

        Raises `EgressRefused` when any single one is not allowed, `OSError` when there are none.
        """
        literal = literal_address(host)
        answers = [str(literal)] if literal is not None else await self.resolve(host, port)
        found = list(dict.fromkeys(_parse(answer) for answer in answers))
        if not found:
            raise OSError("the name has no address")
        for address in found:
            self.check_address(address, port, plain=plain)
        return [str(address) for address in found]

    def check_address(self, address: Address, port: int, *, plain: bool) -> None:
        """Judge one address. Raises `EgressRefused`."""
        if self._listed(address):
            return
        if not is_public(address):
            raise EgressRefused("the address is not public")
        if plain and not self.allow_http:
            raise EgressRefused("plain http")
        if port < 1024 and port not in (80, 443):
            raise EgressRefused("the port belongs to another service")

    def _listed(self, address: Address) -> bool:
        if not any(address.version == network.version and address in network for network in self.allow_private):
            return False
        inner = _behind_nat64(address)
        return inner is None or is_public(inner) or self._listed(inner)


@lru_cache(4096)
def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet: no private, local, shared, tunnelled or reserved range."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_V4)
    return (
        address.is_global
        and address.scope_id is None
        and address in _GLOBAL_V6
        and not any(address in network for network in _REFUSED_V6)
    )


@lru_cache(4096)
def literal_address(host: str) -> Address | None:
    """The address that a host part spells out; None for a name.

    Raises `EgressRefused` for the spellings that systems read differently: decimal, octal, hexadecimal or shortened
    IPv4, and IPv6 with a zone.
    """
    if ":" in host:
        return _parse(host)
    last_label = host.rstrip(".").rpartition(".")[2]
    if not re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last_label):
        return None
    if not re.fullmatch(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}", host):
        raise EgressRefused("an odd spelling of an address")
    return _parse(host)


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from `10.0.0.0/8` and the like. Raises `ValueError`."""
    return tuple(ip_network(text) for text in texts)


def _parse(text: str) -> Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise EgressRefused("an odd spelling of an address") from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise EgressRefused("an address with a zone")
        return address.ipv4_mapped or address
    return address


def _behind_nat64(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
