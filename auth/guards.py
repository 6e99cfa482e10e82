"""FastAPI dependencies that answer "who is asking" or refuse.

The application puts its `Database` and `KeyRing` on `app.state`; routes declare `operator: OperatorDep` to be for
operators, `admin: AdminDep` to be for operators who may change things, `who: DriverDep` to be for drivers, and
`who: DriverOrGuestDep` to be for drivers and for guests.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from auth.keys import GUEST_PREFIX, driver_of, operator_of
from auth.subjects import DriverIdentity, Guest, Operator
from kit.errors import Forbidden, Unauthenticated

_bearer = HTTPBearer(auto_error=False, scheme_name="operatorKey", description="An API key: `plb_…`")
_driver_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="driverKey",
    description="A driver's key, `pld_…`, or the secret of a guest's start, `pls_…`",
)


async def operator(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Operator:
    """The operator whose key the request bears. Raises `Unauthenticated`."""
    if credentials is None:
        raise Unauthenticated("send an API key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
    return await operator_of(request.app.state.db, request.app.state.keys, credentials.credentials)


OperatorDep = Annotated[Operator, Depends(operator)]


async def admin(who: OperatorDep) -> Operator:
    """An operator who may change things. Raises `Forbidden` for a viewer's key."""
    if not who.may_change:
        raise Forbidden("this key may look only")
    return who


AdminDep = Annotated[Operator, Depends(admin)]


async def driver_or_guest(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_driver_bearer)]
) -> DriverIdentity | Guest:
    """The driver whose key the request bears, or a guest, with the secret of a start or without one.

    Raises `Unauthenticated` for a key that is none.
    """
    address = request.client.host if request.client is not None else ""
    if credentials is None:
        return Guest(address)
    if credentials.credentials.startswith(GUEST_PREFIX):
        return Guest(address, credentials.credentials)
    async with request.app.state.db.read() as tx:
        return await driver_of(tx, request.app.state.keys, credentials.credentials)


async def driver(who: Annotated[DriverIdentity | Guest, Depends(driver_or_guest)]) -> DriverIdentity:
    """The driver whose key the request bears. Raises `Unauthenticated` for a guest."""
    if isinstance(who, Guest):
        raise Unauthenticated("send your key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
    return who


DriverDep = Annotated[DriverIdentity, Depends(driver)]
DriverOrGuestDep = Annotated[DriverIdentity | Guest, Depends(driver_or_guest)]
