"""Certificates for stations: what a request for one must be like, our own CA, and the port for another one.

The subject is ours to say: whatever a station asks for, its certificate bears the id under which it is connected. Keys
are what OCPP's security profile 3 allows: RSA from 2048 bits on, or an elliptic curve from 256 bits on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy.exc import IntegrityError

from hub.stations.certificate_tables import Authority
from kit.crypto import KeyRing
from kit.errors import InvalidInput
from kit.tx import Database, Tx

_PURPOSE = "station-authority"
_CA_LIFETIME = timedelta(days=365 * 20)
_BACKDATED = timedelta(hours=1)
"""Clocks of stations are slow: a certificate is good from a little before it was made."""
_SMALLEST_RSA_BITS, _SMALLEST_EC_BITS = 2048, 256


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued: the chain to install, the leaf first, as PEM, and how it is known here."""

    chain: str
    fingerprint: str
    expires_at: datetime


class Signer(Protocol):
    """A CA for stations: our own, or one that is asked elsewhere."""

    async def sign(self, station_id: str, request: x509.CertificateSigningRequest) -> Issued:
        """Issue a certificate with the station's id as its common name."""
        ...


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """Our own CA, whose key is kept under the key ring. It is made when it is first needed."""

    db: Database
    keys: KeyRing
    operator: str
    validity: timedelta

    async def sign(self, station_id: str, request: x509.CertificateSigningRequest) -> Issued:
        """Issue a certificate."""
        row = await self._row()
        key = load_pem_private_key(self.keys.decrypt(_PURPOSE, row.sealed_key), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key of the CA is of another kind")
        authority = x509.load_pem_x509_certificate(row.certificate.encode())
        return issue(authority, key, station_id, request, now=self.db.clock.now(), validity=self.validity)

    async def certificate(self) -> str:
        """The CA's own certificate as PEM."""
        return (await self._row()).certificate

    async def _row(self) -> Authority:
        async with self.db.read() as tx:
            row = await tx.get(Authority, 1)
        if row is not None and self.keys.is_current(row.sealed_key):
            return row
        try:
            async with self.db.tx() as tx:
                return await self._made(tx)
        except IntegrityError:  # another process was faster
            async with self.db.tx() as tx:
                return await self._made(tx)

    async def _made(self, tx: Tx) -> Authority:
        row = await tx.get(Authority, 1)
        if row is None:
            certificate, key = make_authority(self.operator, now=tx.now)
            sealed = self.keys.encrypt(_PURPOSE, key)
            row = Authority(id=1, certificate=certificate, sealed_key=sealed, created_at=tx.now)
        elif not self.keys.is_current(row.sealed_key):
            row.sealed_key = self.keys.encrypt(_PURPOSE, self.keys.decrypt(_PURPOSE, row.sealed_key))
        tx.add(row)
        await tx.flush()
        return row


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A station's request for a certificate. Raises `InvalidInput` for one that is not to be signed."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        is_signed = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise InvalidInput("this is no certificate signing request") from None
    if not is_signed:
        raise InvalidInput("the request is not signed with its own key")
    strong_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA_BITS
    strong_ec = isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _SMALLEST_EC_BITS
    if not (strong_rsa or strong_ec):
        raise InvalidInput("the key is too weak, or of a kind that OCPP does not know")
    return request


def make_authority(operator: str, *, now: datetime) -> tuple[str, bytes]:
    """A new CA: its certificate as PEM, and its private key as unencrypted PEM. A secret."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, "Charging station CA"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return _pem(certificate), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issue(
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    station_id: str,
    request: x509.CertificateSigningRequest,
    *,
    now: datetime,
    validity: timedelta,
) -> Issued:
    """A client certificate for a station and the key in its request; never beyond the CA's own end."""
    expires_at = min(now + validity, authority.not_valid_after_utc)
    organization = authority.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    name = x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, station_id)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(expires_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    chain = _pem(certificate) + _pem(authority)
    return Issued(chain, certificate.fingerprint(SHA256()).hex(), certificate.not_valid_after_utc)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
