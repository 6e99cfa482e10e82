"""JSON of the driver API about receipts."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, Field

from hub.billing.document_schemas import DocumentHead, DocumentOut
from kit.money import Money
from payments.documents.tables import DocumentRow
from payments.tables import Hold


class PaidOut(BaseModel):
    """What has become of the money on the card by now; a receipt itself never changes."""

    state: str = Field(description="Of the hold: HELD, CAPTURED, VOIDED, EXPIRED, …")
    held: Decimal
    captured: Decimal


class ReceiptOut(DocumentOut):
    """The document of a session, and what came after it."""

    card: PaidOut | None
    credit_notes: Sequence[DocumentHead]
    credited: Decimal = Field(description="What was given back by now.")

    @classmethod
    def after(
        cls, row: DocumentRow, credits: Sequence[DocumentRow], hold: Hold | None, link: Callable[[str], str]
    ) -> Self:
        """From a stored document and what refers to it."""
        credited = sum(each.net_minor + each.vat_minor for each in credits)
        return cls(
            **DocumentOut.of(row, link).model_dump(),
            card=_paid(hold) if hold is not None else None,
            credit_notes=[DocumentHead.of(each, link) for each in credits],
            credited=Money(credited, row.currency).to_decimal(),
        )


def _paid(hold: Hold) -> PaidOut:
    captured = Money(hold.captured_minor, hold.currency)
    return PaidOut(state=hold.state, held=hold.amount.to_decimal(), captured=captured.to_decimal())
