"""OCSP responders on real sockets: whom we believe, and what becomes of those that say nothing useful."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.station import CertificateState, StatusWanted
from hub.stations.ocsp import Responders, read_authorities
from kit.clock import SystemClock
from kit.http import Egress

pytestmark = pytest.mark.anyio


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Ca:
    """A CA with one vehicle certificate and an OCSP responder of its own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.sign("Vehicle CA", self.key)
        self.vehicle = self.sign("Vehicle", ec.generate_private_key(ec.SECP256R1()))
        self.url = ""
        self.body = b""

    def sign(self, subject: str, key, *usage) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("Vehicle CA"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        return builder.sign(self.key, SHA256())

    def answer(self, status=ocsp.OCSPCertStatus.GOOD, *, certificate=None, signer=None, key=None, hours=1) -> bytes:
        now = datetime.now(UTC)
        revoked = now if status is ocsp.OCSPCertStatus.REVOKED else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            certificate or self.vehicle,
            self.root,
            SHA256(),
            status,
            now - timedelta(hours=2),
            now + timedelta(hours=hours),
            revoked,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer or self.root)
        if signer is not None:
            builder = builder.certificates([signer])
        self.body = builder.sign(key or self.key, SHA256()).public_bytes(Encoding.DER)
        return self.body

    def wanted(self, *urls: str, **changes: str) -> StatusWanted:
        request = ocsp.OCSPRequestBuilder().add_certificate(self.vehicle, self.root, SHA256()).build()
        said = {
            "hash_algorithm": "SHA256",
            "issuer_name_hash": request.issuer_name_hash.hex(),
            "issuer_key_hash": request.issuer_key_hash.hex().upper(),
            "serial_number": f"{request.serial_number:x}",
        }
        return StatusWanted(**{**said, **changes}, urls=urls or (self.url,))


@pytest.fixture
async def ca() -> AsyncIterator[Ca]:
    made = Ca()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"application/ocsp-request" in head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        ocsp.load_der_ocsp_request(await reader.readexactly(length))
        status = b"200 OK" if made.body else b"500 Down"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(made.body)))
        writer.write(made.body)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
async def responders(ca: Ca) -> AsyncIterator[Responders]:
    async with Egress(["127.0.0.0/8"], allow_http=True, timeout_s=30).client() as http:
        yield Responders(http, SystemClock(), [ca.root])


async def test_a_good_certificate_is_good_and_the_signed_answer_is_passed_on(ca, responders) -> None:
    ca.answer()
    found = await responders.status(ca.wanted())
    assert found.state is CertificateState.GOOD
    assert found.signed is not None
    assert found.next_update_at > datetime.now(UTC)


async def test_an_appointed_responder_is_believed_and_a_stranger_is_not(ca, responders) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca.answer(signer=ca.sign("Responder", key, ExtendedKeyUsageOID.OCSP_SIGNING), key=key)
    assert (await responders.status(ca.wanted())).state is CertificateState.GOOD
    ca.answer(signer=ca.sign("Somebody", key), key=key)
    assert (await responders.status(ca.wanted())).state is CertificateState.UNKNOWN


async def test_a_ca_that_nobody_named_is_not_believed(ca, responders) -> None:
    ca.answer()
    stranger = Responders(responders.http, responders.clock, [Ca().root])
    found = await stranger.status(ca.wanted())
    assert found.state is CertificateState.UNKNOWN
    assert found.signed is not None


async def test_an_answer_that_was_changed_on_the_way_is_not_believed(ca, responders) -> None:
    der = bytearray(ca.answer())
    der[-1] ^= 1
    ca.body = bytes(der)
    assert (await responders.status(ca.wanted())).state is not CertificateState.GOOD


async def test_a_revoked_certificate_is_revoked_whoever_says_so(ca, responders) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca.answer(ocsp.OCSPCertStatus.REVOKED, signer=ca.sign("Somebody", key), key=key)
    assert (await responders.status(ca.wanted())).state is CertificateState.REVOKED


async def test_what_is_no_answer_to_the_question_is_none(ca, responders) -> None:
    for body in (
        b"",
        b"nonsense",
        ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER),
        ca.answer(certificate=ca.sign("Other", ec.generate_private_key(ec.SECP256R1()))),
        ca.answer(hours=-1),
    ):
        ca.body = body
        assert (await responders.status(ca.wanted())).state is CertificateState.FAILED


async def test_the_next_responder_is_asked_when_one_is_away(ca, responders) -> None:
    ca.answer()
    assert (await responders.status(ca.wanted("http://127.0.0.1:9/", ca.url))).state is CertificateState.GOOD
    assert (await responders.status(ca.wanted("no url", "ftp://x/"))).state is CertificateState.FAILED


@pytest.mark.parametrize(
    "changes", [{"hash_algorithm": "MD5"}, {"serial_number": "xyz"}, {"issuer_name_hash": "zz"}, {"serial_number": ""}]
)
async def test_a_question_that_makes_no_sense_is_not_asked(ca, responders, changes) -> None:
    assert (await responders.status(ca.wanted(**changes))).state is CertificateState.FAILED


async def test_private_addresses_are_not_asked_for_stations(ca) -> None:
    ca.answer()
    async with Egress(allow_http=True, timeout_s=30).client() as http:
        assert (await Responders(http, SystemClock(), [ca.root]).status(ca.wanted())).state is CertificateState.FAILED


def test_no_file_names_no_ca() -> None:
    assert read_authorities("") == []
