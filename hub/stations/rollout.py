"""Which stations of a firmware campaign are next: by stages, so many at once, until too many have failed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class MemberState(StrEnum):
    """Where a station of a campaign is."""

    WAITING = "waiting"
    ASKED = "asked"
    INSTALLED = "installed"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing is to come any more."""
        return self in (MemberState.INSTALLED, MemberState.FAILED)


class CampaignState(StrEnum):
    """Where a campaign is. Only a running one asks stations."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Member:
    """A station of a campaign. Stages are counted from 0."""

    station_id: str
    stage: int
    state: MemberState


@dataclass(frozen=True, slots=True)
class Bounds:
    """How careful a campaign is: stations under way at once, and failures that are borne. `forgiven` do not count."""

    at_once: int
    most_failures: int
    forgiven: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: the state of the campaign, and the stations to ask now."""

    state: CampaignState
    ask: tuple[str, ...] = ()


def next_step(members: Sequence[Member], bounds: Bounds) -> Step:
    """The next step of a running campaign. A stage begins when all stations of the one before are through."""
    failures = sum(member.state is MemberState.FAILED for member in members)
    if failures - bounds.forgiven > bounds.most_failures:
        return Step(CampaignState.PAUSED)
    open_members = [member for member in members if not member.state.is_over]
    if not open_members:
        return Step(CampaignState.FINISHED)
    stage = min(member.stage for member in open_members)
    present = [member for member in open_members if member.stage == stage]
    asked = sum(member.state is MemberState.ASKED for member in present)
    waiting = [member.station_id for member in present if member.state is MemberState.WAITING]
    return Step(CampaignState.RUNNING, tuple(waiting[: max(0, bounds.at_once - asked)]))
