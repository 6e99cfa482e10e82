"""Operator API: firmware campaigns."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from auth.guards import AdminDep, OperatorDep
from hub.stations.campaign_tables import CampaignStation, FirmwareCampaign, members_of, newest
from hub.stations.campaigns import Campaigns
from hub.stations.intents_files import Location, UpdateFirmwareIn
from hub.stations.rollout import Bounds
from hub.stations.schemas import StationId
from kit.errors import NotFound
from kit.tx import Database

Stage = Annotated[list[StationId], Field(min_length=1, max_length=1000)]


class CampaignIn(BaseModel):
    """One firmware for many stations."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    location: Location = Field(description="Where the stations fetch it.")
    certificate: str | None = Field(None, max_length=5500, description="Of who signed it (PEM) …")
    signature: str | None = Field(None, max_length=800, description="… and the signature, in Base64.")
    stages: list[Stage] = Field(
        min_length=1, max_length=20, description="Stations by stage: one begins when the one before is through."
    )
    expected_version: str | None = Field(
        None, max_length=255, description="What a station that is through says it runs; without it, its word counts."
    )
    at_once: int = Field(5, ge=1, le=1000, description="Stations under way at once.")
    most_failures: int = Field(0, ge=0, le=1000, description="Failures that are borne; one more pauses the campaign.")
    patience_s: int = Field(
        86_400, ge=60, le=604_800, description="A station that is not through by then, or was away, has failed."
    )

    @model_validator(mode="after")
    def _signed_or_not(self) -> Self:
        if (self.certificate is None) != (self.signature is None):
            raise ValueError("certificate and signature go together")
        return self


class MemberOut(BaseModel):
    """A station of a campaign."""

    station_id: str
    stage: int
    state: str = Field(description="waiting, asked, installed or failed")
    reason: str | None
    operation_id: str | None
    asked_at: datetime | None
    ended_at: datetime | None


class CampaignOut(BaseModel):
    """A campaign."""

    id: str
    name: str
    state: str = Field(description="running, paused, finished or cancelled")
    reason: str | None
    expected_version: str | None
    at_once: int
    most_failures: int
    patience_s: int
    created_at: datetime
    ended_at: datetime | None
    stations: list[MemberOut]


def router(db: Database, campaigns: Campaigns) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["stations"])

    async def shown(campaign_id: str) -> CampaignOut:
        async with db.read() as tx:
            row = await tx.get(FirmwareCampaign, campaign_id)
            if row is None:
                raise NotFound("no such campaign")
            return _out(row, list(await members_of(tx, row.id)))

    @routes.post("/firmware-campaigns", operation_id="begin_firmware_campaign", status_code=201)
    async def begin_firmware_campaign(body: CampaignIn, who: AdminDep) -> CampaignOut:
        """Bring firmware to many stations, stage by stage. It pauses by itself when too many fail."""
        firmware = UpdateFirmwareIn(
            operation="update_firmware",
            location=body.location,
            certificate=body.certificate,
            signature=body.signature,
            at=None,
            keep_trying_s=0,
            timeout_s=30,
            retrieve_at=None,
            install_at=None,
            retries=None,
            retry_interval_s=None,
        )
        campaign_id = await campaigns.begin(
            name=body.name,
            firmware=firmware,
            stages=body.stages,
            bounds=Bounds(body.at_once, body.most_failures),
            patience_s=body.patience_s,
            expected_version=body.expected_version,
            created_by=who.key_id,
        )
        return await shown(campaign_id)

    @routes.get("/firmware-campaigns", operation_id="list_firmware_campaigns")
    async def list_firmware_campaigns(_: OperatorDep) -> list[CampaignOut]:
        """The newest campaigns, without their stations."""
        async with db.read() as tx:
            return [_out(row, []) for row in await newest(tx)]

    @routes.get("/firmware-campaigns/{campaign_id}", operation_id="get_firmware_campaign")
    async def get_firmware_campaign(campaign_id: str, _: OperatorDep) -> CampaignOut:
        """One campaign and how far each of its stations is."""
        return await shown(campaign_id)

    @routes.post("/firmware-campaigns/{campaign_id}/pause", operation_id="pause_firmware_campaign")
    async def pause_firmware_campaign(campaign_id: str, _: AdminDep) -> CampaignOut:
        """Ask no more stations for now."""
        await campaigns.pause(campaign_id)
        return await shown(campaign_id)

    @routes.post("/firmware-campaigns/{campaign_id}/resume", operation_id="resume_firmware_campaign")
    async def resume_firmware_campaign(campaign_id: str, _: AdminDep) -> CampaignOut:
        """Go on; the failures so far are borne."""
        await campaigns.resume(campaign_id)
        return await shown(campaign_id)

    @routes.post("/firmware-campaigns/{campaign_id}/cancel", operation_id="cancel_firmware_campaign")
    async def cancel_firmware_campaign(campaign_id: str, _: AdminDep) -> CampaignOut:
        """End it for good."""
        await campaigns.cancel(campaign_id)
        return await shown(campaign_id)

    return routes


def _out(row: FirmwareCampaign, members: list[CampaignStation]) -> CampaignOut:
    return CampaignOut(
        id=row.id,
        name=row.name,
        state=row.state,
        reason=row.reason,
        expected_version=row.expected_version,
        at_once=row.at_once,
        most_failures=row.most_failures,
        patience_s=row.patience_s,
        created_at=row.created_at,
        ended_at=row.ended_at,
        stations=[MemberOut.model_validate(member, from_attributes=True) for member in members],
    )
