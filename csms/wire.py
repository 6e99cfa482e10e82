"""Commands and outcomes as JSON, for the way over the bus between processes. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from pydantic import TypeAdapter

from csms.station import (
    CancelReservation,
    Command,
    CommandOutcome,
    RawCall,
    Reserve,
    Reset,
    SetAvailability,
    StartCharging,
    StopCharging,
    Trigger,
    Unlock,
)

_KINDS = (StartCharging, StopCharging, Unlock, Reset, Trigger, SetAvailability, Reserve, CancelReservation, RawCall)
_COMMANDS: Mapping[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in _KINDS}
_OUTCOME = TypeAdapter(CommandOutcome)


def encode_request(command: Command, timeout_s: float) -> bytes:
    """A command on its way to the process that holds the socket. Raises `TypeError` when it is no JSON."""
    return orjson.dumps({"kind": type(command).__name__, "command": asdict(command), "timeout_s": timeout_s})


def decode_request(message: Mapping[str, Any]) -> tuple[Command, float]:
    """The command and its time-out."""
    command: Command = _COMMANDS[message["kind"]].validate_python(message["command"])
    return command, float(message["timeout_s"])


def encode_outcome(outcome: CommandOutcome) -> bytes:
    """The outcome on its way back."""
    return orjson.dumps(asdict(outcome))


def decode_outcome(data: bytes) -> CommandOutcome:
    """The outcome."""
    return _OUTCOME.validate_json(data)
