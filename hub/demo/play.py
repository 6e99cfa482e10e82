"""Plays the demo: each journey once, or all of them gently until somebody ends it."""

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape

from hub.demo import cast
from hub.demo.children import DemoFailed
from hub.demo.journeys import (
    JOURNEYS,
    charge_here,
    objects_read_through_us,
    refused_here,
    start_abroad,
    tap_abroad,
)
from hub.demo.narrator import Narrator
from hub.demo.network import ONCE, ONWARD, Network, is_free, staged
from hub.demo.paying import app_with_3d_secure, guest_by_card
from hub.demo.proofs import Journey, Outcome
from kit import log
from kit.clock import SystemClock

HTTP_PORT, OCPP_PORT = 8000, 9000
SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDED = "ended by a signal"


async def run(*, once: bool, as_json: bool, http_port: int | None, ocpp_port: int | None) -> bool:
    """Play until the journeys are over, or without `once` until SIGINT or SIGTERM. Whether all went well.

    Without a port the usual one is taken, or a free one with `once` or when it is taken.
    """
    log.configure("warning", json=False)
    # Scripts read stdout: whatever is not their JSON is nowhere.
    narrator = Narrator(Console(quiet=as_json), SystemClock())
    narrator.headline("Plugbridge", "a charging network with two roaming partners and a bank")
    ports = {
        "http_port": _port("HTTP", http_port, 0 if once else HTTP_PORT, narrator),
        "ocpp_port": _port("OCPP", ocpp_port, 0 if once else OCPP_PORT, narrator),
    }
    if not once:
        return await _unless_ended(lambda: _play_on(narrator, ports), narrator) in (None, ENDED)
    outcomes: list[Outcome] = []
    reason = await _unless_ended(lambda: _play_once(narrator, ports, outcomes), narrator)
    told = {outcome.name for outcome in outcomes}
    outcomes += [Outcome(name, reason=reason or "not played") for name in JOURNEYS if name not in told]
    narrator.verdicts([(outcome.name, outcome.ok, outcome.reason or "") for outcome in outcomes])
    if as_json:
        sys.stdout.write(json.dumps({"journeys": [each.as_json() for each in outcomes]}, default=_number) + "\n")
        sys.stdout.flush()
    return all(outcome.ok for outcome in outcomes)


async def _unless_ended(play: Callable[[], Coroutine[Any, Any, None]], narrator: Narrator) -> str | None:
    """Play until it is over or a signal comes; in any case everything is taken down. Why it did not come to its end."""
    playing = asyncio.create_task(play())
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, playing.cancel)
    try:
        await playing
    except asyncio.CancelledError:
        narrator.headline("Ended", "nothing is left behind")
        return ENDED
    except DemoFailed as error:
        narrator.plain(f"[red]{escape(str(error))}[/]")
        return str(error)
    except Exception as error:  # a summary that says so is worth more than a traceback alone
        log.configure("warning", json=False)
        log.get(__name__).error("the demo failed", exc_info=error)
        return f"{type(error).__name__}: {error}"
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return None


async def _play_once(narrator: Narrator, ports: dict[str, int], outcomes: list[Outcome]) -> None:
    async with staged(narrator, ONCE, **ports) as network:
        for name, journey in JOURNEYS.items():
            narrator.headline(name)
            outcomes.append(await _outcome(name, journey, network, narrator))


async def _outcome(name: str, journey: Journey, network: Network, narrator: Narrator) -> Outcome:
    try:
        return Outcome(name, runs=await journey(network, narrator))
    except DemoFailed as error:
        return Outcome(name, reason=str(error))
    except Exception as error:  # a summary that says so is worth more than a traceback
        log.get(__name__).error("a journey failed", exc_info=error)
        return Outcome(name, reason=type(error).__name__)


async def _play_on(narrator: Narrator, ports: dict[str, int]) -> None:
    async with staged(narrator, ONWARD, **ports) as network, asyncio.TaskGroup() as group:
        narrator.headline("Charging", "Ctrl-C ends it")
        for pause_s, first_s, scenes in _programme(network, narrator):
            group.create_task(_scenes(narrator, scenes, first_s=first_s, pause_s=pause_s))


Scene = Callable[[], Awaitable[object]]


def _programme(network: Network, narrator: Narrator) -> list[tuple[float, float, list[Scene]]]:
    """What goes on side by side: the pause between two scenes, the wait before the first, and the scenes in turn."""

    def own(charger: cast.Charger, uid: str) -> Scene:
        return lambda: charge_here(network, narrator, charger, uid, "our own driver")

    def partners(charger: cast.Charger, uid: str) -> Scene:
        return lambda: charge_here(network, narrator, charger, uid, "a partner's driver", of_partner=True)

    return [
        (5, 0, [own(cast.CANAL_1, cast.OWN_CARDS[0]), own(cast.STATION, cast.OWN_CARDS[0])]),
        (7, 4, [partners(cast.HARBOUR, cast.PARTNER_CARDS[0]), own(cast.HARBOUR, cast.OWN_CARDS[1])]),
        (11, 12, [partners(cast.CANAL_2, cast.PARTNER_CARDS[1])]),
        (9, 8, [lambda: tap_abroad(network, narrator), lambda: start_abroad(network, narrator)]),
        (13, 16, [lambda: app_with_3d_secure(network, narrator), lambda: guest_by_card(network, narrator)]),
        (
            40,
            30,
            [
                lambda: objects_read_through_us(network, narrator),
                lambda: refused_here(network, narrator, cast.CANAL_2, cast.BLOCKED_CARD),
            ],
        ),
    ]


async def _scenes(narrator: Narrator, scenes: list[Scene], *, first_s: float, pause_s: float) -> None:
    await asyncio.sleep(first_s)
    for scene in itertools.cycle(scenes):
        try:
            await scene()
        except DemoFailed as error:
            narrator.tell("", str(error), colour="red")
        await asyncio.sleep(pause_s)


def _port(what: str, asked: int | None, usual: int, narrator: Narrator) -> int:
    port = usual if asked is None else asked
    if port == 0 or is_free(port):
        return port
    narrator.plain(f"[yellow]port {port} is taken: {what} gets a free one[/]")
    return 0


def _number(value: object) -> float:
    """A Decimal in the summary, which is for looking at and not for settling accounts."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
