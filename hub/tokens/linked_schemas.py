"""JSON of the driver and operator APIs about cards and vehicles of drivers."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from hub.tokens.linked import VEHICLE
from hub.tokens.tables import Token


class CardTokenIn(BaseModel):
    """A card, or the contract of a vehicle, that is to be a driver's."""

    model_config = ConfigDict(extra="forbid")

    uid: str = Field(min_length=1, max_length=36, description="What the reader sees: the RFID UID in hex, or an eMAID.")
    type: str = Field("RFID", pattern="^(RFID|OTHER)$", description="OTHER for the contract of a vehicle.")
    visual_number: str | None = Field(None, min_length=1, max_length=64, description="What is printed on it.")


class LinkedTokenOut(BaseModel):
    """A card or a vehicle of a driver. Its uid is what charges: nobody is shown more of it than its end."""

    id: str
    kind: str = Field(description="card or vehicle")
    visual_number: str | None
    uid_end: str
    valid: bool

    @classmethod
    def of(cls, row: Token) -> Self:
        """From a stored token."""
        body = row.body()
        return cls(
            id=str(row.id),
            kind="vehicle" if body["type"] == "OTHER" else "card",
            visual_number=body.get("visual_number"),
            uid_end=body["uid"][-4:],
            valid=body["valid"],
        )


def is_vehicle(uid: str, token_type: str) -> bool:
    """Whether a token is a vehicle's own address."""
    return token_type == "OTHER" and uid.upper().startswith(VEHICLE)  # noqa: S105 - a kind of token
