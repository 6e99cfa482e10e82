"""Rows of the tables as the writer wants them, and back. Pure."""

from typing import Any

from csms.backoffice import Authorization, AuthorizationStatus
from csms.documents import fact_document, record_document
from csms.record import TransactionEvent, TransactionRecord
from csms.state import Held
from csms.tables import Transaction
from kit.bulk import Row
from kit.reader import text_of

HELD_COLUMNS = (
    *("id", "reference", "origin", "evse_id", "token", "ended_at IS NOT NULL"),
    *("authorization_status", "authorization_reference"),
)
"""What `held_of_columns` takes, in its order."""


def held_of(row: Transaction) -> Held:
    """A transaction in memory from its row, without its record."""
    return Held(
        id=row.id,
        reference=row.reference,
        origin=row.origin,
        evse_id=row.evse_id,
        token=row.token,
        record=None,
        ended=row.ended_at is not None,
        authorization=verdict_of(row),
    )


def held_of_columns(
    number: int,
    reference: bytes | str,
    origin: bytes | str,
    evse_id: int | None,
    token: bytes | str | None,
    ended: bool | int,
    status: bytes | str | None,
    authorization_reference: bytes | str | None,
) -> Held:
    """The same from columns as `kit.reader` reads them."""
    verdict = None
    if status is not None:
        said = None if authorization_reference is None else text_of(authorization_reference)
        verdict = Authorization(AuthorizationStatus(text_of(status)), said)
    token = None if token is None else text_of(token)
    return Held(number, text_of(reference), text_of(origin), evse_id, token, None, bool(ended), verdict)


def verdict_of(row: Transaction) -> Authorization | None:
    """The verdict that a row remembers; the group and the expiry are not kept."""
    if row.authorization_status is None:
        return None
    return Authorization(AuthorizationStatus(row.authorization_status), row.authorization_reference)


def verdict_columns(verdict: Authorization | None) -> dict[str, Any]:
    """A verdict as columns of a transaction."""
    return {
        "authorization_status": None if verdict is None else verdict.status,
        "authorization_reference": None if verdict is None else verdict.reference,
    }


def record_columns(record: TransactionRecord) -> dict[str, Any]:
    """A record as columns of a transaction."""
    return {
        "evse_id": record.evse_id,
        "connector_id": record.connector_id,
        "token": record.token,
        "token_type": record.token_type,
        "remote_start_id": record.remote_start_id,
        "reservation_id": record.reservation_id,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "energy_wh": record.energy_wh,
        "state": record.state,
        "stop_reason": record.stop_reason,
        "needs_review": record.needs_review,
        "doc": record_document(record),
    }


def message_row(event: TransactionEvent, transaction_id: int | None) -> Row:
    """An event as a row; without a transaction it is an orphan."""
    return {
        "station_id": event.station_id,
        "transaction_id": transaction_id,
        "key": event.fact.key,
        "kind": event.fact.kind,
        "received_at": event.received_at,
        "doc": fact_document(event.fact),
    }


def station_row(told: dict[str, Any]) -> Row:
    """A row for any of the writes to a station: what is not told has its default."""
    return {"protocol": "", "vendor": "", "model": "", **told}
