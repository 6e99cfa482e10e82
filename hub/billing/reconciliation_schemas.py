"""JSON of the operator API about money: what was compared, and what did not match."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from payments.finding_tables import FindingRow, RunRow
from payments.findings import Code


class FindingOut(BaseModel):
    """Something that does not match."""

    id: str
    part: str = Field(description="`ledger`: within our books; `provider`: between the payment provider's and ours.")
    code: Code
    subject: str = Field(description="A kind and an id: `payment 0190…`, `line txn_…`, `cdr NL*PLB*…`.")
    detail: str
    subject_at: datetime
    found_at: datetime
    seen_at: datetime = Field(description="When it was last found.")
    resolved_at: datetime | None
    note: str | None = Field(description="Of whoever resolved it; null when it was not found any more.")

    @classmethod
    def of(cls, row: FindingRow) -> Self:
        """From a stored finding."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class RunOut(BaseModel):
    """One comparison."""

    part: str
    since: datetime
    until: datetime
    began_at: datetime
    ended_at: datetime | None = Field(description="Null while it runs, and when it broke off.")
    checked: int = Field(description="How many things were compared.")
    found: int

    @classmethod
    def of(cls, row: RunRow) -> Self:
        """From a stored run."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class ReconciliationOut(BaseModel):
    """A page of findings, newest first, and the last comparison of each part."""

    items: Sequence[FindingOut]
    total: int
    limit: int
    offset: int
    runs: Sequence[RunOut]


class ResolveIn(BaseModel):
    """Why a finding is none, or what was done."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=1, max_length=300)
