"""Frames: whatever the bytes, there is a frame or a typed error that knows its answer."""

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.frames import (
    RULES_2,
    RULES_16,
    RULES_21,
    Call,
    Complaint,
    Failure,
    FrameError,
    FrameRules,
    Result,
    Send,
    decode,
    encode_call,
    encode_error,
    encode_result,
)

BOTH = pytest.mark.parametrize("rules", [RULES_16, RULES_2], ids=["1.6", "2.x"])


def answer_of(data: bytes, rules: FrameRules) -> list[object] | None:
    with pytest.raises(FrameError) as caught:
        decode(data, rules)
    return None if caught.value.answer is None else orjson.loads(caught.value.answer)[:3]


@BOTH
def test_a_call_a_result_and_an_error_are_read(rules: FrameRules) -> None:
    assert decode(b'[2,"1","Heartbeat",{}]', rules) == Call("1", "Heartbeat", {})
    assert decode('[3,"1",{"a":1}]', rules) == Result("1", {"a": 1})
    assert decode(b'[4,"1","NotSupported","no",{}]', rules) == Failure("1", "NotSupported", "no")


def test_what_is_not_answered_is_read_where_the_version_knows_it() -> None:
    sent, complaint = b'[6,"1","NotifyPeriodicEventStream",{"id":1}]', b'[5,"1","FormatViolation","no",{}]'
    assert decode(sent, RULES_21) == Send("1", "NotifyPeriodicEventStream", {"id": 1})
    assert decode(complaint, RULES_21) == Complaint("1", "FormatViolation", "no")
    for data in (sent, complaint):
        assert answer_of(data, RULES_2) == [4, "1", "MessageTypeNotSupported"]
        assert answer_of(data, RULES_16) is None
    for broken in (b'[6,"1","NotifyPeriodicEventStream"]', b'[6,"1",["x"],{}]', b'[6,"1","X",7]'):
        assert answer_of(broken, RULES_21) is None, "nobody waits for an answer"


@BOTH
def test_errors_with_too_few_elements_are_read_all_the_same(rules: FrameRules) -> None:
    assert decode(b'[4,"1"]', rules) == Failure("1", "GenericError", "")
    assert decode(b'[4,"1",null,7]', rules) == Failure("1", "GenericError", "")


@BOTH
def test_a_malformed_result_fails_the_call_it_answers(rules: FrameRules) -> None:
    assert decode(b'[3,"1"]', rules) == Failure("1", rules.malformed, "a malformed result")
    assert decode(b'[3,"1",[]]', rules) == Failure("1", rules.malformed, "a malformed result")


@pytest.mark.parametrize(
    "data",
    [
        b"{not json",
        b"[]",
        b'{"a":1}',
        b"[2]",
        b"[2,7]",
        b'[2,""]',
        b'[2,null,"A",{}]',
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_has_no_id_is_ignored_in_1_6_and_answered_with_minus_one_in_2(data: bytes) -> None:
    assert answer_of(data, RULES_16) is None
    assert answer_of(data, RULES_2) == [4, "-1", "RpcFrameworkError"]


@pytest.mark.parametrize(
    "data",
    [
        b'[2,"x"]',
        b'[2,"x","A"]',
        b'[2,"x",["y"],{}]',
        b'[2,"x",{"y":1},{}]',
        b'[2,"x","",{}]',
        b'[2,"x","A",[]]',
        b'[2,"x","A",null]',
        b'[2,"x","A",{},1]',
    ],
)
def test_a_malformed_call_with_an_id_is_answered_in_the_words_of_the_version(data: bytes) -> None:
    assert answer_of(data, RULES_16) == [4, "x", "FormationViolation"]
    assert answer_of(data, RULES_2) == [4, "x", "FormatViolation"]


def test_an_unknown_type_is_ignored_in_1_6_and_refused_in_2() -> None:
    assert answer_of(b'[9,"x",{}]', RULES_16) is None
    assert answer_of(b'[9,"x",{}]', RULES_2) == [4, "x", "MessageTypeNotSupported"]
    assert answer_of(b'["2","x","A",{}]', RULES_2) == [4, "x", "MessageTypeNotSupported"]


def test_an_id_that_is_too_long_is_refused() -> None:
    data = orjson.dumps([2, "x" * 37, "Heartbeat", {}])
    assert answer_of(data, RULES_16) == [4, "x" * 36, "FormationViolation"]
    assert answer_of(data, RULES_2) == [4, "-1", "RpcFrameworkError"]


def test_decimals_are_written_digit_for_digit() -> None:
    assert (
        encode_call("1", "CostUpdated", {"totalCost": Decimal("1.55")}) == b'[2,"1","CostUpdated",{"totalCost":1.55}]'
    )
    assert encode_result("1", {"a": Decimal("1E+2")}) == b'[3,"1",{"a":100}]'


def test_an_error_description_is_cut_to_what_the_protocol_allows() -> None:
    assert len(orjson.loads(encode_error("1", "GenericError", "x" * 1000))[3]) == 255


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def surely_read(data: bytes | str, rules: FrameRules) -> None:
    answer: bytes | None = None
    try:
        frame = decode(data, rules)
    except FrameError as error:
        answer = error.answer
    else:
        assert isinstance(frame, Call | Result | Failure | Send | Complaint)
    assert answer is None or orjson.loads(answer)[0] == 4


@given(st.binary())
def test_any_bytes_have_a_typed_outcome(data: bytes) -> None:
    surely_read(data, RULES_16)
    surely_read(data, RULES_2)
    surely_read(data, RULES_21)


@given(st.lists(st.sampled_from([2, 3, 4, 5, 6, 2.0, True, "x", "Heartbeat", {}, [], None]) | json_values, max_size=6))
def test_any_array_has_a_typed_outcome(message: list[object]) -> None:
    try:
        data = orjson.dumps(message)
    except TypeError:
        return
    surely_read(data, RULES_16)
    surely_read(data.decode(), RULES_2)


@BOTH
def test_what_is_nested_too_deeply_is_answered_without_being_looked_at(rules: FrameRules) -> None:
    def nested(depth: int) -> str:
        return '{"a":' * depth + "1" + "}" * depth

    assert isinstance(decode(f'[2,"1","Heartbeat",{nested(64)}]'.encode(), rules), Call)
    flat = orjson.dumps([2, "1", "Heartbeat", {"a": [{} for _ in range(1000)]}])
    assert isinstance(decode(flat, rules), Call)
    for depth in (65, 300, 1000):
        with pytest.raises(FrameError) as caught:
            decode(f'[2,"1","Heartbeat",{nested(depth)}]'.encode(), rules)
        assert caught.value.answer is not None
        assert orjson.loads(caught.value.answer)[:3] == [4, "1", rules.malformed]
        assert isinstance(decode(f'[3,"1",{nested(depth)}]', rules), Failure)
