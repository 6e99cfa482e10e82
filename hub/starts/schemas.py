"""JSON of the operator API about starts."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.parties.schemas import PARTY
from hub.starts.tables import Start
from hub.stations.intents_charging import LimitIn


class StartIn(BaseModel):
    """A wish to charge: one of our tokens, and either a station of ours or an EVSE of any location."""

    model_config = ConfigDict(extra="forbid")

    token_uid: str = Field(min_length=1, max_length=36)
    token_type: str = Field("RFID", pattern="^(RFID|APP_USER|AD_HOC_USER|OTHER)$")
    station_id: str | None = Field(None, max_length=48, description="One of our stations …")
    evse_id: int | None = Field(None, ge=1, description="… and its EVSE, 1 when absent.")
    cpo: str | None = Field(None, pattern=PARTY, description="Or a CPO as CC*PID, …")
    location_id: str | None = Field(None, max_length=36, description="… a location of it, …")
    evse_uid: str | None = Field(None, max_length=36, description="… and an EVSE there.")
    connector_id: str | None = Field(None, max_length=36)
    limit: LimitIn | None = Field(
        None, description="What the session may draw at most, from its start on. At stations of ours alone."
    )

    @model_validator(mode="after")
    def _names_a_charger(self) -> Self:
        if self.station_id is None and self.location_id is None:
            raise ValueError("name a station_id or a location_id")
        return self


class StartOut(BaseModel):
    """An attempt to charge."""

    id: str
    method: str
    state: str
    reason: str | None = Field(description="Why it was refused or failed.")
    station_id: str | None
    evse_id: int | None
    cpo: str | None
    location_id: str | None
    evse_uid: str | None
    authorization_reference: str | None
    session_id: str | None = Field(description="The session that came of it.")
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, start: Start) -> Self:
        """From a stored start."""
        return cls(
            id=start.id,
            method=start.method,
            state=start.state,
            reason=start.reason,
            station_id=start.station_id,
            evse_id=start.evse_id,
            cpo=f"{start.country_code}*{start.party_id}" if start.country_code else None,
            location_id=start.location_id,
            evse_uid=start.evse_uid,
            authorization_reference=start.authorization_reference,
            session_id=start.session_id,
            created_at=start.created_at,
            updated_at=start.updated_at,
            expires_at=start.expires_at,
        )


class StopOut(BaseModel):
    """What the charger said to the wish to stop."""

    start_id: str
    accepted: bool
    reason: str
