"""FastAPI dependencies that answer "who is asking" or refuse.

The application puts its `Database` and `KeyRing` on `app.state`; routes declare `operator: OperatorDep` to be for
operators, and `admin: AdminDep` to be for operators who may change things.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from auth.keys import operator_of
from auth.subjects import Operator
from kit.errors import Forbidden, Unauthenticated

_bearer = HTTPBearer(auto_error=False, scheme_name="operatorKey", description="An API key: `plb_…`")


async def operator(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Operator:
    """The operator whose key the request bears. Raises `Unauthenticated`."""
    if credentials is None:
        raise Unauthenticated("send an API key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
    async with request.app.state.db.read() as tx:
        return await operator_of(tx, request.app.state.keys, credentials.credentials)


OperatorDep = Annotated[Operator, Depends(operator)]


async def admin(who: OperatorDep) -> Operator:
    """An operator who may change things. Raises `Forbidden` for a viewer's key."""
    if not who.may_change:
        raise Forbidden("this key may look only")
    return who


AdminDep = Annotated[Operator, Depends(admin)]
