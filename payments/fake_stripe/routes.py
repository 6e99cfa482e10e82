"""A route of the fake: a method, a path, what carries it out, and the parameters it may have."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from payments.fake_stripe.faults import Json
from payments.fake_stripe.forms import Params
from payments.fake_stripe.world import World

PAGING = "limit starting_after ending_before created"

Handler = Callable[..., Json]


@dataclass(frozen=True)
class Route:
    """`path` has `{id}` where an id stands; the handler gets the world, the parameters, and the ids in order."""

    method: str
    path: str
    handler: Handler
    params: str = ""
    allowed: frozenset[str] = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", frozenset(self.params.split()))
        object.__setattr__(self, "pattern", re.compile(self.path.replace("{id}", "([A-Za-z0-9_]+)")))

    def carry_out(self, world: World, params: Params, ids: tuple[str, ...]) -> Json:
        """Do it. Raises `Fault`."""
        params.check(self.allowed)
        return self.handler(world, params, *ids)
