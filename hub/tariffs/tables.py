"""Rows of the tariffs room."""

from typing import ClassVar

from sqlmodel import Field

from hub.parties.objects import OcpiObject, object_indexes


class Tariff(OcpiObject, table=True):
    """A tariff of ours or of a partner CPO."""

    __table_args__ = object_indexes("tariff")
    module: ClassVar[str] = "tariffs"

    currency: str = Field(max_length=3)
