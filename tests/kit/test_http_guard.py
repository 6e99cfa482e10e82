"""Which addresses may be called: the pure rules."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.http.guard import EgressPolicy, EgressRefused, is_public, literal_address, parse_networks

pytestmark = pytest.mark.anyio

STRICT = EgressPolicy()

NOT_PUBLIC = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.9.1", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "2002:7f00:1::", "2002:808:808::", "4000::1", "5f00::1"),
    *("::ffff:0:127.0.0.1", "::5efe:127.0.0.1"),
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
async def test_a_name_that_resolves_to_a_private_address_is_refused(text: str) -> None:
    async def answer(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", text]

    with pytest.raises(EgressRefused):
        await EgressPolicy(resolve=answer).addresses("partner.example", 443, plain=False)


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_a_private_address_in_the_url_is_refused(text: str) -> None:
    with pytest.raises(EgressRefused):
        STRICT.check_url("https", text, 443, userinfo=False)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    STRICT.check_url("https", text, 443, userinfo=False)


@pytest.mark.parametrize(
    "text",
    [
        *("2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.01", "127.0.0.0x1"),
        *("127.0.0.1.", "8.8.8.8.", "1.2.3.4.5", "256.1.1.1", "8.8.2056", "partner.example.1", "x.0X7F", "0x", "08"),
        *("fe80::1%eth0", "fe80::1%25eth0", "2606:4700::1111%1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::g", "1::2::3"),
    ],
)
def test_odd_spellings_of_addresses_are_refused(text: str) -> None:
    with pytest.raises(EgressRefused):
        STRICT.check_url("https", text, 443, userinfo=False)


@pytest.mark.parametrize("host", ["partner.example", "xn--bcher-kva.example", "1and1.example", "0x7f.example", "a-1"])
def test_names_are_no_addresses(host: str) -> None:
    assert literal_address(host) is None
    STRICT.check_url("https", host, 443, userinfo=False)


def test_an_address_that_maps_to_ipv4_is_judged_as_that() -> None:
    assert literal_address("::ffff:10.0.0.1") == IPv4Address("10.0.0.1")
    EgressPolicy(parse_networks(["10.0.0.0/8"])).check_url("https", "::ffff:a00:1", 443, userinfo=False)


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "ws", "", "HTTPS"])
def test_other_schemes_are_refused(scheme: str) -> None:
    with pytest.raises(EgressRefused):
        STRICT.check_url(scheme, "partner.example", 443, userinfo=False)


def test_credentials_in_a_url_are_refused() -> None:
    with pytest.raises(EgressRefused):
        STRICT.check_url("https", "partner.example", 443, userinfo=True)


@pytest.mark.parametrize("port", [0, 22, 25, 53, 110, 445, 1023])
def test_the_ports_of_other_services_are_refused(port: int) -> None:
    with pytest.raises(EgressRefused):
        STRICT.check_url("https", "8.8.8.8", port, userinfo=False)


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65535])
def test_the_ports_of_web_servers_are_allowed(port: int) -> None:
    STRICT.check_url("https", "8.8.8.8", port, userinfo=False)


async def test_plain_http_is_refused_unless_allowed_or_private_and_listed() -> None:
    async def public(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8"]

    async def private(_host: str, _port: int) -> list[str]:
        return ["10.0.0.1"]

    listed = parse_networks(["10.0.0.0/8"])
    with pytest.raises(EgressRefused):
        STRICT.check_url("http", "partner.example", 80, userinfo=False)
    with pytest.raises(EgressRefused):
        await EgressPolicy(listed, resolve=public).addresses("partner.example", 80, plain=True)
    assert await EgressPolicy(listed, resolve=private).addresses("a.example", 80, plain=True) == ["10.0.0.1"]
    assert await EgressPolicy(allow_http=True, resolve=public).addresses("a.example", 80, plain=True) == ["8.8.8.8"]
    with pytest.raises(EgressRefused):
        await EgressPolicy(allow_http=True, resolve=private).addresses("a.example", 80, plain=True)


def test_a_listed_network_may_be_called_on_any_port_its_neighbours_may_not() -> None:
    policy = EgressPolicy(parse_networks(["10.1.0.0/16", "fd00:1::/32"]))
    policy.check_url("http", "10.1.2.3", 22, userinfo=False)
    policy.check_url("https", "fd00:1::5", 443, userinfo=False)
    for neighbour in ("10.2.0.1", "fd00:2::5", "127.0.0.1"):
        with pytest.raises(EgressRefused):
            policy.check_url("https", neighbour, 443, userinfo=False)


def test_listing_nat64_does_not_open_the_private_addresses_behind_it() -> None:
    policy = EgressPolicy(parse_networks(["64:ff9b::/96"]))
    policy.check_url("https", "64:ff9b::808:808", 443, userinfo=False)
    with pytest.raises(EgressRefused):
        policy.check_url("https", "64:ff9b::a9fe:a9fe", 443, userinfo=False)


async def test_a_name_without_an_address_is_an_os_error() -> None:
    async def nothing(_host: str, _port: int) -> list[str]:
        return []

    with pytest.raises(OSError, match="no address"):
        await EgressPolicy(resolve=nothing).addresses("partner.example", 443, plain=False)


@given(bits=st.integers(0, 2**32 - 1))
def test_no_spelling_of_a_private_ipv4_address_passes(bits: int) -> None:
    address = IPv4Address(bits)
    spellings = [
        str(address),
        str(bits),
        hex(bits),
        f"0{bits:o}",
        f"::ffff:{address}",
        f"{bits >> 24}.{bits & 0xFFFFFF}",
    ]
    spellings += [f"64:ff9b::{address}", str(IPv6Address((0x2002 << 112) | (bits << 80))), f"::{address}"]
    for host in spellings:
        try:
            STRICT.check_url("https", host, 443, userinfo=False)
        except EgressRefused:
            continue
        assert is_public(address)


@given(bits=st.integers(0, 2**128 - 1))
def test_only_global_unicast_is_public_in_ipv6(bits: int) -> None:
    address = IPv6Address(bits)
    if is_public(address):
        assert address in parse_networks(["2000::/3"])[0]
        assert address.is_global
        assert not address.is_multicast


@given(text=st.text(max_size=40))
def test_any_text_is_a_name_an_address_or_refused(text: str) -> None:
    try:
        literal = literal_address(text)
    except EgressRefused:
        return
    if literal is not None:
        assert ip_address(text)
