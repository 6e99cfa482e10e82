"""How much one platform may ask of us at a time."""

import pytest

from hub.parties.agreeing import Agreements
from hub.parties.callers import Caller
from hub.parties.directory import Peer
from hub.parties.gate import Gate
from kit.clock import ManualClock
from kit.rates import BURST_S
from ocpi.errors import TooManyRequests


def caller(name: str) -> Caller:
    peer = Peer(
        id=name,
        name=name,
        status="CONNECTED",
        version=None,
        versions_url=None,
        endpoints={},
        parties=(),
        credentials_token=None,
    )
    return Caller(peer, "token", registers=False, agreements=Agreements())


def ask(gate: Gate, who: Caller, times: int) -> int:
    done = 0
    for _ in range(times):
        try:
            gate.enter(who)
        except TooManyRequests:
            continue
        gate.leave(who)
        done += 1
    return done


def test_a_rate_with_room_for_bursts_for_each_platform() -> None:
    clock = ManualClock()
    gate, one, other = Gate(clock.monotonic, per_second=10, at_once=0), caller("one"), caller("other")
    burst = int(10 * BURST_S)
    assert ask(gate, one, 1000) == burst
    assert ask(gate, other, 1000) == burst
    clock.advance(1)
    assert ask(gate, one, 1000) == 10
    clock.advance(1000)
    assert ask(gate, one, 1000) == burst


def test_who_is_refused_is_told_when_there_will_be_room() -> None:
    clock = ManualClock()
    gate, one = Gate(clock.monotonic, per_second=0.1, at_once=0), caller("one")
    assert ask(gate, one, 5) == 1
    with pytest.raises(TooManyRequests) as refused:
        gate.enter(one)
    clock.advance(float(refused.value.headers["Retry-After"]))
    gate.enter(one)


def test_so_many_at_a_time() -> None:
    gate, one = Gate(ManualClock().monotonic, per_second=0, at_once=2), caller("one")
    gate.enter(one)
    gate.enter(one)
    with pytest.raises(TooManyRequests):
        gate.enter(one)
    gate.enter(caller("other"))
    gate.leave(one)
    gate.enter(one)
