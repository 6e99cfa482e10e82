"""Idempotency keys: the same key with the same request gets the same answer again, for a day."""

from dataclasses import dataclass, field
from hashlib import sha256

from payments.fake_stripe.faults import Fault
from payments.fake_stripe.world import World

KEPT_S = 24 * 3600


@dataclass
class Answer:
    """A status and a body; None as long as the request is being carried out."""

    fingerprint: str
    created: int
    status: int | None = None
    body: bytes = b""


@dataclass
class Keys:
    """The keys of a day."""

    world: World
    _answers: dict[str, Answer] = field(default_factory=dict)

    def begin(self, key: str, method: str, path: str, form: bytes) -> Answer:
        """Take a key, or find what was answered before. Raises `Fault` for one that is used for two things."""
        if len(key) > 255:
            raise Fault("Keys for idempotent requests are at most 255 characters long.", stored=False)
        self._forget()
        fingerprint = sha256(b"%s %s\n%s" % (method.encode(), path.encode(), form)).hexdigest()
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = Answer(fingerprint, self.world.now())
            return known
        if known.fingerprint != fingerprint:
            raise Fault(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type="idempotency_error",
                stored=False,
            )
        if known.status is None:
            raise Fault(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later.",
                status=409,
                type="idempotency_error",
                code="idempotency_key_in_use",
                stored=False,
            )
        return known

    def drop(self, key: str) -> None:
        """Forget a request that never began."""
        self._answers.pop(key, None)

    def _forget(self) -> None:
        oldest = self.world.now() - KEPT_S
        for key in [key for key, answer in self._answers.items() if answer.created <= oldest]:
            del self._answers[key]
