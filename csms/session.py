"""One connected station: its read loop, the answers to its calls, and our calls to it.

The read loop never waits for a handler. A heartbeat is answered where it is read; an Authorize has a task of its own;
everything else is handled in a lane, one after the other, so that answers come in the order of the calls. Our calls
go out one at a time and are answered past all of that.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from websockets.exceptions import ConnectionClosed

from csms.asking import Asker
from csms.backoffice import Admission, Authorization, AuthorizeRequest, Backoffice
from csms.calls import Calls
from csms.capabilities import capabilities_of
from csms.commands import Command, CommandOutcome, CommandStatus, Trigger
from csms.dialect import Dialect
from csms.frame_chunks import correlation_of
from csms.frames import Call, Complaint, FrameError, Send, decode, encode_error, encode_result
from csms.introduction import Introduction
from csms.lane import Lane
from csms.limits import SessionLimits
from csms.liveness import Pulse
from csms.logbook import Logbook
from csms.noticer import Noticer
from csms.notices import KEPT_OTHERWISE, TELLING_ANSWERS
from csms.recorder import Recorder
from csms.schemas import Fault, SchemaViolation
from csms.socket import Socket
from csms.state import StationState
from csms.station import (
    AuthorizeAsked,
    Booted,
    DataSent,
    FactKind,
    PlainlyAnswered,
    Progressed,
    SigningAsked,
    StationFact,
    StatusChanged,
    StatusesAsked,
    TokenType,
    TransactionFact,
)
from csms.vendors import VendorMessage, Vendors
from csms.words import utc_text
from kit.clock import Clock
from kit.ids import uuid7
from kit.log import correlation_id, get

log = get("csms.session")

Given = TypeVar("Given")

GOING_AWAY, NO_ANSWERS, GARBAGE, SERVICE_RESTART = 1001, 1011, 1002, 1012
_TRIGGER_TIMEOUT_S = 30.0
_ASIDE = frozenset({"Authorize", "GetCertificateStatus", "GetCertificateChainStatus"})
"""What may take its time and is not waited for by what comes after it."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions share."""

    recorder: Recorder
    backoffice: Backoffice
    clock: Clock
    limits: SessionLimits
    vendors: Vendors
    noticer: Noticer
    logbook: Logbook = field(default_factory=Logbook)


class Session:
    """One connection of one station. `run` serves it until it ends."""

    def __init__(
        self, socket: Socket, state: StationState, dialect: Dialect, admission: Admission, services: Services
    ) -> None:
        self.id = uuid7()
        self.state = state
        self.station_id = state.station_id
        self.protocol = dialect.subprotocol
        self.last_seen_at = services.clock.now()
        self._socket = socket
        self._dialect = dialect
        self._admission = admission
        self._recorder = services.recorder
        self._asker = Asker(services.backoffice, services.limits.authorize_timeout_s)
        self._vendors = services.vendors
        self._clock = services.clock
        self._limits = services.limits
        self._noticer = services.noticer
        self._observer = services.logbook.observer(state.station_id, self.id, dialect.subprotocol)
        self._lane = Lane(services.limits.lane, self._serve, self._spawn)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asking = 0
        self._bad = 0
        now_s = services.clock.monotonic()
        self.pulse = Pulse.of(admission.ping_interval_s, admission.heartbeat_interval_s, now_s)
        self._introduction = Introduction(
            services.clock,
            settle_s=max(services.limits.settle_s, admission.settle_s),
            patience_s=services.limits.patience_s,
            is_quarantined=admission.is_quarantined,
            ask_to_boot=self._ask_to_boot,
        )
        self._calls = Calls(
            dialect,
            self._send,
            self._give_up,
            ready=self._introduction.settled,
            most_waiting=services.limits.waiting_calls,
            most_silent=services.limits.silent_calls,
            on_answered=self._on_answered,
            on_breach=partial(self._observer.breached, is_answer=True),
        )

    async def run(self) -> None:
        """Read until the connection ends. What was read by then is still handled, its answers are lost."""
        recv, rules, pulse = self._socket.recv, self._dialect.rules, self.pulse
        self._introduction.begin()
        try:
            while True:
                data = await recv(decode=False)
                pulse.heard += 1
                try:
                    frame = decode(data, rules)
                except FrameError as error:
                    self._observer.heard(data, None)
                    await self._on_bad_frame(error)
                    continue
                self._bad = 0
                if isinstance(frame, Call | Send):
                    self._observer.heard(data, frame.action)
                else:
                    self._observer.heard(data, *self._calls.awaited(frame.id))
                if isinstance(frame, Call):
                    await self._on_call(frame)
                elif isinstance(frame, Send):
                    await self._on_send(frame)
                elif isinstance(frame, Complaint):
                    log.warning("csms answer not understood", station_id=self.station_id, code=frame.code)
                else:
                    self._calls.on_answer(frame)
        except ConnectionClosed:
            pass
        finally:
            self.detach()
            self._lane.end()

    def detach(self) -> None:
        """The connection is lost or replaced: whoever waits for an answer is told at once."""
        self._calls.end()
        self._introduction.end()

    async def close(self, code: int = GOING_AWAY, reason: str = "") -> None:
        """End the connection from our side."""
        self.detach()
        await self._socket.close(code, reason)

    async def call(self, command: Command, timeout_s: float) -> CommandOutcome:
        """Have the station do something; `timeout_s` covers the wait for earlier calls."""
        reference = None
        if (transaction_id := getattr(command, "transaction_id", None)) is not None:
            reference = await self._recorder.reference(self.state, transaction_id)
            if reference is None:
                return CommandOutcome(CommandStatus.INVALID, "no such transaction at this station")
        self._introduction.expect(command)
        return await self._calls.call(command, reference, timeout_s)

    @property
    def has_calls(self) -> bool:
        """Whether calls of ours are under way."""
        return self._calls.waiting > 0

    def hold_calls(self) -> None:
        """Take no new calls: the central system goes down."""
        self._calls.hold()

    async def calls_done(self) -> None:
        """Return when no call of ours waits any more."""
        await self._calls.rest()

    async def drained(self) -> None:
        """Return when everything that was read has been handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _on_answered(self, action: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if action in TELLING_ANSWERS:
            self._spawn(self._noticer.answered(self.station_id, action, request, answer))

    def _give_up(self) -> None:
        log.warning("csms connection closed", station_id=self.station_id, reason="calls are not answered")
        self._spawn(self.close(NO_ANSWERS, "calls are not answered"))

    def ping(self) -> None:
        """Ask whether the station is there; its pong shows in `pulse`."""
        self._spawn(self._ping())

    async def _ping(self) -> None:
        try:
            await (await self._socket.ping())
        except ConnectionClosed:
            return
        self.pulse.heard += 1

    def take_heard(self) -> bool:
        """Whether anything came since this was last asked."""
        heard = self.pulse.take_heard()
        if heard:
            self.last_seen_at = self._clock.now()
        return heard

    async def _on_bad_frame(self, error: FrameError) -> None:
        self._bad += 1
        self._observer.not_understood(None)
        if error.answer is not None:
            await self._send(error.answer, None)
        if self._bad >= self._limits.bad_frames:
            log.warning("csms connection closed", station_id=self.station_id, reason="nothing but unreadable messages")
            await self._socket.close(GARBAGE, "unreadable messages")

    async def _on_call(self, call: Call) -> None:
        action = call.action
        self._introduction.heard(action)
        if action == "Heartbeat":
            await self._send(encode_result(call.id, {"currentTime": utc_text(self._clock.now())}), action)
        elif action not in self._dialect.understood:
            self._observer.not_understood(action)
            await self._send(_not_understood(call, self._dialect), action)
        elif not self._introduction.may_say(action):
            await self._send(encode_error(call.id, "SecurityError", "not before the station is accepted"), action)
        elif action in self._dialect.schemas.sends:
            await self._send(encode_error(call.id, "NotSupported", "this is sent without being answered"), action)
        elif action in _ASIDE and self._asking < self._limits.authorizations:
            await self._aside(self._serve(call))
        else:
            await self._lane.put(call)

    async def _on_send(self, frame: Send) -> None:
        """Nobody waits for an answer; what is not meant to be sent so is ignored."""
        understood = self._dialect.schemas.sends & self._dialect.understood
        if frame.action in understood and self._introduction.may_say(frame.action):
            await self._lane.put(frame)

    async def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what asks the back office in a task of its own, as long as there are not too many of them."""
        if self._asking >= self._limits.authorizations:
            return await work
        self._asking += 1
        self._spawn(work).add_done_callback(self._asked)

    def _asked(self, _task: "asyncio.Task[None]") -> None:
        self._asking -= 1

    async def _serve(self, request: Call | Send) -> None:
        """Handle a request and send what answers it, unless a task does so later."""
        bound = correlation_id.set(correlation_of(self.id, request.id))
        try:
            answer = await self._handle(request)
        except SchemaViolation as violation:
            self._observer.breached(request.action, violation)
            code = self._dialect.fault_codes[violation.fault]
            reply = encode_error(request.id, code, violation.description)
        except Exception:
            log.exception("csms call failed", station_id=self.station_id, action=request.action)
            reply = encode_error(request.id, "InternalError", "the central system failed")
        else:
            if answer is None:
                return
            reply = encode_result(request.id, answer)
        finally:
            correlation_id.reset(bound)
        if isinstance(request, Call):
            await self._send(reply, request.action)

    async def _handle(self, call: Call | Send) -> dict[str, Any] | None:
        dialect, fact = self._dialect, self._read(call)
        if call.action not in KEPT_OTHERWISE:
            await self._noticer.told(self.station_id, call.action, call.payload)
        match fact:
            case TransactionFact():
                return await self._record(call, fact)
            case StatusChanged():
                await self._recorder.status(self.state, fact)
                return {}
            case AuthorizeAsked():
                request = AuthorizeRequest(self.station_id, None, fact.token, fact.token_type)
                authorization = await self._asker.authorize(request)
                self.state.keep_verdict(fact.token, authorization, self._clock.monotonic())
                return dialect.authorize_answer(authorization)
            case Booted():
                await self._recorder.booted(self.state, fact)
                verdict = await self._asker.booted(self._admission, fact)
                self._introduction.needs(capabilities_of(fact.vendor, fact.model, fact.firmware).settle_s)
                self._introduction.answered(verdict.status)
                interval_s = verdict.interval_s or self._admission.heartbeat_interval_s
                return dialect.boot_answer(self._clock.now(), interval_s, verdict.status)
            case Progressed():
                await self._recorder.progressed(self.state, fact)
                return {}
            case DataSent():
                await self._aside(self._answer_data(call, fact))
                return None
            case SigningAsked():
                is_granted = await self._asker.certify(self.station_id, fact)
                return {"status": "Accepted" if is_granted else "Rejected"}
            case StatusesAsked():
                statuses = await self._asker.certificate_statuses(fact)
                return dialect.statuses_answer(call.action, call.payload, statuses, self._clock.now())
            case PlainlyAnswered():
                return dict(fact.answer)

    def _read(self, call: Call | Send) -> StationFact:
        """What a call says. Raises `SchemaViolation`."""
        violations = self._dialect.schemas.check_request(call.action, call.payload)
        if not violations:
            return self._dialect.fact(call.action, call.payload)
        self._observer.breached(call.action, violations)
        try:
            return self._dialect.fact(call.action, call.payload)
        except (AttributeError, KeyError, TypeError, ValueError):
            # Only the first violations are judged; beyond them there may be one that is not harmless.
            raise SchemaViolation(Fault.UNREADABLE, "the payload cannot be understood") from None

    async def _record(self, call: Call | Send, fact: TransactionFact) -> dict[str, Any] | None:
        """Store a fact, then answer: at once when the verdict on its token is there, later when it takes its time."""
        asking: asyncio.Task[Authorization] | None = None
        verdict = None
        presents_token = fact.token is not None and fact.opens and fact.kind is not FactKind.ENDED
        if presents_token:
            verdict = self.state.take_verdict(fact.token or "", self._clock.monotonic())
            verdict = verdict or self._recorder.known_verdict(self.state, fact)
            if verdict is None:
                asking = self._spawn(self._ask_about(fact))
                # A verdict that comes at once is stored with the start: one row and one event instead of two.
                await asyncio.wait([asking], timeout=self._limits.verdict_grace_s)
                verdict = asking.result() if asking.done() else None
        recorded = await self._recorder.transaction(self.state, fact, verdict)
        if asking is not None and verdict is None:
            await self._aside(self._answer_with_verdict(call, fact, recorded.transaction_id, asking))
            return None
        total = await self._asker.total_cost(fact, recorded.transaction_id) if self._dialect.tells_total else None
        return self._dialect.transaction_answer(call.action, recorded.transaction_id, recorded.authorization, total)

    async def _ask_about(self, fact: TransactionFact) -> Authorization:
        token, kind = fact.token or "", fact.token_type or TokenType.RFID
        return await self._asker.authorize(AuthorizeRequest(self.station_id, fact.evse_id, token, kind))

    async def _answer_with_verdict(
        self, call: Call | Send, fact: TransactionFact, transaction_id: int | None, asking: asyncio.Task[Authorization]
    ) -> None:
        verdict = await asking
        if transaction_id is not None:
            try:
                await self._recorder.authorized(self.state, transaction_id, fact.token or "", verdict)
            except Exception:
                log.exception("csms verdict not stored", station_id=self.station_id, transaction_id=transaction_id)
        answer = self._dialect.transaction_answer(call.action, transaction_id, verdict)
        await self._send(encode_result(call.id, answer), call.action)

    async def _answer_data(self, call: Call | Send, fact: DataSent) -> None:
        message = VendorMessage(self.station_id, fact.vendor, fact.message, fact.data)
        try:
            async with asyncio.timeout(self._limits.authorize_timeout_s):
                answer = await self._vendors.handle(message)
            reply = encode_result(call.id, self._dialect.data_answer(answer))
        except Exception:
            log.exception("csms data transfer failed", station_id=self.station_id)
            reply = encode_error(call.id, "InternalError", "the central system failed")
        await self._send(reply, call.action)

    async def _ask_to_boot(self) -> None:
        if not await self._recorder.has_booted(self.station_id):
            await self._calls.call(Trigger("BootNotification"), None, _TRIGGER_TIMEOUT_S, at_once=True)

    def _spawn(self, work: Coroutine[Any, Any, Given]) -> asyncio.Task[Given]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send(self, data: bytes, action: str | None, correlation_id: str | None = None) -> None:
        self._observer.said(data, action, correlation_id)
        try:
            await self._socket.send(data, text=True)
        except ConnectionClosed:
            # What was to be said is stored; the station will ask again over its next connection.
            self._calls.end()


def _not_understood(call: Call, dialect: Dialect) -> bytes:
    code = "NotSupported" if call.action in dialect.schemas.actions else "NotImplemented"
    return encode_error(call.id, code, "this action is not understood")
