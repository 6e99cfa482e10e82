"""Every message of every version, damaged: it is understood or answered with a typed error, and ends nothing."""

import asyncio
import json
from random import Random
from typing import Any

import pytest

from csms.commands import CommandStatus
from csms.dialect import DIALECTS
from csms.server import Limits
from tests.csms.test_dialects import COMMANDS
from tests.csms.test_operations import BOTH, ONLY_2
from tests.fuzz import mutations
from tests.fuzz.samples import answer, sample

pytestmark = pytest.mark.anyio

SEED, EACH = 7, 12
LARGEST = Limits().max_message_bytes - 1000
EVERY = [(protocol, action) for protocol, dialect in DIALECTS.items() for action in sorted(dialect.understood)]


def is_sendable(payload: Any) -> bool:
    """Whether it is JSON, and small enough not to end its connection."""
    try:
        return len(json.dumps(payload, allow_nan=False)) < LARGEST
    except ValueError:
        return False


@pytest.mark.parametrize(("protocol", "action"), EVERY)
def test_a_sample_of_a_message_is_what_its_schema_wants(protocol: str, action: str) -> None:
    schemas = DIALECTS[protocol].schemas
    for number in range(5):
        assert schemas.is_strictly_valid_request(action, sample(protocol, action, Random(number)))


@pytest.mark.parametrize("protocol", DIALECTS)
async def test_each_damaged_message_is_answered_and_the_connection_lives(
    world, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    dialect, random = DIALECTS[protocol], Random(f"{SEED} {protocol}")
    codes = {*dialect.fault_codes.values(), "NotSupported"}
    point = await world.point(protocol=protocol)
    waiting: list[tuple[str, Any, Any]] = []
    for action in sorted(dialect.understood):
        for number in range(EACH):
            payload = sample(protocol, action, random)
            if number:
                payload = mutations.mutated(payload, random)
            if not is_sendable(payload):
                continue
            if action in dialect.schemas.sends:
                await point.raw(json.dumps([6, f"s-{number}", action, payload]))
            elif isinstance(payload, dict):
                waiting.append((action, payload, await point.send(action, payload)))
    await asyncio.wait([reply for _, _, reply in waiting], timeout=30)
    for action, payload, reply in waiting:
        frame = reply.result() if reply.done() else ["no answer", point.socket.close_code, ""]
        assert frame[0] == 3 or frame[2] in codes, f"seed {SEED}: {action} {payload} got {frame}"
    assert (await point.call("Heartbeat", {}))["currentTime"]
    assert {action for action, _, _ in waiting} == dialect.understood - dialect.schemas.sends


@pytest.mark.parametrize("protocol", DIALECTS)
async def test_each_damaged_answer_is_an_outcome(world, protocol: str) -> None:
    random, asked = Random(f"{SEED} {protocol}"), set[str]()
    point = await world.point(protocol=protocol)
    damaged: list[Any] = []

    def answered(action: str, payload: dict[str, Any]) -> Any:
        asked.add(action)
        while True:
            made = mutations.mutated(answer(protocol, action, random), random)
            if is_sendable(made):
                damaged.append((action, made))
                return made

    point.answer = answered
    for command in [*COMMANDS, *BOTH, *ONLY_2] * 3:
        outcome = await world.system.link.call("CP1", command, 10)
        assert outcome.status in set(CommandStatus) - {CommandStatus.TIMED_OUT}, f"seed {SEED}: {damaged[-1:]}"
    assert (await point.call("Heartbeat", {}))["currentTime"]
    assert len(asked) > 15
