"""JSON of the operator API about partners and deliveries."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

PARTY = r"^[A-Za-z]{2}\*[A-Za-z0-9]{3}$"


class AllowedRole(BaseModel):
    """A role that the partner may play."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(pattern="^(CPO|EMSP|HUB|NAP|NSP|OTHER|SCSP)$")
    party: str = Field(pattern=PARTY, description="As CC*PID.")


class InvitationIn(BaseModel):
    """A partner to invite."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("partner", min_length=1, max_length=100)
    roles: list[AllowedRole] = Field(
        default_factory=list,
        max_length=50,
        description="What the partner may register as; anything that no other partner is, when empty.",
    )


class InvitationOut(BaseModel):
    """What the partner needs to register. The token is shown this once."""

    platform_id: str
    versions_url: str
    token: str = Field(description="OCPI's TOKEN_A.")


class PartnerIn(BaseModel):
    """A partner who has invited us."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("partner", min_length=1, max_length=100)
    versions_url: str = Field(min_length=8, max_length=255, pattern="^https?://")
    token: str = Field(
        min_length=1, max_length=64, pattern=r"^[\x21-\x7E]+$", description="The TOKEN_A that the partner gave us."
    )


class PartnerParty(BaseModel):
    """A role of a party on the partner's platform."""

    role: str
    party: str
    business_name: str


class PartnerOut(BaseModel):
    """A partner's platform."""

    id: str
    name: str
    status: str
    version: str | None
    versions_url: str | None
    parties: list[PartnerParty]
    endpoints: list[str] = Field(description="What it implements, as SIDE/module.")


class PartnerEndOut(BaseModel):
    """The end of a registration, which is an end whether the partner knows of it or not."""

    partner_took_note: bool = Field(description="Whether its platform answered. Nobody is told of an invitation.")


class DeliveryOut(BaseModel):
    """How far one partner has been told of one module."""

    platform_id: str
    partner: str
    status: str
    module: str
    delivered: int = Field(description="Objects that were sent and accepted.")
    waiting: bool = Field(description="Whether the log holds changes that the partner has not seen.")
    failures: int = Field(description="Failed tries in a row.")
    retry_at: datetime | None
    last_error: str | None
    last_success_at: datetime | None


class ReceiptOut(BaseModel):
    """A CDR that a partner has accepted."""

    platform_id: str
    module: str
    owner: str
    object_id: str
    location: str | None = Field(description="Where the partner keeps it.")
    received_at: datetime


class DeadLetterOut(BaseModel):
    """A job that gave up."""

    id: int
    kind: str
    attempts: int
    last_error: str | None
    created_at: datetime


class DeliveriesOut(BaseModel):
    """What partners have been told, what they accepted for good, and what could not be delivered."""

    partners: list[DeliveryOut]
    receipts: list[ReceiptOut]
    dead_letters: list[DeadLetterOut]


class AgreementIn(BaseModel):
    """What is agreed."""

    model_config = ConfigDict(extra="forbid")

    allowed: bool


class AgreementOut(BaseModel):
    """What a CPO and an eMSP have agreed, about everything or about one object."""

    cpo: str = Field(description="CC*PID, or * for every CPO.")
    emsp: str = Field(description="CC*PID, or * for every eMSP.")
    module: str = Field(description="locations or tariffs for an exception of a single object, else empty.")
    object_id: str = Field(description="The object's id in lower case, else empty.")
    allowed: bool
    updated_at: datetime


class AgreementsOut(BaseModel):
    """What is agreed, and what holds where nothing is."""

    default: str = Field(description="allow or deny, as the deployment is set.")
    items: list[AgreementOut]


class PullIn(BaseModel):
    """What is to be read of a partner's lists."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["FULL", "DELTA"] = Field("DELTA", description="FULL reads the whole list and finds what is gone.")
    since: AwareDatetime | None = Field(
        None, description="A DELTA looks at least as far back; to where the last pull began when absent."
    )
    modules: list[str] | None = Field(None, max_length=10, description="All that the partner has when absent.")


class PullOut(BaseModel):
    """How far one list of a partner has been read."""

    module: str
    wanted: str | None = Field(description="FULL or DELTA when a pull is due.")
    running: str | None = Field(description="FULL or DELTA while a pull is under way.")
    started_at: datetime | None
    date_from: datetime | None = Field(description="From when on it looks; null for the whole list.")
    position: int = Field(description="Objects of the list that were read.")
    total: int | None = Field(description="How many there are, as the partner says.")
    pages: int
    stored: int = Field(description="Objects that were new or changed.")
    skipped: int = Field(description="Objects that could not be used.")
    removed: int = Field(description="Objects that were gone from the list.")
    failures: int
    retry_at: datetime | None
    last_error: str | None
    last_full_at: datetime | None
    last_delta_at: datetime | None


class QuirkFoundOut(BaseModel):
    """What is known of one quirk."""

    first_seen: datetime
    last_seen: datetime
    count: int
    pinned: bool = Field(description="An operator said it: nothing that is found out changes it.")


QuirkValue = bool | int | list[str] | None


class QuirkOut(BaseModel):
    """One way in which partners differ, and how this one is."""

    name: str
    meaning: str
    value: QuirkValue
    normal: QuirkValue = Field(description="How partners are that follow the specification.")
    found: QuirkFoundOut | None


class QuirksIn(BaseModel):
    """What an operator says of a partner's ways."""

    model_config = ConfigDict(extra="forbid")

    set: dict[str, QuirkValue] = Field(default_factory=dict, description="Quirks and their values, by name.")
    forget: list[str] = Field(default_factory=list, description="Quirks that are to be found out again.")


class ReachablePartyOut(BaseModel):
    """A party that a partner hub can reach for us."""

    party: str
    role: str
    status: str
    last_updated: datetime
