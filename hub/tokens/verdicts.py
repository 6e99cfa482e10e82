"""The question about a card and the answers to it. Pure."""

from dataclasses import dataclass
from typing import Any

from hub.parties.agreements import ANY
from hub.tokens.whitelist import Verdict
from ocpi.v221.tokens import LocationReferences

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A token that was presented, and where. `token_type` is OCPI's; `asker` a platform that must not be asked back.

    `cpos` are the parties, `CC*PID`, one of which the charger belongs to: eMSPs without an agreement are not asked.
    `emsp` is the party of ours that the question is addressed to, which answers for itself alone.
    """

    uid: str
    token_type: str
    place: LocationReferences | None = None
    asker: str | None = None
    cpos: tuple[str, ...] = (ANY,)
    emsp: str | None = None

    @property
    def location_id(self) -> str | None:
        """The location, where the question names one."""
        return self.place.location_id if self.place else None


@dataclass(frozen=True, slots=True)
class Authorization:
    """The verdict on a token. `token` is the eMSP's Token object, None for one that nobody knows.

    `info` is the eMSP's AuthorizationInfo as it came, when it was asked. `stored`: the token is in what the hub shows
    to CPOs, so that its owner is no news to who asked.
    """

    verdict: Verdict
    token: Json | None = None
    auth_method: str = "AUTH_REQUEST"
    reference: str | None = None
    place: LocationReferences | None = None
    info: Json | None = None
    stored: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the driver may charge."""
        return self.verdict is Verdict.ALLOWED

    @property
    def emsp(self) -> str | None:
        """`CC*PID` of the eMSP whose token it is."""
        return owner_of(self.token) if self.token else None

    @property
    def cdr_token(self) -> Json | None:
        """The CdrToken for a session of this driver."""
        return cdr_token(self.token) if self.token else None


UNKNOWN = Authorization(Verdict.NOT_ALLOWED)
"""The answer of who does not know the token."""


def owner_of(token: Json) -> str:
    """`CC*PID` of a token's eMSP."""
    return f"{token['country_code']}*{token['party_id']}".upper()


def cdr_token(body: Json) -> Json:
    """What sessions and CDRs carry of a token (OCPI 2.2.1, mod_cdrs, CdrToken)."""
    return {name: body[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}


def weightier(one: Authorization | None, other: Authorization | None) -> Authorization | None:
    """The answer that counts: a yes, else the no of who knows the card, else that of who does not, else any at all."""
    return max((one, other), key=_weight)


def is_final(answer: Authorization | None) -> bool:
    """Whether the eMSP knows the card and has decided: whatever others would say does not matter to its driver."""
    return answer is not None and answer.token is not None


def holds_at(allowed: LocationReferences | None, asked: LocationReferences | None) -> bool:
    """Whether an answer is about the EVSE that was asked for: it may name those alone where the driver may charge."""
    if allowed is None or asked is None or not allowed.evse_uids or not asked.evse_uids:
        return True
    named = {uid.casefold() for uid in allowed.evse_uids}
    return any(uid.casefold() in named for uid in asked.evse_uids)


def _weight(answer: Authorization | None) -> int:
    if answer is None:
        return 0
    return 3 if answer.allowed else 2 if answer.token is not None else 1
