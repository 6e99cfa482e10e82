"""Our calls to one station: one at a time, in order, with an outcome whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from csms.commands import Command, CommandOutcome, CommandStatus
from csms.dialect import Dialect
from csms.frames import Failure, Result, encode_call, encode_complaint
from csms.operations import NotInThisVersion
from csms.schemas import SchemaViolation, Violation
from csms.setting_names import UnknownName
from kit.ids import uuid7
from kit.log import correlation_id

Answer = Result | Failure | None
"""What came back; None when the connection ended."""


class Calls:
    """The calling side of a connection.

    `send` writes a frame; its action and correlation id are for the log. `give_up` ends the connection after so many
    calls in a row that were not answered. `on_answered` is given action, request and answer of what was answered,
    `on_breach` what answers break of their schema. `ready` returns when the station may be called.
    """

    def __init__(
        self,
        dialect: Dialect,
        send: Callable[[bytes, str, str | None], Awaitable[None]],
        give_up: Callable[[], None],
        *,
        ready: Callable[[], Awaitable[None]],
        most_waiting: int,
        most_silent: int,
        on_answered: Callable[[str, dict[str, Any], dict[str, Any]], None] = lambda action, request, answer: None,
        on_breach: Callable[[str, SchemaViolation | tuple[Violation, ...]], None] = lambda action, breach: None,
    ) -> None:
        self._dialect = dialect
        self._send = send
        self._give_up = give_up
        self._ready = ready
        self._most_waiting = most_waiting
        self._most_silent = most_silent
        self._on_answered = on_answered
        self._on_breach = on_breach
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._silent = 0
        self._open = True
        self._held = False
        self._rested: asyncio.Future[None] | None = None
        self._pending: tuple[str, asyncio.Future[Answer]] | None = None
        self._asked: tuple[str, str | None] = ("", None)

    async def call(
        self, command: Command, reference: str | None, timeout_s: float, *, at_once: bool = False
    ) -> CommandOutcome:
        """Ask the station; `reference` is its name of the transaction that the command names.

        `at_once` does not wait until the station is ready.
        """
        if self._held:
            return CommandOutcome(CommandStatus.OFFLINE, "the central system goes down")
        if self._waiting >= self._most_waiting:
            return CommandOutcome(CommandStatus.BUSY, "too many calls to this station wait")
        request = self._request(command, reference)
        if isinstance(request, CommandOutcome):
            return request
        self._waiting += 1
        sent = False
        try:
            async with asyncio.timeout(timeout_s):
                if not at_once:
                    await self._ready()
                async with self._turn:
                    sent = True
                    return await self._exchange(command, *request)
        except TimeoutError:
            busy = CommandOutcome(CommandStatus.BUSY, "earlier calls, or the station's start, took too long")
            return self._on_silence() if sent else busy
        finally:
            self._waiting -= 1
            if not self._waiting and self._rested is not None and not self._rested.done():
                self._rested.set_result(None)

    @property
    def waiting(self) -> int:
        """How many calls are under way or wait for their turn."""
        return self._waiting

    def hold(self) -> None:
        """Take no new calls."""
        self._held = True

    async def rest(self) -> None:
        """Return when no call waits any more; once, after `hold`."""
        if self._waiting:
            self._rested = asyncio.get_running_loop().create_future()
            await self._rested

    def on_answer(self, frame: Result | Failure) -> None:
        """An answer has come. What is too late, or was never asked for, is ignored."""
        if self._pending is not None and self._pending[0] == frame.id and not self._pending[1].done():
            self._pending[1].set_result(frame)

    def awaited(self, call_id: str) -> tuple[str | None, str | None]:
        """Action and correlation id of the call that is answered under this id, None for what was not asked."""
        return self._asked if self._pending is not None and self._pending[0] == call_id else (None, None)

    def end(self) -> None:
        """The connection is lost: whoever waits is told at once, and nothing is sent any more."""
        self._open = False
        if self._pending is not None and not self._pending[1].done():
            self._pending[1].set_result(None)

    def _request(self, command: Command, reference: str | None) -> tuple[str, dict[str, Any]] | CommandOutcome:
        schemas = self._dialect.schemas
        try:
            action, payload = self._dialect.request(command, reference)
            if action in schemas.actions and not schemas.is_strictly_valid_request(action, payload):
                reason = f"the payload does not fit {action} of {self._dialect.subprotocol}"
                return CommandOutcome(CommandStatus.INVALID, reason)
            encode_call("", action, payload)
        except NotInThisVersion as error:
            return CommandOutcome(CommandStatus.UNSUPPORTED, str(error))
        except UnknownName as error:
            return CommandOutcome(CommandStatus.INVALID, str(error))
        except (TypeError, ValueError, RecursionError):
            return CommandOutcome(CommandStatus.INVALID, "the payload cannot be written as JSON")
        return action, payload

    async def _exchange(self, command: Command, action: str, payload: dict[str, Any]) -> CommandOutcome:
        if not self._open:
            return CommandOutcome(CommandStatus.OFFLINE, "the station is not connected")
        call_id = uuid7()
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending, self._asked = (call_id, answered), (action, correlation_id.get())
        try:
            await self._send(encode_call(call_id, action, payload), *self._asked)
            answer = await answered
        finally:
            self._pending = None
        if answer is None:
            return CommandOutcome(CommandStatus.DISCONNECTED, "the connection ended before the answer")
        self._silent = 0
        return await self._outcome(command, action, payload, answer)

    async def _outcome(
        self, command: Command, action: str, payload: dict[str, Any], answer: Result | Failure
    ) -> CommandOutcome:
        if isinstance(answer, Failure):
            unknown = answer.code in ("NotImplemented", "NotSupported")
            status = CommandStatus.UNSUPPORTED if unknown else CommandStatus.FAILED
            return CommandOutcome(status, f"{answer.code}: {answer.description}" if answer.description else answer.code)
        if action in self._dialect.schemas.actions:
            try:
                violations = self._dialect.schemas.check_response(action, answer.payload)
            except SchemaViolation as violation:
                self._on_breach(action, violation)
                if self._dialect.rules.has_sends:
                    code = self._dialect.fault_codes[violation.fault]
                    await self._send(encode_complaint(answer.id, code, violation.description), *self._asked)
                return CommandOutcome(CommandStatus.FAILED, violation.description, answer.payload)
            self._on_breach(action, violations)
        self._on_answered(action, payload, answer.payload)
        return self._dialect.outcome(command, answer.payload)

    def _on_silence(self) -> CommandOutcome:
        """A station that no longer answers calls comes to its senses with a new connection, if at all."""
        self._silent += 1
        if self._silent >= self._most_silent and self._open:
            self._give_up()
        return CommandOutcome(CommandStatus.TIMED_OUT, "no answer in time")
