"""Commands and outcomes as JSON, for the way over the bus between processes. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson
from pydantic import TypeAdapter

from csms import operations
from csms.commands import (
    CancelReservation,
    Command,
    CommandOutcome,
    Operation,
    RawCall,
    Reserve,
    Reset,
    SetAvailability,
    StartCharging,
    StopCharging,
    Trigger,
    Unlock,
)

_KINDS: tuple[type[Any], ...] = (
    StartCharging,
    StopCharging,
    Unlock,
    Reset,
    Trigger,
    SetAvailability,
    Reserve,
    CancelReservation,
    RawCall,
    *(kind for kind in vars(operations).values() if isinstance(kind, type) and issubclass(kind, Operation)),
)
_COMMANDS: Mapping[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in _KINDS}
_OUTCOME = TypeAdapter(CommandOutcome)


def encode_request(command: Command, timeout_s: float) -> bytes:
    """A command on its way to the process that holds the socket. Raises `TypeError` when it is no JSON."""
    message = {"kind": type(command).__name__, "command": asdict(command), "timeout_s": timeout_s}
    return orjson.dumps(message, default=_exactly)


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


def _exactly(value: object) -> str:
    """A decimal as a text, which loses nothing. Raises `TypeError` for anything else."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
