"""A partner that does not answer is left alone, and tried again."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.tokens.circuit import FAILURES, PAUSE_S, Circuit, Way


def test_who_keeps_failing_is_left_alone_and_tried_by_one_question() -> None:
    circuit = Circuit()
    for _ in range(FAILURES):
        assert circuit.way(100.0) is Way.ASK
        circuit = circuit.failed(100.0)
    assert circuit.way(100.0 + PAUSE_S - 1) is Way.SKIP
    assert circuit.way(100.0 + PAUSE_S) is Way.TRY
    tried = circuit.tried(100.0 + PAUSE_S)
    assert tried.way(101.0 + PAUSE_S) is Way.SKIP, "the others do not wait for the trial"
    assert tried.answered().way(101.0 + PAUSE_S) is Way.ASK
    assert tried.failed(101.0 + PAUSE_S).way(100.0 + 2 * PAUSE_S) is Way.SKIP


class Life(RuleBasedStateMachine):
    """Whatever happens, a partner is asked until it failed often enough, and never forgotten for good."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now_s, self.in_a_row = Circuit(), 0.0, 0

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(answers=st.booleans())
    def ask(self, answers: bool) -> None:
        way = self.circuit.way(self.now_s)
        if way is Way.SKIP:
            return
        if way is Way.TRY:
            self.circuit = self.circuit.tried(self.now_s)
        self.in_a_row = 0 if answers else self.in_a_row + 1
        self.circuit = self.circuit.answered() if answers else self.circuit.failed(self.now_s)

    @invariant()
    def is_asked_or_comes_back(self) -> None:
        assert (self.circuit.way(self.now_s) is Way.ASK) is (self.in_a_row < FAILURES)
        assert self.circuit.way(self.now_s + PAUSE_S) is not Way.SKIP


Life.TestCase.settings = settings(stateful_step_count=20)
TestLife = Life.TestCase
