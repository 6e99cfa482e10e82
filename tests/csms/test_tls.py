"""TLS of the listener: passwords and certificates over it, and certificate files that change."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.typing import Subprotocol

from csms.tls import Tls
from simulators.station.identity import Identity
from tests.csms.pki import Pki

pytestmark = pytest.mark.anyio


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


async def open_socket(world, identity: Identity, name: str = "CP1"):
    return await connect(
        f"wss://localhost:{world.system.tls_port}/ocpp/{name}",
        subprotocols=[Subprotocol("ocpp1.6")],
        ssl=identity.context(),
        proxy=None,
    )


async def test_a_certificate_is_shown_to_the_back_office(build, pki: Pki) -> None:
    world = await build(tls=Tls(pki.certificate, pki.key, authorities=[pki.authority]))
    plain = Identity(pki.authority)
    async with await open_socket(world, plain):
        knock = world.desk.knocks[-1]
        assert knock.is_encrypted
        assert knock.certificate is None
    identity = pki.station("CP1")
    async with await open_socket(world, identity):
        shown = world.desk.knocks[-1].certificate
        assert shown.names == {"cp1"}
        assert shown.expires_at > datetime.now(UTC) + timedelta(days=1)
        assert len(shown.fingerprint) == 64
    await world.point("CP1")
    assert not world.desk.knocks[-1].is_encrypted


async def test_a_certificate_of_another_ca_ends_the_handshake(build, pki: Pki, tmp_path: Path) -> None:
    world = await build(tls=Tls(pki.certificate, pki.key, authorities=[pki.authority]))
    stranger = Pki(tmp_path / "other").station("CP1")
    stranger.trusted = pki.authority
    with pytest.raises((ssl.SSLError, OSError, ConnectionClosed, InvalidMessage)):
        await open_socket(world, stranger)
    assert world.desk.knocks == []


async def test_certificate_files_that_change_are_read_again_and_broken_ones_are_not(build, pki: Pki) -> None:
    tls = Tls(pki.certificate, pki.key, authorities=[pki.authority])
    world = await build(tls=tls)
    assert not tls.reload()

    async def serial() -> int:
        async with await open_socket(world, Identity(pki.authority)) as socket:
            der = socket.transport.get_extra_info("ssl_object").getpeercert(True)
            return x509.load_der_x509_certificate(der).serial_number

    before = await serial()
    pki.write_server()
    assert tls.reload()
    after = await serial()
    assert after != before
    pki.key.write_text("no key")
    os.utime(pki.key, ns=(1, 1))
    assert not tls.reload()
    assert await serial() == after
