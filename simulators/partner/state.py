"""What a simulated partner knows: its own objects, what it was sent, and who the hub is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ocpi.endpoint import Interface
from ocpi.headers import Party

Json = dict[str, Any]

MODULES = ("locations", "tariffs", "tokens", "sessions", "cdrs")
"""The modules whose objects a partner keeps."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message that came in, in the order of arrival: what it was, from whom and to whom (`CC*PID`)."""

    verb: str
    module: str
    path: tuple[str, ...]
    body: Json | None
    correlation_id: str
    sender: Party | None = None
    receiver: Party | None = None

    def as_json(self) -> Json:
        """The message for the control API."""
        return {
            "verb": self.verb,
            "module": self.module,
            "path": list(self.path),
            "body": self.body,
            "correlation_id": self.correlation_id,
            "from": str(self.sender) if self.sender else None,
            "to": str(self.receiver) if self.receiver else None,
        }


@dataclass(slots=True)
class Link:
    """The connection to the hub: its endpoints, the token that we present and the one that it presents."""

    endpoints: Mapping[tuple[str, Interface], str]
    token_out: str
    token_in: str
    versions_url: str
    roles: list[Json]


@dataclass(slots=True)
class State:
    """Everything a partner remembers. Objects are kept by id as they travel."""

    locations: dict[str, Json] = field(default_factory=dict)
    tariffs: dict[str, Json] = field(default_factory=dict)
    tokens: dict[str, Json] = field(default_factory=dict)
    sessions: dict[str, Json] = field(default_factory=dict)
    cdrs: dict[str, Json] = field(default_factory=dict)
    clients: dict[str, Json] = field(default_factory=dict)
    """Who takes part, as the hub's client info says, by `CC*PID*ROLE`."""
    results: dict[str, Json] = field(default_factory=dict)
    """CommandResults by the id in our `response_url`."""
    pushed: list[Pushed] = field(default_factory=list)
    authorizations: int = 0
    """How often a token of ours was asked about."""
    asked_under: list[str] = field(default_factory=list)
    """The correlation ids of these questions."""
    allowed: dict[str, str] = field(default_factory=dict)
    """The answer to give about a token, by uid, where its `valid` does not say enough: `NO_CREDIT`, …"""
    reservations: dict[str, Json] = field(default_factory=dict)
    """What is reserved at our chargers, as RESERVE_NOW asked, by `reservation_id`."""
    profiles: dict[str, Json] = field(default_factory=dict)
    """ChargingProfiles of our sessions, or the ActiveChargingProfiles that a CPO told, by session id."""
    preferences: dict[str, Json] = field(default_factory=dict)
    """ChargingPreferences of our sessions, by session id."""
    failures: list[str] = field(default_factory=list)
    """What could not be told to the hub, and why."""
    visits: list[str] = field(default_factory=list)
    """The modules that somebody with a token of ours came to, in the order of their coming."""
    registration_tokens: set[str] = field(default_factory=set)
    link: Link | None = None
    online: bool = True
    authorize_delay_s: float = 0.0

    def objects(self, module: str) -> dict[str, Json]:
        """The objects of a module by id. Raises `KeyError` for a module whose objects are not kept."""
        if module not in MODULES:
            raise KeyError(module)
        found: dict[str, Json] = getattr(self, module)
        return found

    def as_json(self) -> Json:
        """What the control API shows: everything but the secrets."""
        return {
            "online": self.online,
            "registered": self.link is not None,
            "hub_roles": self.link.roles if self.link else [],
            **{module: self.objects(module) for module in MODULES},
            "clients": self.clients,
            "reservations": self.reservations,
            "profiles": self.profiles,
            "preferences": self.preferences,
            "results": self.results,
            "authorizations": self.authorizations,
            "failures": self.failures,
            "pushed": [each.as_json() for each in self.pushed],
        }
