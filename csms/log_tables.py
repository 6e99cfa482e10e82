"""What is kept of what stations say: frames and traces, breaches of the schemas, notices, variables."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from kit.db import BigInt


class FrameChunk(SQLModel, table=True):
    """Frames of one connection that came close together, sealed (`csms.frame_chunks`).

    The id begins with the microsecond of the first frame (`kit.ids.first_id`).
    """

    __tablename__ = "csms_frames"
    __table_args__ = (Index("ix_csms_frames_station_id", "station_id", "id"),)

    id: str = Field(primary_key=True, max_length=24)
    station_id: str = Field(max_length=64)
    sealed: str = Field(sa_type=Text)


class TransactionFrameChunk(SQLModel, table=True):
    """The frames of the same time that told of transactions, byte for byte: kept longer, and under the same id."""

    __tablename__ = "csms_transaction_frames"
    __table_args__ = (Index("ix_csms_transaction_frames_station_id", "station_id", "id"),)

    id: str = Field(primary_key=True, max_length=24)
    station_id: str = Field(max_length=64)
    sealed: str = Field(sa_type=Text)


class Trace(SQLModel, table=True):
    """A station of which heartbeats are logged too, until a moment."""

    __tablename__ = "csms_trace"

    station_id: str = Field(primary_key=True, max_length=64)
    until: datetime


class Breach(SQLModel, table=True):
    """How often a station broke a rule of a schema in one place (`csms.conformance`)."""

    __tablename__ = "csms_breach"

    station_id: str = Field(primary_key=True, max_length=64)
    action: str = Field(primary_key=True, max_length=64)
    path: str = Field(primary_key=True, max_length=255)
    rule: str = Field(primary_key=True, max_length=32)
    refused: bool = Field(primary_key=True)
    is_answer: bool = Field(primary_key=True)
    count: int = Field(sa_type=BigInt)
    first_at: datetime
    last_at: datetime


class Notice(SQLModel, table=True):
    """A request of a station that is kept as it came, masked (`csms.notices`); its id begins with its microsecond."""

    __tablename__ = "csms_notice"
    __table_args__ = (Index("ix_csms_notice_station_id", "station_id", "id"),)

    id: str = Field(primary_key=True, max_length=24)
    station_id: str = Field(max_length=64)
    action: str = Field(max_length=64)
    at: datetime
    is_security: bool = False
    request_id: int | None = None
    """Of the report that it is a part of."""
    seq_no: int | None = None
    more: bool = False
    doc: bytes = Field(sa_type=LargeBinary)


class StationVariable(SQLModel, table=True):
    """An attribute of a variable of a station's device model (2.x), or a configuration key (1.6), as last told."""

    __tablename__ = "csms_variable"

    KEY: ClassVar[tuple[str, ...]] = (
        *("station_id", "component", "component_instance", "evse_id", "connector_id"),
        *("variable", "variable_instance", "attribute"),
    )

    station_id: str = Field(primary_key=True, max_length=64)
    component: str = Field(primary_key=True, max_length=100)
    """Empty for a configuration key."""
    component_instance: str = Field(primary_key=True, max_length=100)
    evse_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    connector_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    variable: str = Field(primary_key=True, max_length=100)
    variable_instance: str = Field(primary_key=True, max_length=100)
    attribute: str = Field(primary_key=True, max_length=16)
    value: str | None = Field(default=None, sa_type=Text)
    """None for what has no value, and for secrets."""
    mutability: str | None = Field(default=None, max_length=16)
    characteristics: bytes | None = Field(default=None, sa_type=LargeBinary)
    at: datetime
