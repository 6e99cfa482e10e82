"""Who may meet whom: the most specific term decides, for money and for privacy alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.parties.agreements import ANY, EVERYTHING, Agreements, Term, grants

CPOS, EMSPS = ("BE*CPO", "FR*CPO", "NL*PLB"), ("DE*EMS", "AT*EMS", "NL*PLB")

pairs = st.builds(Term, st.sampled_from([*CPOS, ANY]), st.sampled_from([*EMSPS, ANY]), st.booleans())
objects = st.builds(
    Term,
    st.sampled_from(CPOS),
    st.sampled_from([*EMSPS, ANY]),
    st.booleans(),
    st.sampled_from(["locations", "tariffs"]),
    st.sampled_from(["l1", "l2"]),
)
terms = st.lists(
    pairs | objects, max_size=12, unique_by=lambda term: (term.cpo, term.emsp, term.module, term.object_id)
)
agreed = st.builds(lambda given, default: Agreements(given, default=default), terms, st.booleans())
modules = st.sampled_from(["locations", "tariffs", "tokens"])
viewers = st.lists(st.sampled_from([*EMSPS, *CPOS, "SE*NEW"]), min_size=1, max_size=3, unique=True).map(tuple)


@pytest.mark.parametrize("default", [True, False])
def test_without_any_term_the_default_holds(default: bool) -> None:
    agreements = Agreements(default=default)
    assert agreements.may_meet("BE*CPO", "DE*EMS") is default
    assert agreements.may_meet("NL*PLB", "NL*PLB"), "a party needs no agreement with itself"
    assert (agreements.visible_owners("locations", ("DE*EMS",)) == EVERYTHING) is default


def test_the_most_specific_term_decides() -> None:
    agreements = Agreements(
        [
            Term(ANY, ANY, False),
            Term("BE*CPO", ANY, True),
            Term("BE*CPO", "DE*EMS", False),
            Term("BE*CPO", "DE*EMS", True, "locations", "l1"),
        ]
    )
    assert agreements.may_meet("BE*CPO", "AT*EMS")
    assert not agreements.may_meet("FR*CPO", "AT*EMS")
    assert not agreements.may_meet("BE*CPO", "DE*EMS")
    assert agreements.may_charge("BE*CPO", "DE*EMS", "L1")
    assert not agreements.may_charge("BE*CPO", "DE*EMS", "L2")


def test_where_two_parties_speak_for_themselves_the_no_counts() -> None:
    agreements = Agreements([Term("BE*CPO", ANY, True), Term(ANY, "DE*EMS", False)], default=True)
    assert not agreements.may_meet("BE*CPO", "DE*EMS")


def test_one_object_can_be_hidden_from_all_but_one() -> None:
    agreements = Agreements(
        [Term("BE*CPO", ANY, False, "tariffs", "t1"), Term("BE*CPO", "DE*EMS", True, "tariffs", "t1")]
    )
    assert agreements.may_see("tariffs", "BE*CPO", "T1", "DE*EMS")
    assert not agreements.may_see("tariffs", "BE*CPO", "T1", "AT*EMS")
    assert agreements.may_see("tariffs", "BE*CPO", "T2", "AT*EMS")
    assert agreements.may_see("locations", "BE*CPO", "T1", "AT*EMS")
    visible = agreements.visible_owners("tariffs", ("AT*EMS",))
    assert (visible.shows("BE*CPO", "T1"), visible.shows("BE*CPO", "T2")) == (False, True)


@given(
    agreed, modules, viewers, st.sampled_from([*CPOS, *EMSPS, "SE*NEW", "IT*NEW"]), st.sampled_from(["l1", "L2", "x"])
)
def test_a_set_of_owners_says_what_the_terms_say(
    agreements: Agreements, module: str, who: tuple[str, ...], owner: str, object_id: str
) -> None:
    visible = agreements.visible_owners(module, who)
    assert visible.shows(owner, object_id) is any(
        agreements.may_see(module, owner, object_id, viewer) for viewer in who
    )
    if visible.is_everything:
        assert visible.shows(owner, object_id)


@given(agreed, st.sampled_from(CPOS), st.sampled_from(EMSPS))
def test_cards_are_shown_where_chargers_are(agreements: Agreements, cpo: str, emsp: str) -> None:
    """Money and privacy go together: either both see something of each other or neither does."""
    assert agreements.may_see("tokens", emsp, "x", cpo) is agreements.may_meet(cpo, emsp)
    assert agreements.may_see("locations", cpo, "x", emsp) is agreements.may_meet(cpo, emsp)


@given(agreed, agreed, modules, viewers)
def test_a_change_grants_whatever_was_kept_back_and_is_shown_now(
    before: Agreements, after: Agreements, module: str, who: tuple[str, ...]
) -> None:
    old, new = before.visible_owners(module, who), after.visible_owners(module, who)
    gained = any(
        new.shows(owner, object_id) and not old.shows(owner, object_id)
        for owner in (*CPOS, *EMSPS, "SE*NEW", "IT*NEW")
        for object_id in ("l1", "l2", "x")
    )
    assert not gained or grants(old, new)
    assert not grants(old, old)


@given(terms)
def test_the_order_of_the_terms_means_nothing(given_terms: list[Term]) -> None:
    one, other = Agreements(given_terms), Agreements(reversed(given_terms))
    for cpo in CPOS:
        for emsp in EMSPS:
            assert one.may_meet(cpo, emsp) is other.may_meet(cpo, emsp)
