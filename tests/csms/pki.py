"""A CA for tests, a certificate for the listener, and certificates for stations."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from simulators.station.identity import Identity


class Pki:
    """Files in a folder; `authority` is the CA as PEM."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.certificate, self.key, self.authority_file = (
            folder / "server.pem",
            folder / "server.key",
            folder / "ca.pem",
        )
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test CA {id(self)}")])
        self._root = self._sign(self._name, self._key.public_key(), is_authority=True)
        self.authority = self._root.public_bytes(Encoding.PEM).decode()
        self.authority_file.write_text(self.authority)
        self.write_server()

    def write_server(self) -> None:
        """A new certificate for localhost."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        made = self._sign(_common_name("localhost"), key.public_key(), names=names)
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate.write_bytes(made.public_bytes(Encoding.PEM))

    def station(self, name: str, *, days: int = 30) -> Identity:
        """The identity of a station with a certificate of this CA."""
        identity = Identity(self.authority)
        request = x509.load_pem_x509_csr(identity.request(name).encode())
        made = self._sign(_common_name(name), request.public_key(), days=days)
        assert identity.install(made.public_bytes(Encoding.PEM).decode() + self.authority)
        return identity

    def _sign(self, subject, public_key, *, names=None, is_authority=False, days=30) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, SHA256())


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
