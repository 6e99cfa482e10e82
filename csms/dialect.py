"""The seam between OCPP versions: everything that a session needs from one, and which versions there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from csms.backoffice import Authorization
from csms.commands import Command, CommandOutcome
from csms.frames import FrameRules
from csms.schemas import Fault, Schemas
from csms.station import BootStatus, CertificateStatus, StationFact
from csms.v16 import Ocpp16
from csms.v21 import Ocpp21
from csms.v201 import Ocpp201
from csms.vendors import VendorAnswer


class Dialect(Protocol):
    """One version of OCPP: payloads to neutral facts, verdicts and commands to payloads. Pure."""

    @property
    def subprotocol(self) -> str:
        """Its name in the WebSocket handshake."""
        ...

    @property
    def rules(self) -> FrameRules:
        """How it answers malformed frames."""
        ...

    @property
    def fault_codes(self) -> Mapping[Fault, str]:
        """Its error code for each fault of a payload."""
        ...

    @property
    def schemas(self) -> Schemas:
        """Its payload schemas."""
        ...

    @property
    def understood(self) -> frozenset[str]:
        """The actions that a station may send us."""
        ...

    def fact(self, action: str, payload: dict[str, Any]) -> StationFact:
        """What a request of a station (any understood action but Heartbeat) says. Raises `SchemaViolation`."""
        ...

    def boot_answer(self, now: datetime, interval_s: int, status: BootStatus) -> dict[str, Any]:
        """The answer to BootNotification."""
        ...

    def authorize_answer(self, authorization: Authorization) -> dict[str, Any]:
        """The answer to Authorize."""
        ...

    @property
    def tells_total(self) -> bool:
        """Whether the answer to the end of a transaction says what it cost."""
        ...

    def transaction_answer(
        self,
        action: str,
        transaction_id: int | None,
        authorization: Authorization | None,
        total_cost: Decimal | None = None,
    ) -> dict[str, Any]:
        """The answer to a message about a transaction. Without a verdict it says nothing of the token."""
        ...

    def data_answer(self, answer: VendorAnswer) -> dict[str, Any]:
        """The answer to DataTransfer."""
        ...

    def statuses_answer(
        self, action: str, payload: dict[str, Any], statuses: Sequence[CertificateStatus], now: datetime
    ) -> dict[str, Any]:
        """The answer to a question about certificates, whose payload is this."""
        ...

    def request(self, command: Command, reference: str | None) -> tuple[str, dict[str, Any]]:
        """Action and payload of a command; `reference` is the station's name of the transaction that it names.

        Raises `NotInThisVersion`, or `UnknownName` for a setting.
        """
        ...

    def outcome(self, command: Command, payload: dict[str, Any]) -> CommandOutcome:
        """What the answer to a command means. A raw call that was answered is accepted, whatever the answer says."""
        ...


DIALECTS: Mapping[str, Dialect] = {dialect.subprotocol: dialect for dialect in (Ocpp21(), Ocpp201(), Ocpp16())}
"""By subprotocol, the newest first: what both sides know is chosen in this order."""
