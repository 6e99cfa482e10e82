"""Credentials module: who a platform is and how to reach it (chapter Credentials)."""

from typing import Annotated

from ocpi.types import AT_LEAST_ONE, CiString2, CiString3, CredentialsToken, OcpiModel, Role, Url
from ocpi.v221.locations import BusinessDetails


class CredentialsRole(OcpiModel):
    """A role that a party plays on a platform (credentials, section CredentialsRole)."""

    role: Role
    business_details: BusinessDetails
    party_id: CiString3
    country_code: CiString2


class Credentials(OcpiModel):
    """The token for the other platform, our versions URL and our roles (credentials, section Credentials)."""

    token: CredentialsToken
    url: Url
    roles: Annotated[list[CredentialsRole], AT_LEAST_ONE]
