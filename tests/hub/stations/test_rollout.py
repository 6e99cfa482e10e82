"""The steps of a firmware campaign, against stations that do as they like."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hub.stations.rollout import Bounds, CampaignState, Member, MemberState, next_step

stages = st.lists(st.integers(0, 3), min_size=1, max_size=12)


@given(stages, st.integers(1, 4), st.integers(0, 3), st.lists(st.booleans(), min_size=12, max_size=12))
def test_a_campaign_is_careful_and_comes_to_an_end(
    drawn: list[int], at_once: int, most_failures: int, works: list[bool]
) -> None:
    members = {f"S{number}": Member(f"S{number}", stage, MemberState.WAITING) for number, stage in enumerate(drawn)}
    bounds = Bounds(at_once, most_failures)
    for _ in range(100):
        step = next_step(list(members.values()), bounds)
        failures = sum(member.state is MemberState.FAILED for member in members.values())
        assert (step.state is CampaignState.PAUSED) == (failures - bounds.forgiven > most_failures)
        if step.state is CampaignState.PAUSED:
            assert step.ask == ()
            bounds = Bounds(at_once, most_failures, forgiven=failures)
            continue
        if step.state is CampaignState.FINISHED:
            break
        for station_id in step.ask:
            member = members[station_id]
            assert member.state is MemberState.WAITING
            assert all(each.state.is_over for each in members.values() if each.stage < member.stage)
            members[station_id] = Member(station_id, member.stage, MemberState.ASKED)
        asked = [each for each in members.values() if each.state is MemberState.ASKED]
        assert 0 < len(asked) <= at_once
        first = asked[0]
        state = MemberState.INSTALLED if works[int(first.station_id[1:])] else MemberState.FAILED
        members[first.station_id] = Member(first.station_id, first.stage, state)
    assert all(member.state.is_over for member in members.values()), Counter(each.state for each in members.values())
