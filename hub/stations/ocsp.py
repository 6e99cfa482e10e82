"""Asking OCSP responders for charging stations, about certificates of vehicles and of their contracts (RFC 6960).

A station that asks for one certificate gets the responder's own, signed answer and judges it. One that asks about a
chain (OCPP 2.1) takes our word: "good" is said only of an answer whose signature a CA that we know stands behind.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from csms.station import CertificateState, CertificateStatus, StatusWanted
from kit.clock import Clock
from kit.log import get

log = get(__name__)

_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_STATES = {
    ocsp.OCSPCertStatus.GOOD: CertificateState.GOOD,
    ocsp.OCSPCertStatus.REVOKED: CertificateState.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: CertificateState.UNKNOWN,
}
_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
_MOST_URLS = 3
FAILED = CertificateStatus(CertificateState.FAILED)


@dataclass(frozen=True, slots=True)
class Responders:
    """Asks responders over the guarded client; `authorities` are the CAs that are believed."""

    http: httpx.AsyncClient
    clock: Clock
    authorities: Sequence[x509.Certificate]

    async def status(self, wanted: StatusWanted) -> CertificateStatus:
        """What the first responder that answers says; FAILED when none does."""
        request = _request(wanted)
        if request is None:
            return FAILED
        for url in wanted.urls[:_MOST_URLS]:
            try:
                answer = await self.http.post(
                    url, content=request, headers={"Content-Type": "application/ocsp-request"}
                )
                answer.raise_for_status()
                return self._read(wanted, answer.content)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                log.info("ocsp responder did not answer", error=type(error).__name__)
        return FAILED

    def _read(self, wanted: StatusWanted, der: bytes) -> CertificateStatus:
        """Raises `ValueError` for what is no answer to the question."""
        answer = ocsp.load_der_ocsp_response(der)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise ValueError("the responder does not say")
        told = (answer.serial_number, answer.issuer_key_hash)
        if told != (int(wanted.serial_number, 16), bytes.fromhex(wanted.issuer_key_hash)):
            raise ValueError("the responder speaks of another certificate")
        if answer.next_update_utc is not None and answer.next_update_utc < self.clock.now():
            raise ValueError("the answer is too old")
        state = _STATES[answer.certificate_status]
        if state is CertificateState.GOOD and not _is_believed(answer, self.authorities):
            state = CertificateState.UNKNOWN
        return CertificateStatus(state, base64.b64encode(der).decode(), answer.next_update_utc)


def read_authorities(pem: str) -> list[x509.Certificate]:
    """The certificates in a PEM text. Raises `ValueError`."""
    return x509.load_pem_x509_certificates(pem.encode()) if pem.strip() else []


def _request(wanted: StatusWanted) -> bytes | None:
    algorithm = _ALGORITHMS.get(wanted.hash_algorithm)
    if algorithm is None:
        return None
    try:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            bytes.fromhex(wanted.issuer_name_hash),
            bytes.fromhex(wanted.issuer_key_hash),
            int(wanted.serial_number, 16),
            algorithm(),
        )
        return builder.build().public_bytes(Encoding.DER)
    except (ValueError, OverflowError):
        return None


def _is_believed(answer: ocsp.OCSPResponse, authorities: Sequence[x509.Certificate]) -> bool:
    """Signed by a CA that issued the certificate, or by whom it has appointed for that (RFC 6960, 4.2.2.2)."""
    for authority in authorities:
        if _key_hash(authority, answer.hash_algorithm) != answer.issuer_key_hash:
            continue
        appointed = [one for one in answer.certificates if _is_appointed(one, authority)]
        if any(_has_signed(signer, answer) for signer in (authority, *appointed)):
            return True
    return False


def _key_hash(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    # What an OCSP request for any certificate of this issuer would carry.
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, algorithm).build()
    return request.issuer_key_hash


def _is_appointed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _has_signed(signer: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    key, algorithm = signer.public_key(), answer.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True
