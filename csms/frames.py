"""OCPP-J frames: bytes on the wire to calls, results and errors, and back (OCPP-J 1.6 section 4, OCPP 2.0.1 part 4).

`decode` gives a frame or raises `FrameError`, whatever the bytes are; the error knows what to answer, if anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
MAX_ID_LENGTH = 36
_DEEPEST = 65
"""Arrays and objects within each other, the frame's own among them."""
_TOO_DEEP = "nested too deeply"
_MAX_ACTION_LENGTH = 64
_MAX_DESCRIPTION_LENGTH = 255


@dataclass(frozen=True, slots=True)
class FrameRules:
    """Where the versions differ: the words for a malformed frame, and the id that answers a frame without one.

    None says that such a frame is ignored. `has_sends`: requests without an answer, and errors that answer an answer.
    """

    malformed: str
    unreadable_id: str | None
    unreadable: str
    unknown_type: str | None
    has_sends: bool = False


RULES_16 = FrameRules("FormationViolation", None, "FormationViolation", None)
RULES_2 = FrameRules("FormatViolation", "-1", "RpcFrameworkError", "MessageTypeNotSupported")
RULES_21 = replace(RULES_2, has_sends=True)


class Call(NamedTuple):
    """A request."""

    id: str
    action: str
    payload: dict[str, Any]


class Result(NamedTuple):
    """The answer to a request."""

    id: str
    payload: dict[str, Any]


class Failure(NamedTuple):
    """The error that answers a request; also what a malformed answer with a readable id becomes."""

    id: str
    code: str
    description: str


class Send(NamedTuple):
    """A request that is not answered, whatever comes of it (OCPP 2.1)."""

    id: str
    action: str
    payload: dict[str, Any]


class Complaint(NamedTuple):
    """The station could not use our answer to its request (OCPP 2.1, CALLRESULTERROR)."""

    id: str
    code: str
    description: str


Frame = Call | Result | Failure | Send | Complaint


class FrameError(Exception):
    """A message that is no frame. `answer` is the error to send back, None when it is to be ignored."""

    def __init__(self, description: str, answer: bytes | None) -> None:
        super().__init__(description)
        self.answer = answer


def decode(data: bytes | str, rules: FrameRules) -> Frame:
    """The frame in a WebSocket message. Raises `FrameError`, and nothing else."""
    try:
        message = orjson.loads(data)
    except ValueError:
        raise _unreadable("not JSON", rules) from None
    if not isinstance(message, list) or len(message) < 2:
        raise _unreadable("no array of a type and an id", rules)
    kind, call_id = message[0], message[1]
    if not isinstance(call_id, str) or not call_id:
        raise _unreadable("no message id", rules)
    if len(call_id) > MAX_ID_LENGTH:
        raise _long_id(call_id, rules)
    if _is_too_deep(data, message):
        return _refused(kind, call_id, rules)
    if kind == CALL and isinstance(kind, int):
        return _call(call_id, message, rules)
    if kind == CALL_RESULT and isinstance(kind, int):
        if len(message) == 3 and isinstance(message[2], dict):
            return Result(call_id, message[2])
        return Failure(call_id, rules.malformed, "a malformed result")
    if kind == CALL_ERROR and isinstance(kind, int):
        return Failure(call_id, *_error(message))
    if rules.has_sends and kind == SEND and isinstance(kind, int):
        return _send(call_id, message)
    if rules.has_sends and kind == CALL_RESULT_ERROR and isinstance(kind, int):
        return Complaint(call_id, *_error(message))
    answer = encode_error(call_id, rules.unknown_type, "unknown message type") if rules.unknown_type else None
    raise FrameError("unknown message type", answer)


def _is_too_deep(data: bytes | str, message: list[Any]) -> bool:
    """Whether it is nested deeper than can be written again. Few have enough brackets to be looked at."""
    opened = data.count("[") + data.count("{") if isinstance(data, str) else data.count(b"[") + data.count(b"{")
    return opened > _DEEPEST and _goes_deeper(message, _DEEPEST)


def _goes_deeper(node: list[Any] | dict[str, Any], left: int) -> bool:
    if left == 0:
        return True
    inner = node.values() if isinstance(node, dict) else node
    return any(_goes_deeper(each, left - 1) for each in inner if isinstance(each, list | dict))


def _refused(kind: object, call_id: str, rules: FrameRules) -> Frame:
    if kind == CALL_RESULT:
        return Failure(call_id, rules.malformed, _TOO_DEEP)
    raise FrameError(_TOO_DEEP, encode_error(call_id, rules.malformed, _TOO_DEEP) if kind == CALL else None)


def _call(call_id: str, message: list[Any], rules: FrameRules) -> Call:
    fault = _fault_of_request(message)
    if fault is not None:
        raise FrameError(fault, encode_error(call_id, rules.malformed, fault))
    return Call(call_id, message[2], message[3])


def _send(call_id: str, message: list[Any]) -> Send:
    fault = _fault_of_request(message)
    if fault is not None:
        raise FrameError(fault, None)
    return Send(call_id, message[2], message[3])


def _fault_of_request(message: list[Any]) -> str | None:
    if len(message) != 4:
        return "a request has four elements"
    if not isinstance(message[2], str) or not 0 < len(message[2]) <= _MAX_ACTION_LENGTH:
        return "the action is no name"
    return None if isinstance(message[3], dict) else "the payload is no object"


def _error(message: list[Any]) -> tuple[str, str]:
    return _text(message, 2, "GenericError", 64), _text(message, 3, "", _MAX_DESCRIPTION_LENGTH)


def _unreadable(description: str, rules: FrameRules) -> FrameError:
    if rules.unreadable_id is None:
        return FrameError(description, None)
    return FrameError(description, encode_error(rules.unreadable_id, rules.unreadable, description))


def _long_id(call_id: str, rules: FrameRules) -> FrameError:
    description = f"the message id is longer than {MAX_ID_LENGTH} characters"
    answer_id = rules.unreadable_id or call_id[:MAX_ID_LENGTH]
    return FrameError(description, encode_error(answer_id, rules.unreadable, description))


def _text(message: list[Any], index: int, default: str, longest: int) -> str:
    value = message[index] if index < len(message) else default
    return value[:longest] if isinstance(value, str) and value else default


def encode_call(call_id: str, action: str, payload: Mapping[str, Any]) -> bytes:
    """A request as bytes of UTF-8. `Decimal` values are written digit for digit."""
    return orjson.dumps([CALL, call_id, action, payload], default=_exact)


def encode_result(call_id: str, payload: Mapping[str, Any]) -> bytes:
    """An answer."""
    return orjson.dumps([CALL_RESULT, call_id, payload], default=_exact)


def encode_error(call_id: str, code: str, description: str) -> bytes:
    """An error as the answer to a request; the description is cut to what the protocol allows."""
    return orjson.dumps([CALL_ERROR, call_id, code, description[:_MAX_DESCRIPTION_LENGTH], {}])


def encode_complaint(call_id: str, code: str, description: str) -> bytes:
    """An error that tells the station what is wrong with its answer to a request of ours (OCPP 2.1)."""
    return orjson.dumps([CALL_RESULT_ERROR, call_id, code, description[:_MAX_DESCRIPTION_LENGTH], {}])


def _exact(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"no JSON value: {type(value).__name__}")
