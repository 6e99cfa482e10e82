"""Who sells and who buys, as the operator has entered it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from payments.documents.model import Complaint, Party


@dataclass(frozen=True, slots=True)
class SellerProfile:
    """A seller. `vat_ids` are by country of supply (ISO 3166-1 alpha-2); `vat_id` is for every other one, as under OSS.

    `prefix` begins the names of all series of numbers. `iban` is where invoices are paid to.
    """

    name: str
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    vat_id: str = ""
    vat_ids: Mapping[str, str] = field(default_factory=dict)
    registration: str = ""
    iban: str = ""
    prefix: str = ""
    payment_days: int = 14
    complaint: Complaint = field(default_factory=Complaint)

    def party(self, country: str) -> Party:
        """The seller of something that is supplied in this country."""
        return Party(
            name=self.name,
            street=self.street,
            postal_code=self.postal_code,
            city=self.city,
            country=self.country,
            vat_id=self.vat_ids.get(country, self.vat_id),
            registration=self.registration,
        )


_SELLER, _BUYER = TypeAdapter(SellerProfile), TypeAdapter(Party)


def seller_json(profile: SellerProfile) -> bytes:
    """A profile as it is stored."""
    return _SELLER.dump_json(profile)


def seller_of(stored: bytes) -> SellerProfile:
    """What `seller_json` was given."""
    return _SELLER.validate_json(stored)


def buyer_json(buyer: Party) -> bytes:
    """A buyer as it is stored."""
    return _BUYER.dump_json(buyer)


def buyer_of(stored: bytes) -> Party:
    """What `buyer_json` was given."""
    return _BUYER.validate_json(stored)
