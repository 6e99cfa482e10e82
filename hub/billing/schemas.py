"""JSON of the operator API about documents: who sells, who buys, and what is given back."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.billing.tables import GivenBack
from kit.money import Money
from payments.documents.model import Complaint, Party
from payments.documents.profile import SellerProfile
from payments.tables import Refund, RefundState

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Country = Annotated[str, StringConstraints(pattern="^([A-Z]{2})?$")]
VatId = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}[A-Za-z0-9+*]{2,18})?$")]


class ComplaintIn(BaseModel):
    """Where drivers ask and complain."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    email: Text = ""
    phone: Text = ""
    url: Text = ""
    address: Text = ""
    dispute_body: Text = Field("", description="Who decides when a complaint does not help.")


class Seller(BaseModel):
    """Who sells. It stands on every document from now on; those that were issued stay as they are."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    name: Text = Field(min_length=1)
    street: Text = ""
    postal_code: Text = ""
    city: Text = ""
    country: Country = Field("", description="ISO 3166-1 alpha-2.")
    vat_id: VatId = Field("", description="For every country that has none of its own, as under OSS.")
    vat_ids: dict[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], VatId] = Field(
        {}, max_length=60, description="By the country of charging."
    )
    registration: Text = Field("", description="In the register of companies.")
    iban: Annotated[str, StringConstraints(pattern="^[A-Z0-9]{0,34}$")] = Field("", description="Where invoices go.")
    prefix: Annotated[str, StringConstraints(pattern="^[A-Z0-9-]{0,12}$")] = Field(
        "", description="Begins the name of each series of numbers; another one begins new series."
    )
    payment_days: int = Field(14, ge=0, le=120, description="How long an invoice may wait.")
    complaint: ComplaintIn = ComplaintIn()

    def profile(self) -> SellerProfile:
        """As documents take it."""
        return SellerProfile(**{**dict(self), "complaint": Complaint(**self.complaint.model_dump())})


class Buyer(BaseModel):
    """Whom a driver's invoices are addressed to."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    name: Text = Field(min_length=1)
    street: Text = ""
    postal_code: Text = ""
    city: Text = ""
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] = Field(description="ISO 3166-1 alpha-2.")
    vat_id: VatId = ""
    registration: Text = ""
    reference: Text = Field("", description="Printed as the customer number.")

    def party(self) -> Party:
        """As documents take it."""
        return Party(**self.model_dump())


class GiveBackIn(BaseModel):
    """An amount to give back."""

    model_config = ConfigDict(extra="forbid")

    amount: Decimal = Field(gt=0, max_digits=12, description="With VAT, in the currency's main unit.")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="Stands on the credit note, in the driver's language."
    )


class RefundOut(BaseModel):
    """Money that goes back. Its credit note is issued when it has succeeded, as what goes to a wallet has at once."""

    id: str
    to: Literal["card", "wallet"]
    state: str = Field(description="REQUESTED, UNKNOWN, PENDING, SUCCEEDED or FAILED.")
    amount: Decimal
    currency: str
    reason: str = Field(description="What stands on the credit note.")
    failure: str | None
    created_at: datetime

    @classmethod
    def of(cls, refund: GivenBack, reason: str) -> Self:
        """From a stored refund."""
        to_card = refund if isinstance(refund, Refund) else None
        return cls(
            id=refund.id,
            to="card" if to_card is not None else "wallet",
            state=to_card.state if to_card is not None else RefundState.SUCCEEDED,
            amount=Money(refund.amount_minor, refund.currency).to_decimal(),
            currency=refund.currency,
            reason=reason,
            failure=to_card.reason if to_card is not None else None,
            created_at=refund.created_at,
        )
