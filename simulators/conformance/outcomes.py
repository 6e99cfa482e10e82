"""How a check ends that does not pass."""

from simulators.conformance.exchange import Exchange


class Violation(Exception):
    """The platform broke the rule. `exchange` is the request that shows it."""

    def __init__(self, what: str, exchange: Exchange | None = None) -> None:
        super().__init__(what)
        self.exchange = exchange


class NotApplicable(Exception):
    """The rule has nothing to say about this platform."""


class Skipped(Exception):
    """The rule could not be tested, and why."""
