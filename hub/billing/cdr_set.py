"""The CDRs of one session as a set: which of them stand, which are credited, and what is doubtful. Pure.

What follows from them depends on which are there, never on the order in which they came. A credit CDR takes another
back in whole (OCPI 2.2.1, mod_cdrs), whatever its amount says: some negate the total, some all of their figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Doubt(StrEnum):
    """What a person should ask the operator of the charger about."""

    CREDIT_OF_UNKNOWN = "credit_of_unknown"
    """A credit whose CDR never came, or that names none."""
    CREDITED_TWICE = "credited_twice"
    """A second credit for the same CDR: it takes nothing back."""
    CREDIT_OF_CREDIT = "credit_of_credit"
    """A credit for a credit: it takes nothing back."""
    CREDIT_AMOUNT = "credit_amount"
    """A credit whose total is not that of its CDR."""
    SEVERAL_CDRS = "several_cdrs"
    """A second CDR of the session, and the first is not credited: the driver pays the first alone."""


@dataclass(frozen=True, slots=True)
class Told:
    """A CDR by what matters here; `total` is what it comes to, as it says."""

    id: str
    total: Decimal
    is_credit: bool = False
    credit_of: str | None = None


@dataclass(frozen=True, slots=True)
class CdrSet:
    """What CDRs come to. `credited` names for each CDR that was taken back the credit that did it."""

    standing: tuple[str, ...]
    credited: Mapping[str, str]
    doubts: tuple[tuple[Doubt, str], ...]


def sort(told: Sequence[Told]) -> CdrSet:
    """Sort the CDRs of a session, which are told in the order of their ids in the database."""
    by_id = {each.id: each for each in told}
    credited: dict[str, str] = {}
    doubts: list[tuple[Doubt, str]] = []
    for each in told:
        if not each.is_credit:
            continue
        original = by_id.get(each.credit_of or "")
        if original is None:
            doubts.append((Doubt.CREDIT_OF_UNKNOWN, each.id))
        elif original.is_credit:
            doubts.append((Doubt.CREDIT_OF_CREDIT, each.id))
        elif original.id in credited:
            doubts.append((Doubt.CREDITED_TWICE, each.id))
        else:
            credited[original.id] = each.id
            if abs(each.total) != abs(original.total):
                doubts.append((Doubt.CREDIT_AMOUNT, each.id))
    standing = tuple(each.id for each in told if not each.is_credit and each.id not in credited)
    doubts += [(Doubt.SEVERAL_CDRS, id) for id in standing[1:]]
    return CdrSet(standing, credited, tuple(doubts))
