"""Rows of the tariffs room."""

from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from hub.parties.objects import OcpiObject


class Tariff(OcpiObject, table=True):
    """A tariff of ours or of a partner CPO."""

    __table_args__ = (UniqueConstraint("country_code", "party_id", "object_id"),)
    module: ClassVar[str] = "tariffs"

    currency: str = Field(max_length=3)
