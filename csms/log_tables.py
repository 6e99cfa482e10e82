"""What is kept of what passes between us and stations: frames, traces, and breaches of the schemas."""

from datetime import datetime

from sqlalchemy import Index, Text
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
