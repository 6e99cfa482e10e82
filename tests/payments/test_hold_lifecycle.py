"""The life of a hold as a table: no illegal move, and the ends are ends."""

from hypothesis import given
from hypothesis import strategies as st

from kit.money import Money
from payments.errors import DeclineReason
from payments.hold_lifecycle import Happening, HoldState, Step, Wish, advance, next_step, seen
from payments.psp import Payment, PaymentState

STATES, HAPPENINGS = st.sampled_from(HoldState), st.sampled_from(Happening)
LEGAL = {
    HoldState.REQUESTED: set(HoldState) - {HoldState.REQUESTED},
    HoldState.NEEDS_ACTION: set(HoldState) - {HoldState.REQUESTED, HoldState.NEEDS_ACTION},
    HoldState.HELD: {HoldState.UNKNOWN, HoldState.CAPTURED, HoldState.VOIDED, HoldState.EXPIRED},
    HoldState.UNKNOWN: set(HoldState) - {HoldState.REQUESTED, HoldState.UNKNOWN},
}


@given(STATES, HAPPENINGS)
def test_no_move_is_illegal(state: HoldState, happening: Happening) -> None:
    after = advance(state, happening)
    assert after is state or after in LEGAL.get(state, set())


@given(st.lists(HAPPENINGS))
def test_an_end_is_never_left(happenings: list[Happening]) -> None:
    state, end = HoldState.REQUESTED, None
    for happening in happenings:
        state = advance(state, happening)
        end = end or (state if state.is_over else None)
        assert end is None or state is end


@given(st.lists(HAPPENINGS))
def test_unknown_is_never_an_end_and_any_answer_leads_out_of_it(happenings: list[Happening]) -> None:
    state = HoldState.REQUESTED
    for happening in happenings:
        state = advance(state, happening)
    if state is HoldState.UNKNOWN:
        assert not state.is_over
        for answer in set(Happening) - {Happening.ANSWER_LOST}:
            assert advance(state, answer) is not HoldState.UNKNOWN


@given(STATES, HAPPENINGS)
def test_what_happens_twice_happens_once(state: HoldState, happening: Happening) -> None:
    once = advance(state, happening)
    assert advance(once, happening) is once


@given(STATES, st.sampled_from(Wish), st.integers(0, 9000), st.integers(0, 9000))
def test_what_is_done_next_is_possible_there(state: HoldState, wish: Wish, owed: int, captured: int) -> None:
    step = next_step(state, wish, owed_minor=owed, captured_minor=captured)
    if step is Step.CAPTURE:
        assert state is HoldState.HELD
        assert owed > 0
    if step is Step.VOID:
        assert state in (HoldState.HELD, HoldState.NEEDS_ACTION)
    if step is Step.OWE:
        assert state.is_over
        assert owed > captured
    if state in (HoldState.UNKNOWN, HoldState.REQUESTED):
        assert step is Step.NOTHING, "nothing is sent before it is known what became of the last order"
    if wish is Wish.KEEP:
        assert step is Step.NOTHING


@given(STATES.filter(lambda state: not state.is_over), st.sampled_from([Wish.RELEASE, Wish.SETTLE]), st.integers(0, 90))
def test_a_hold_that_is_known_to_stand_never_just_stays(state: HoldState, wish: Wish, owed: int) -> None:
    step = next_step(state, wish, owed_minor=owed, captured_minor=0)
    assert (step is Step.NOTHING) == (state in (HoldState.UNKNOWN, HoldState.REQUESTED))


@given(STATES, st.integers(1, 90), st.integers(0, 90))
def test_a_payment_is_taken_once_it_stands_and_is_never_a_debt(state: HoldState, owed: int, captured: int) -> None:
    step = next_step(state, Wish.TAKE, owed_minor=owed, captured_minor=captured)
    assert step is (Step.CAPTURE if state is HoldState.HELD else Step.NOTHING)


@given(st.sampled_from(PaymentState), st.booleans(), st.none() | st.sampled_from(DeclineReason), st.booleans())
def test_a_payment_that_holds_money_is_never_read_as_an_end(
    state: PaymentState, expired: bool, decline: DeclineReason | None, card_given: bool
) -> None:
    nothing = Money.zero("EUR")
    payment = Payment("pi_1", state, nothing, nothing, expired=expired, decline=decline)
    happening = seen(payment, card_given=card_given)
    if state is PaymentState.HELD:
        assert happening is Happening.HELD
    if happening in (Happening.VOIDED, Happening.EXPIRED):
        assert state is PaymentState.CANCELED
    if happening is Happening.FAILED:
        assert card_given
        assert decline is not None
