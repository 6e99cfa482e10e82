"""Facts about our stations."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class CertificateExpires(Event):
    """The certificate that a station uses ends soon."""

    station_id: str
    fingerprint: str

    def replace_key(self) -> str | None:
        """One certificate is told of once."""
        return self.fingerprint
