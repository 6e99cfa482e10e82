"""JSON of the operator API about tariffs: where one is to hold, and what was found."""

from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel, Field

from hub.tariffs.legal import Place, Severity
from hub.tariffs.linting import Inspected, finding_document
from hub.tariffs.model import InvalidTariff, Measure, UnsupportedTariff

Json = dict[str, Any]

MEASURED_HERE: frozenset[Measure] = frozenset()
"""What sessions at our own chargers know beside energy, time and the reservation before them."""


class At(BaseModel):
    """Where a tariff is to hold."""

    country: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]{2}(-[A-Za-z]{2,3})?$",
        description="ISO 3166-1 alpha-2 code, or one with its state as in US-CA; the party's country when absent.",
    )
    power_kw: Decimal | None = Field(
        default=None, gt=0, description="Power of the chargers; when absent, rules for fast ones warn only."
    )
    funded: bool = Field(default=True, description="In the United States: whether federal money paid for the charger.")

    def place(self, country: str) -> Place:
        """The place, in this country when none is named."""
        return Place.of(self.country or country, self.power_kw, funded=self.funded)


DEFAULT_PLACE = At()


class TariffFindingOut(BaseModel):
    """One thing that is wrong with a tariff."""

    severity: Severity
    code: str
    message: str
    source: str = Field(description="The rule: a section of OCPI, or a law.")
    pointer: str = Field(description="JSON pointer into the tariff; empty for all of it.")


class Text(BaseModel):
    """What drivers read, in one language."""

    language: str
    text: str


class CheckedTariff(BaseModel):
    """What was found, errors first, and the tariff in drivers' words."""

    findings: list[TariffFindingOut]
    description: list[Text]

    @classmethod
    def of(cls, inspected: Inspected) -> Self:
        """From what a look at the tariff found."""
        findings = [TariffFindingOut.model_validate(finding_document(finding)) for finding in inspected.findings]
        return cls(findings=findings, description=[Text.model_validate(text) for text in inspected.description])


class PublishedTariff(BaseModel):
    """A tariff as it was published, and what was found: warnings only."""

    tariff: Json = Field(description="The OCPI 2.2.1 Tariff.")
    findings: list[TariffFindingOut]
    description: list[Text]

    @classmethod
    def of(cls, tariff: Json, inspected: Inspected) -> Self:
        """From the stored tariff and what a look at it found."""
        checked = CheckedTariff.of(inspected)
        return cls(tariff=tariff, findings=checked.findings, description=checked.description)


def refusal(inspected: Inspected) -> InvalidTariff | UnsupportedTariff:
    """Why a tariff is not published: the first error, with all findings."""
    first = inspected.findings[0]
    kind = UnsupportedTariff if first.code == UnsupportedTariff.code else InvalidTariff
    documents = [finding_document(finding) for finding in inspected.findings]
    return kind(f"{first.message} ({first.source})", extensions={"findings": documents})  # type: ignore[dict-item]
