"""Rules as data: what each is called, where it stands in the specification, whom it is for, how it is tested."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ocpi.endpoint import Interface
from simulators.conformance.exchange import Exchange
from simulators.conformance.session import Session

Need = tuple[str, Interface]

ALL_ROLES = frozenset({"CPO", "EMSP", "NSP", "SCSP"})


class Stage(IntEnum):
    """When a rule is tested; each stage leaves the registration as the next one wants it."""

    INVITED = 0
    """With the registration token only."""
    REGISTERING = 1
    REGISTERED = 2
    CHARGING = 3
    """While the session runs that we have started, if the platform let us start one."""
    ENDING = 4
    CHARGED = 5
    """What the session has left is in the platform's lists."""
    RENEWING = 6
    LEAVING = 7
    REVIEW = 8
    """Nothing is asked any more: all that was exchanged is looked at once more."""


class Status(StrEnum):
    """What became of a rule."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    SKIPPED = "skipped"


Check = Callable[[Session], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `roles` are those that the runner must play, `needs` the endpoints that the platform must have."""

    id: str
    section: str
    title: str
    check: Check
    roles: frozenset[str]
    needs: tuple[Need, ...]
    stage: Stage


RULES: list[Rule] = []
"""All rules, in the order in which they stand in their files."""


def rule(
    id: str,
    section: str,
    title: str,
    *,
    roles: frozenset[str] = ALL_ROLES,
    needs: tuple[Need, ...] = (),
    stage: Stage = Stage.REGISTERED,
) -> Callable[[Check], Check]:
    """Register a check as a rule. Raises `ValueError` for an id that is taken."""

    def register(check: Check) -> Check:
        if any(each.id == id for each in RULES):
            raise ValueError(f"two rules are called {id}")
        RULES.append(Rule(id, section, title, check, roles, needs, stage))
        return check

    return register


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule; `detail` says what was wrong or why nothing was tested, `exchange` shows it."""

    rule: Rule
    status: Status
    detail: str = ""
    exchange: Exchange | None = None

    def as_json(self) -> dict[str, object]:
        """The verdict for scripts."""
        return {
            "id": self.rule.id,
            "section": self.rule.section,
            "title": self.rule.title,
            "status": self.status.value,
            "detail": self.detail,
            "evidence": self.exchange.as_json() if self.exchange else None,
        }
