"""What CDRs of a session come to depends on which there are, not on the order in which they came."""

from decimal import Decimal
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from hub.billing.cdr_set import Doubt, Told, sort

ONE, TWO = Told("c1", Decimal(8)), Told("c2", Decimal(6))
CREDIT = Told("c1-c", Decimal(-8), is_credit=True, credit_of="c1")


def test_a_credit_takes_its_cdr_back_whichever_comes_first() -> None:
    for told in permutations([ONE, TWO, CREDIT]):
        found = sort(told)
        assert (found.standing, found.credited, found.doubts) == (("c2",), {"c1": "c1-c"}, ())


def test_what_is_doubtful_is_told_and_takes_nothing_back() -> None:
    again = Told("c1-d", Decimal(-8), is_credit=True, credit_of="c1")
    of_credit = Told("x", Decimal(8), is_credit=True, credit_of="c1-c")
    lost = Told("y", Decimal(-1), is_credit=True, credit_of="nobody")
    nameless = Told("z", Decimal(-1), is_credit=True)
    found = sort([ONE, CREDIT, again, of_credit, lost, nameless])
    assert found.credited == {"c1": "c1-c"}
    assert found.doubts == (
        (Doubt.CREDITED_TWICE, "c1-d"),
        (Doubt.CREDIT_OF_CREDIT, "x"),
        (Doubt.CREDIT_OF_UNKNOWN, "y"),
        (Doubt.CREDIT_OF_UNKNOWN, "z"),
    )


def test_a_credit_of_another_amount_is_doubtful_and_still_takes_all_back() -> None:
    found = sort([ONE, Told("c1-c", Decimal(-5), is_credit=True, credit_of="c1")])
    assert (found.standing, found.doubts) == ((), ((Doubt.CREDIT_AMOUNT, "c1-c"),))
    assert sort([ONE, Told("c1-c", Decimal(8), is_credit=True, credit_of="c1")]).doubts == (), "some do not negate"


def test_a_second_cdr_that_nobody_credited_is_doubtful() -> None:
    assert sort([ONE, TWO]).doubts == ((Doubt.SEVERAL_CDRS, "c2"),)


@st.composite
def cdrs(draw: st.DrawFn) -> list[Told]:
    ids = [f"c{number}" for number in range(draw(st.integers(1, 6)))]
    return [
        Told(id, Decimal(draw(st.integers(-3, 3))), draw(st.booleans()), draw(st.sampled_from([None, *ids, "?"])))
        for id in ids
    ]


@given(cdrs(), st.randoms())
def test_the_same_is_credited_in_any_order(told: list[Told], random: object) -> None:
    turned = list(told)
    random.shuffle(turned)  # type: ignore[attr-defined]
    one, other = sort(told), sort(turned)
    assert one.credited.keys() == other.credited.keys()
    assert set(one.standing) == set(other.standing)
    assert not set(one.standing) & set(one.credited)
