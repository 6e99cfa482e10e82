"""TLS of the listener: the certificate files, read again when they change, and the CAs whose stations are let in.

A station may show a certificate (security profile 3); one that shows none has its password (profile 2). A certificate
that none of the CAs has issued ends the handshake.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path

from kit.log import get

log = get("csms.tls")


class Tls:
    """The context of a TLS listener. Raises `OSError` or `ssl.SSLError` for files that cannot be used."""

    def __init__(self, certificate: Path, key: Path, *, authorities: Sequence[str] = ()) -> None:
        """`certificate` holds the whole chain; `authorities` are PEM texts, each of one or more CA certificates."""
        self._files = (certificate, key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._read_at = self._changed_at()
        self.context.load_cert_chain(certificate, key)
        if authorities:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.context.load_verify_locations(cadata="\n".join(authorities))

    def reload(self) -> bool:
        """Read the files again if they have changed; connections that stand are not touched.

        What cannot be used is left, and tried again the next time: files are replaced one after the other.
        """
        try:
            changed_at = self._changed_at()
            if changed_at == self._read_at:
                return False
            # A trial first: a key that does not fit would leave the listener without any.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError):
            log.exception("csms certificate not read")
            return False
        self._read_at = changed_at
        log.info("csms certificate read again")
        return True

    def _changed_at(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._files)
