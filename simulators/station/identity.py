"""What a station proves itself with over TLS: the CA that it trusts, its key pair, and the certificate it was given."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(slots=True)
class Identity:
    """`trusted` is the PEM of the CA that the central system's certificate comes from."""

    trusted: str
    chain: str | None = None
    """The certificate in use and its CA, as PEM."""
    _key: ec.EllipticCurvePrivateKey | None = None
    _next_key: ec.EllipticCurvePrivateKey | None = None

    def request(self, serial_number: str) -> str:
        """Make a new key pair; the request for its certificate as PEM."""
        self._next_key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial_number)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self._next_key, SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    def install(self, chain: str) -> bool:
        """Take a certificate into use, if it fits the last request."""
        try:
            leaf, *_ = x509.load_pem_x509_certificates(chain.encode())
        except ValueError:
            return False
        if self._next_key is None or leaf.public_key() != self._next_key.public_key():
            return False
        self.chain, self._key, self._next_key = chain, self._next_key, None
        return True

    def context(self) -> ssl.SSLContext:
        """For a connection: trusts the CA, and shows the certificate where there is one."""
        context = ssl.create_default_context(cadata=self.trusted)
        if self.chain is not None and self._key is not None:
            key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            with TemporaryDirectory() as folder:
                path = Path(folder, "identity.pem")
                path.touch(mode=0o600)
                path.write_text(self.chain + key)
                context.load_cert_chain(path)
        return context
