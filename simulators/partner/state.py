"""What a simulated partner knows: its own objects, what it was sent, and who the hub is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ocpi.endpoint import Interface

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message that came in, in the order of arrival."""

    verb: str
    module: str
    path: tuple[str, ...]
    body: Json | None
    correlation_id: str


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
    results: dict[str, Json] = field(default_factory=dict)
    """CommandResults by the id in our `response_url`."""
    pushed: list[Pushed] = field(default_factory=list)
    authorizations: int = 0
    """How often a token of ours was asked about."""
    asked_under: list[str] = field(default_factory=list)
    """The correlation ids of these questions."""
    registration_tokens: set[str] = field(default_factory=set)
    link: Link | None = None
    online: bool = True
    authorize_delay_s: float = 0.0

    def as_json(self) -> Json:
        """What the control API shows: everything but the secrets."""
        return {
            "online": self.online,
            "registered": self.link is not None,
            "hub_roles": self.link.roles if self.link else [],
            "locations": self.locations,
            "tariffs": self.tariffs,
            "tokens": self.tokens,
            "sessions": self.sessions,
            "cdrs": self.cdrs,
            "results": self.results,
            "authorizations": self.authorizations,
            "pushed": [
                {"verb": each.verb, "module": each.module, "path": list(each.path), "body": each.body}
                for each in self.pushed
            ],
        }
