"""OCPP-J frames: bytes on the wire to calls, results and errors, and back (OCPP-J 1.6 section 4, OCPP 2.0.1 part 4).

`decode` gives a frame or raises `FrameError`, whatever the bytes are; the error knows what to answer, if anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
MAX_ID_LENGTH = 36
_MAX_ACTION_LENGTH = 64
_MAX_DESCRIPTION_LENGTH = 255


@dataclass(frozen=True, slots=True)
class FrameRules:
    """Where the versions differ: the words for a malformed frame, and the id that answers a frame without one.

    None says that such a frame is ignored.
    """

    malformed: str
    unreadable_id: str | None
    unreadable: str
    unknown_type: str | None


RULES_16 = FrameRules("FormationViolation", None, "FormationViolation", None)
RULES_2 = FrameRules("FormatViolation", "-1", "RpcFrameworkError", "MessageTypeNotSupported")


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


Frame = Call | Result | Failure


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
    if kind == CALL and isinstance(kind, int):
        return _call(call_id, message, rules)
    if kind == CALL_RESULT and isinstance(kind, int):
        if len(message) == 3 and isinstance(message[2], dict):
            return Result(call_id, message[2])
        return Failure(call_id, rules.malformed, "a malformed result")
    if kind == CALL_ERROR and isinstance(kind, int):
        return Failure(call_id, _text(message, 2, "GenericError", 64), _text(message, 3, "", _MAX_DESCRIPTION_LENGTH))
    answer = encode_error(call_id, rules.unknown_type, "unknown message type") if rules.unknown_type else None
    raise FrameError("unknown message type", answer)


def _call(call_id: str, message: list[Any], rules: FrameRules) -> Call:
    if len(message) != 4:
        description = "a call has four elements"
    elif not isinstance(message[2], str) or not 0 < len(message[2]) <= _MAX_ACTION_LENGTH:
        description = "the action is no name"
    elif not isinstance(message[3], dict):
        description = "the payload is no object"
    else:
        return Call(call_id, message[2], message[3])
    raise FrameError(description, encode_error(call_id, rules.malformed, description))


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


def _exact(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"no JSON value: {type(value).__name__}")
