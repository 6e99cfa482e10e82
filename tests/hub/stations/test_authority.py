"""What our CA signs and what it does not, and what it puts into a certificate."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from hub.stations.authority import issue, make_authority, read_request
from kit.errors import InvalidInput

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def request_of(key, name: str = "WHATEVER") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
    return made.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP224R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa1024", "p224", "ed25519"],
)
def test_weak_and_unknown_keys_are_not_signed(key) -> None:
    with pytest.raises(InvalidInput):
        read_request(request_of(key))


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())], ids=["rsa2048", "p384"]
)
def test_a_certificate_bears_the_stations_id_whatever_it_asked_for(key) -> None:
    pem, sealed = make_authority("Operator", now=NOW)
    authority, ca_key = x509.load_pem_x509_certificate(pem.encode()), load_pem_private_key(sealed, None)
    request = read_request(request_of(key, "SOMEBODY ELSE"))
    issued = issue(authority, ca_key, "CS|1", request, now=NOW, validity=timedelta(days=10))
    leaf, root = x509.load_pem_x509_certificates(issued.chain.encode())
    assert [name.value for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["CS|1"]
    leaf.verify_directly_issued_by(root)
    assert root == authority
    assert leaf.public_key() == key.public_key()
    assert issued.expires_at == NOW + timedelta(days=10)
    assert issued.fingerprint == leaf.fingerprint(SHA256()).hex()
    assert len(issued.chain) < 10_000


def test_a_request_that_was_changed_on_the_way_is_not_signed() -> None:
    der = bytearray(
        x509.load_pem_x509_csr(request_of(ec.generate_private_key(ec.SECP256R1())).encode()).public_bytes(Encoding.DER)
    )
    der[der.index(b"WHATEVER")] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(InvalidInput):
        read_request(pem)


def test_no_certificate_outlives_its_ca() -> None:
    pem, sealed = make_authority("Operator", now=NOW)
    authority, ca_key = x509.load_pem_x509_certificate(pem.encode()), load_pem_private_key(sealed, None)
    request = read_request(request_of(ec.generate_private_key(ec.SECP256R1())))
    issued = issue(authority, ca_key, "CS-1", request, now=NOW, validity=timedelta(days=40_000))
    assert issued.expires_at == authority.not_valid_after_utc
