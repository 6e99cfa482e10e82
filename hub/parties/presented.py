"""The Authorization header that each partner expects of us, decrypted once."""

from hub.parties.directory import Peer
from hub.parties.outbox import Refused
from kit.crypto import KeyRing
from ocpi.headers import authorization

SECRET_PURPOSE = "ocpi-credentials"  # noqa: S105 - the purpose of an encryption, not a secret
MOST = 10_000


class Presented:
    """Tokens and headers by ciphertext, so that a renewed registration is another entry; and whose each is."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._known: dict[tuple[str, bool], tuple[str, str]] = {}
        self._owners: dict[str, str] = {}

    def header(self, peer: Peer) -> str:
        """The Authorization header for a partner. Raises `Refused` for one that has not registered."""
        return self._of(peer)[1]

    def token(self, peer: Peer) -> str:
        """The token for a partner. Raises `Refused` for one that has not registered."""
        return self._of(peer)[0]

    def owner(self, header: str | None) -> str | None:
        """The platform that a header is for; None for one that was not made here."""
        return None if header is None else self._owners.get(header)

    def _of(self, peer: Peer) -> tuple[str, str]:
        if peer.credentials_token is None or not peer.is_registered:
            raise Refused("the partner is not registered")
        slot = (peer.credentials_token, peer.encode_token)
        known = self._known.get(slot)
        if known is None:
            if len(self._known) >= MOST:
                self._known.clear()
                self._owners.clear()
            token = self._keys.decrypt(SECRET_PURPOSE, peer.credentials_token).decode()
            known = self._known[slot] = token, authorization(token, encode=peer.encode_token)
            self._owners[known[1]] = peer.id
        return known
