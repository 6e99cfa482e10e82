"""Rows of firmware campaigns."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Text, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from hub.stations.rollout import CampaignState
from kit.tx import Tx


class FirmwareCampaign(SQLModel, table=True):
    """One firmware for many stations. What they are asked is encrypted: its URL may have a password in it."""

    __tablename__ = "firmware_campaign"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    state: str = Field(max_length=10, index=True)
    reason: str | None = Field(default=None, max_length=200)
    sealed_intent: str = Field(sa_type=Text)
    expected_version: str | None = Field(default=None, max_length=255)
    at_once: int
    most_failures: int
    forgiven: int = 0
    """Failures that the operator has seen and gone on after."""
    patience_s: int
    created_by: str | None = Field(default=None, max_length=36)
    created_at: datetime
    ended_at: datetime | None = None


class CampaignStation(SQLModel, table=True):
    """A station of a campaign."""

    __tablename__ = "firmware_campaign_station"

    campaign_id: str = Field(primary_key=True, max_length=36, foreign_key="firmware_campaign.id")
    station_id: str = Field(primary_key=True, max_length=48, foreign_key="station.id")
    stage: int
    state: str = Field(max_length=10)
    reason: str | None = Field(default=None, max_length=500)
    operation_id: str | None = Field(default=None, max_length=36)
    asked_at: datetime | None = None
    ended_at: datetime | None = None


async def locked(tx: Tx, campaign_id: str) -> FirmwareCampaign | None:
    """The campaign, which nobody else changes until the transaction ends."""
    return await tx.first(select(FirmwareCampaign).where(col(FirmwareCampaign.id) == campaign_id).with_for_update())


async def running(tx: Tx) -> Sequence[str]:
    """The ids of the campaigns that ask stations."""
    statement = select(col(FirmwareCampaign.id)).where(col(FirmwareCampaign.state) == CampaignState.RUNNING)
    return [str(found) for found in (await tx.execute(statement)).scalars()]


async def newest(tx: Tx, *, limit: int = 100) -> Sequence[FirmwareCampaign]:
    """The newest campaigns."""
    return await tx.all(select(FirmwareCampaign).order_by(col(FirmwareCampaign.id).desc()).limit(limit))


async def members_of(tx: Tx, campaign_id: str) -> Sequence[CampaignStation]:
    """The stations of a campaign, stage by stage."""
    statement = select(CampaignStation).where(col(CampaignStation.campaign_id) == campaign_id)
    return await tx.all(statement.order_by(col(CampaignStation.stage), col(CampaignStation.station_id)))
