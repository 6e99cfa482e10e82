"""One contract for both buses; NATS is a real server."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from subprocess import Popen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.bus import (
    MAX_MESSAGE_BYTES,
    Bus,
    BusMessageTooLarge,
    BusTimeout,
    BusUnavailable,
    HandlerFailed,
    NoResponders,
    connect,
    subject_token,
)
from kit.guard import NetworkInsideTx, tx_active
from kit.log import bind_correlation, correlation_id

pytestmark = pytest.mark.anyio

StartNats = Callable[..., tuple[Popen[bytes], str]]


@pytest.fixture(params=["memory", "nats"])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Bus, Bus]]:
    """Two ends of one bus: over NATS two connections, in memory twice the same."""
    if request.param == "memory":
        one = other = await connect("memory://")
    else:
        url = request.getfixturevalue("nats_url")
        one, other = await connect(url), await connect(url)
    yield one, other
    await one.close()
    await other.close()


async def echo(data: bytes) -> bytes:
    return b"echo " + data


async def received(queue: "asyncio.Queue[bytes]") -> bytes:
    async with asyncio.timeout(30):
        return await queue.get()


async def collect(bus: Bus, subject: str) -> "asyncio.Queue[bytes]":
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def put(data: bytes) -> None:
        queue.put_nowait(data)

    await bus.subscribe(subject, put)
    return queue


async def test_every_subscriber_gets_every_message_in_order(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    queues = [await collect(near, "a.b"), await collect(near, "a.b"), await collect(far, "a.b")]
    for number in range(20):
        await near.publish("a.b", b"%d" % number)
    for queue in queues:
        assert [await received(queue) for _ in range(20)] == [b"%d" % number for number in range(20)]


async def test_a_message_nobody_hears_is_lost_without_a_word(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    await near.publish("x", b"early")
    with pytest.raises(NoResponders):  # by then the bus is done with the message before it
        await near.request("nobody", b"", timeout_s=30)
    queue = await collect(far, "x")
    await collect(far, "x.y")
    await near.publish("x", b"late")
    assert await received(queue) == b"late"


async def test_a_request_gets_the_handler_s_answer(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    await far.subscribe("q", echo)
    assert await near.request("q", b"1", timeout_s=30) == b"echo 1"
    assert await near.request("q", b"", timeout_s=30) == b"echo "


async def test_the_first_of_several_answers_counts(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    release = asyncio.Event()

    async def slow(_: bytes) -> bytes:
        await release.wait()
        return b"slow"

    async def silent(_: bytes) -> None:
        return None

    await near.subscribe("q", slow)
    await far.subscribe("q", silent)
    await far.subscribe("q", echo)
    assert await near.request("q", b"1", timeout_s=30) == b"echo 1"
    release.set()


async def test_a_request_without_a_listener_fails_at_once(buses: tuple[Bus, Bus]) -> None:
    near, _ = buses
    with pytest.raises(NoResponders):
        await near.request("nobody", b"", timeout_s=30)


async def test_a_closed_subscription_hears_nothing_more(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    subscription = await far.subscribe("q", echo)
    assert await near.request("q", b"1", timeout_s=30) == b"echo 1"
    await subscription.close()
    await subscription.close()
    with pytest.raises(NoResponders):
        await near.request("q", b"", timeout_s=30)


async def test_a_handler_that_says_nothing_lets_the_request_time_out(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    await collect(far, "q")
    with pytest.raises(BusTimeout):
        await near.request("q", b"", timeout_s=0.05)


async def test_a_late_answer_does_not_reach_the_next_request(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    release = asyncio.Event()

    async def slow(data: bytes) -> bytes:
        await release.wait()
        return data

    await far.subscribe("q", slow)
    with pytest.raises(BusTimeout):
        await near.request("q", b"late", timeout_s=0.05)
    release.set()
    assert await near.request("q", b"next", timeout_s=30) == b"next"


async def test_a_failing_handler_tells_the_requester_only_that_it_failed_and_goes_on(
    buses: tuple[Bus, Bus], caplog: pytest.LogCaptureFixture
) -> None:
    near, far = buses

    async def picky(data: bytes) -> bytes:
        if data == b"bad":
            raise RuntimeError("the secret is 42")
        return data

    await far.subscribe("q", picky)
    with caplog.at_level(logging.CRITICAL), pytest.raises(HandlerFailed) as failure:
        await near.request("q", b"bad", timeout_s=30)
    assert "42" not in str(failure.value)
    await near.publish("q", b"bad")
    assert await near.request("q", b"good", timeout_s=30) == b"good"


async def test_slow_handlers_do_not_hold_up_the_messages_behind_them(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    release = asyncio.Event()

    async def handler(data: bytes) -> bytes:
        if data == b"slow":
            await release.wait()
        return data

    await far.subscribe("q", handler)
    slow = asyncio.create_task(near.request("q", b"slow", timeout_s=30))
    assert await near.request("q", b"quick", timeout_s=30) == b"quick"
    release.set()
    assert await slow == b"slow"


async def test_more_messages_than_may_run_at_once_wait_their_turn(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    running, most = 0, 0

    async def handler(data: bytes) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return data

    await far.subscribe("q", handler)
    answers = await asyncio.gather(*(near.request("q", b"%d" % n, timeout_s=20) for n in range(600)))
    assert answers == [b"%d" % n for n in range(600)]
    assert most <= 256


async def test_a_handler_sees_the_sender_s_correlation_id(buses: tuple[Bus, Bus]) -> None:
    near, far = buses

    async def tell(_: bytes) -> bytes:
        return (correlation_id.get() or "none").encode()

    with bind_correlation("the subscriber's"):
        await far.subscribe("q", tell)
    with bind_correlation("c-7"):
        assert await near.request("q", b"", timeout_s=30) == b"c-7"
    assert await near.request("q", b"", timeout_s=30) == b"none"


async def test_a_handler_may_use_the_bus(buses: tuple[Bus, Bus]) -> None:
    near, far = buses

    async def relay(data: bytes) -> bytes:
        return await far.request("inner", data, timeout_s=30)

    await near.subscribe("inner", echo)
    await far.subscribe("outer", relay)
    assert await near.request("outer", b"1", timeout_s=30) == b"echo 1"


async def test_a_cancelled_request_leaves_the_bus_in_order(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(data: bytes) -> bytes:
        begun.set()
        await release.wait()
        return data

    await far.subscribe("q", slow)
    asking = asyncio.create_task(near.request("q", b"1", timeout_s=30))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    release.set()
    assert await near.request("q", b"2", timeout_s=30) == b"2"


async def test_the_network_is_refused_inside_a_transaction(buses: tuple[Bus, Bus]) -> None:
    near, _ = buses
    token = tx_active.set(True)
    try:
        with pytest.raises(NetworkInsideTx):
            await near.request("q", b"", timeout_s=1)
        with pytest.raises(NetworkInsideTx):
            await near.publish("q", b"")
    finally:
        tx_active.reset(token)


async def test_oversized_messages_are_refused_before_they_leave(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    await far.subscribe("q", echo)
    largest = b"x" * (MAX_MESSAGE_BYTES - 5)
    assert len(await near.request("q", largest, timeout_s=30)) == MAX_MESSAGE_BYTES
    with pytest.raises(BusMessageTooLarge):
        await near.publish("q", b"x" * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(HandlerFailed):  # its answer would be too long
        await near.request("q", b"x" * MAX_MESSAGE_BYTES, timeout_s=30)


@pytest.mark.parametrize("subject", ["", "a..b", ".a", "a.", "a b", "a.*", "a.>", "a\r\nPUB", "ä"])
async def test_malformed_subjects_and_wildcards_are_refused(buses: tuple[Bus, Bus], subject: str) -> None:
    near, _ = buses
    with pytest.raises(ValueError, match="dotted tokens"):
        await near.publish(subject, b"")
    with pytest.raises(ValueError, match="dotted tokens"):
        await near.subscribe(subject, echo)
    with pytest.raises(ValueError, match="dotted tokens"):
        await near.request(subject, b"", timeout_s=1)


async def test_a_closed_bus_refuses_and_lets_nobody_wait(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    await collect(far, "q")
    asking = asyncio.create_task(near.request("q", b"", timeout_s=60))
    await asyncio.sleep(0.02)
    await near.close()
    with pytest.raises(BusUnavailable):
        await asking
    await near.close()
    with pytest.raises(BusUnavailable):
        await near.publish("q", b"")
    with pytest.raises(BusUnavailable):
        await near.subscribe("q", echo)
    with pytest.raises(BusUnavailable):
        await near.request("q", b"", timeout_s=1)


async def test_closing_lets_a_running_handler_answer(buses: tuple[Bus, Bus]) -> None:
    near, far = buses
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(data: bytes) -> bytes:
        begun.set()
        await release.wait()
        return data

    await far.subscribe("q", slow)
    asking = asyncio.create_task(near.request("q", b"1", timeout_s=30))
    await begun.wait()
    closing = asyncio.create_task(far.close())
    await asyncio.sleep(0.05)
    release.set()
    await closing
    assert await asking == b"1"


async def test_closing_cancels_a_handler_that_does_not_end(
    buses: tuple[Bus, Bus], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = buses
    monkeypatch.setattr("kit.bus.dispatch._CLOSE_GRACE_S", 0.05)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def stuck(_: bytes) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    subscription = await far.subscribe("q", stuck)
    await near.publish("q", b"")
    await begun.wait()
    await subscription.close()
    await far.close()
    assert ended.is_set()


async def test_a_handler_may_close_its_own_subscription(buses: tuple[Bus, Bus]) -> None:
    near, far = buses

    async def once(data: bytes) -> bytes:
        await subscription.close()
        return data

    subscription = await far.subscribe("q", once)
    assert await near.request("q", b"1", timeout_s=30) == b"1"


async def test_nats_comes_back_with_its_subscriptions(start_nats: StartNats) -> None:
    process, url = start_nats()
    port = int(url.rsplit(":", 1)[1])
    asker, answerer = await connect(url), await connect(url)
    try:
        await answerer.subscribe("q", echo)
        assert await asker.request("q", b"1", timeout_s=30) == b"echo 1"
        process.terminate()
        process.wait(10)
        with pytest.raises((BusTimeout, BusUnavailable)):
            await asker.request("q", b"2", timeout_s=0.2)
        await answerer.subscribe("meanwhile", echo)
        start_nats(port)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await asker.request("q", b"3", timeout_s=1) == b"echo 3"
                    assert await asker.request("meanwhile", b"4", timeout_s=1) == b"echo 4"
                    break
                except (BusTimeout, BusUnavailable, NoResponders):
                    await asyncio.sleep(0.1)
    finally:
        await asker.close()
        await answerer.close()


async def test_connecting_to_a_server_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit.bus.nats._CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(BusUnavailable):
            await connect(f"nats://127.0.0.1:{closed.getsockname()[1]}")


async def test_an_unknown_kind_of_bus_is_refused() -> None:
    with pytest.raises(ValueError, match="memory://"):
        await connect("redis://localhost")


@given(texts=st.lists(st.text(max_size=300), min_size=2, max_size=20, unique=True))
def test_different_texts_are_different_safe_tokens(texts: list[str]) -> None:
    tokens = [subject_token(text) for text in texts]
    assert len(set(tokens)) == len(texts)
    assert all(token.isascii() and 0 < len(token) <= 128 for token in tokens)
    assert not any(set(token) & set(".*> \t\r\n$") for token in tokens)


def test_readable_texts_stay_readable_as_tokens() -> None:
    assert subject_token("CP-0001_a") == "CP-0001_a"
    assert subject_token("a.b") == "a=2Eb"
    assert subject_token("") == "="
