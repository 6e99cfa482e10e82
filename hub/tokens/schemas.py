"""JSON of the operator API about tokens."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from hub.parties.schemas import PARTY


class TokenIn(BaseModel):
    """A token for one of our drivers."""

    model_config = ConfigDict(extra="forbid")

    uid: str = Field(
        min_length=1, max_length=36, description="What the reader sees: the RFID UID in hex, or an app id."
    )
    type: str = Field("RFID", pattern="^(RFID|APP_USER|AD_HOC_USER|OTHER)$")
    contract_id: str | None = Field(None, max_length=36, description="eMA id; one is made when absent.")
    visual_number: str | None = Field(None, max_length=64)
    valid: bool = True
    whitelist: str = Field("ALLOWED", pattern="^(ALWAYS|ALLOWED|ALLOWED_OFFLINE|NEVER)$")
    emsp: str | None = Field(None, pattern=PARTY, description="Our eMSP party as CC*PID.")


class TokenOut(BaseModel):
    """A stored token."""

    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str
    visual_number: str | None
    issuer: str
    valid: bool
    whitelist: str
    last_updated: datetime
