"""JSON of the operator API about sessions and CDRs. Amounts and energy are decimal strings, exact."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field

from csms.signed import Checked, SignedValue, Verdict
from hub.sessions.tables import Cdr, CdrDispute, Session


class SignedValueOut(BaseModel):
    """A signed meter value, to the letter, and what is known of its signature."""

    at: datetime | None
    nature: str = Field(description="Start, End or Intermediate.")
    encoding: str = Field(description="The format, OCMF for one; empty when nobody said.")
    text: str
    public_key: str | None = Field(description="The key that came along. It says only that both fit each other.")
    verdict: Verdict
    detail: str
    begin_kwh: Decimal | None
    end_kwh: Decimal | None
    issues: list[str] = Field(description="What stands against it in German calibration law.")

    @classmethod
    def of(cls, value: SignedValue, checked: Checked) -> Self:
        """From a value and what came of its verification."""
        begin, end = checked.begin_wh, checked.end_wh
        return cls(
            at=value.at,
            nature=value.nature.value,
            encoding=value.encoding,
            text=value.text,
            public_key=value.public_key,
            verdict=checked.verdict,
            detail=checked.detail,
            begin_kwh=None if begin is None else begin.scaleb(-3),
            end_kwh=None if end is None else end.scaleb(-3),
            issues=list(checked.issues),
        )


class SessionOut(BaseModel):
    """A charging session."""

    id: str = Field(description="The OCPI id, unique within its CPO party.")
    cpo: str = Field(description="Who operates the charger, as CC*PID.")
    emsp: str = Field(description="Whose driver it is, as CC*PID.")
    own_charger: bool
    status: str
    started_at: datetime
    ended_at: datetime | None
    kwh: Decimal
    currency: str
    total_cost: Decimal | None = Field(description="Excluding VAT; null while nothing prices it.")
    location_id: str
    evse_uid: str
    connector_id: str
    auth_method: str
    authorization_reference: str | None
    start_id: str | None
    transaction_id: int | None
    review: str | None = Field(description="Why a person should look at it before it becomes money.")
    last_updated: datetime

    @classmethod
    def of(cls, row: Session) -> Self:
        """From a stored session."""
        body = row.body()
        token = body["cdr_token"]
        return cls(
            id=body["id"],
            cpo=f"{row.country_code}*{row.party_id}",
            emsp=f"{token['country_code']}*{token['party_id']}",
            own_charger=row.platform_id is None,
            status=row.status,
            started_at=row.started_at,
            ended_at=row.ended_at,
            kwh=row.energy_wh.scaleb(-3),
            currency=row.currency,
            total_cost=row.total_cost,
            location_id=body["location_id"],
            evse_uid=body["evse_uid"],
            connector_id=body["connector_id"],
            auth_method=body["auth_method"],
            authorization_reference=body.get("authorization_reference"),
            start_id=row.start_id,
            transaction_id=row.transaction_id,
            review=row.review,
            last_updated=row.last_updated,
        )


class CdrOut(BaseModel):
    """A charge detail record, and what we make of a partner's."""

    id: str
    cpo: str
    emsp: str
    own_charger: bool
    session_id: str | None
    kwh: Decimal
    currency: str
    total_cost: Decimal = Field(description="Excluding VAT, as the CPO states it.")
    priced_cost: Decimal | None = Field(description="What a partner's tariff gives for the same periods.")
    cdr: dict[str, Any] = Field(description="The OCPI 2.2.1 CDR.")

    @classmethod
    def of(cls, row: Cdr) -> Self:
        """From a stored CDR."""
        body = row.body()
        token = body["cdr_token"]
        return cls(
            id=body["id"],
            cpo=f"{row.country_code}*{row.party_id}",
            emsp=f"{token['country_code']}*{token['party_id']}",
            own_charger=row.platform_id is None,
            session_id=body.get("session_id"),
            kwh=row.energy_wh.scaleb(-3),
            currency=row.currency,
            total_cost=row.total_cost,
            priced_cost=row.priced_cost,
            cdr=body,
        )


class CdrCreditIn(BaseModel):
    """How a CDR is taken back."""

    model_config = ConfigDict(extra="forbid")

    again: bool = Field(False, description="Whether a new CDR is made of the session, by its record as it is now.")


class CdrDisputeOut(BaseModel):
    """What a CPO sent under the id of a CDR that is stored with other content."""

    id: int
    received_at: datetime
    stored: CdrOut
    sent: dict[str, Any] = Field(description="The OCPI 2.2.1 CDR that was refused.")

    @classmethod
    def of(cls, row: CdrDispute, cdr: Cdr) -> Self:
        """From a stored dispute and its CDR."""
        assert row.id is not None  # noqa: S101 - it is stored
        return cls(id=row.id, received_at=row.received_at, stored=CdrOut.of(cdr), sent=orjson.loads(row.doc))
