"""The tables of the central system. Rows are written by `csms.writer` alone."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from kit.db import BigInt, EnergyWh


class Station(SQLModel, table=True):
    """A station that has connected: how it introduced itself, and when it was last heard."""

    __tablename__ = "csms_station"

    station_id: str = Field(primary_key=True, max_length=64)
    protocol: str = Field(default="", max_length=16)
    vendor: str = Field(default="", max_length=255)
    model: str = Field(default="", max_length=255)
    serial: str | None = Field(default=None, max_length=255)
    firmware: str | None = Field(default=None, max_length=255)
    boot_reason: str | None = Field(default=None, max_length=64)
    booted_at: datetime | None = None
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    last_seen_at: datetime | None = None
    """Written now and then, not with every frame."""


class Connector(SQLModel, table=True):
    """The present status of a connector; EVSE 0 is the station itself."""

    __tablename__ = "csms_connector"

    station_id: str = Field(primary_key=True, max_length=64)
    evse_id: int = Field(primary_key=True)
    connector_id: int = Field(primary_key=True)
    status: str = Field(max_length=32)
    error: str | None = Field(default=None, max_length=255)
    info: str | None = Field(default=None, max_length=255)
    at: datetime
    """When it changed, by the station's clock as far as that can be believed."""


class Transaction(SQLModel, table=True):
    """A transaction: what is asked for often in columns, the reduced record in `doc` (JSON).

    Columns and `doc` are as of the last start, end or change of state; `csms.store.read_record` reads the present.
    """

    __tablename__ = "csms_transaction"
    __table_args__ = (
        UniqueConstraint("station_id", "origin"),
        Index(
            "ix_csms_transaction_open",
            "station_id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_csms_transaction_station", "station_id", "id"),
    )

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Ours; also the transactionId of OCPP 1.6, a positive 32-bit integer there."""
    station_id: str = Field(max_length=64)
    reference: str = Field(max_length=255)
    """The station's name of it."""
    origin: str = Field(max_length=300)
    """The same when its start is told again."""
    evse_id: int | None = None
    connector_id: int | None = None
    token: str | None = Field(default=None, max_length=255)
    token_type: str | None = Field(default=None, max_length=16)
    authorization_status: str | None = Field(default=None, max_length=32)
    authorization_reference: str | None = Field(default=None, max_length=255)
    remote_start_id: int | None = None
    reservation_id: int | None = None
    started_at: datetime
    ended_at: datetime | None = None
    energy_wh: Decimal = Field(sa_type=EnergyWh)
    state: str | None = Field(default=None, max_length=32)
    stop_reason: str | None = Field(default=None, max_length=64)
    needs_review: bool = False
    doc: bytes = Field(sa_type=LargeBinary)


class TransactionMessage(SQLModel, table=True):
    """One thing that was said about a transaction; append only. Without a transaction it is kept for a person to see.

    A message that is sent again has the same key and is stored once.
    """

    __tablename__ = "csms_event"
    __table_args__ = (
        # Keys begin with a time: in this order what comes from many stations at once goes to the end of one index,
        # instead of to as many of its pages.
        UniqueConstraint("key", "station_id"),
        Index("ix_csms_event_transaction", "transaction_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInt)
    station_id: str = Field(max_length=64)
    transaction_id: int | None = None
    key: str = Field(max_length=100)
    kind: str = Field(max_length=16)
    received_at: datetime
    doc: bytes = Field(sa_type=LargeBinary)


class Counter(SQLModel, table=True):
    """A number that is handed out in blocks and never twice."""

    __tablename__ = "csms_counter"

    name: str = Field(primary_key=True, max_length=32)
    next_value: int = Field(sa_type=BigInt)
