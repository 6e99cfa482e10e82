"""Operator API: which CPO and eMSP may meet, and which single locations and tariffs are excepted."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from auth.guards import AdminDep, OperatorDep
from hub.parties import agreeing
from hub.parties.agreements import ANY, Term
from hub.parties.directory import Directory
from hub.parties.schemas import AgreementIn, AgreementOut, AgreementsOut
from kit.errors import InvalidInput, NotFound
from kit.tx import Database

PARTY_OR_ANY = r"^(\*|[A-Za-z]{2}\*[A-Za-z0-9]{3})$"

Cpo = Annotated[str, Path(pattern=PARTY_OR_ANY, description="A CPO as CC*PID, or * for every CPO.")]
Emsp = Annotated[str, Path(pattern=PARTY_OR_ANY, description="An eMSP, NSP, … as CC*PID, or * for every one.")]
ObjectModule = Literal["locations", "tariffs"]
ObjectId = Annotated[str, Path(min_length=1, max_length=36, description="The OCPI id of the location or tariff.")]


def router(db: Database, directory: Directory) -> APIRouter:
    """The routes of agreements."""
    routes = APIRouter(tags=["agreements"])

    @routes.get("/agreements", operation_id="list_agreements")
    async def list_agreements(
        _: OperatorDep,
        party: Annotated[str | None, Query(pattern=PARTY_OR_ANY, description="Those that a party is part of.")] = None,
        module: Annotated[ObjectModule | None, Query(description="Exceptions of this module alone.")] = None,
        allowed: Annotated[bool | None, Query(description="Those that allow, or those that forbid.")] = None,
    ) -> AgreementsOut:
        """What is agreed, and what holds where nothing is."""
        async with db.read() as tx:
            rows = await agreeing.listed(tx, party=party.upper() if party else None, module=module, allowed=allowed)
            default = (await directory.agreements(tx)).default
        return AgreementsOut(
            default="allow" if default else "deny",
            items=[AgreementOut.model_validate(row, from_attributes=True) for row in rows],
        )

    @routes.put("/agreements/{cpo}/{emsp}", operation_id="put_agreement")
    async def put_agreement(cpo: Cpo, emsp: Emsp, body: AgreementIn, _: AdminDep) -> AgreementOut:
        """Say whether drivers of an eMSP may charge at a CPO, and the two see anything of each other."""
        return await _put(_term(cpo, emsp, allowed=body.allowed))

    @routes.delete("/agreements/{cpo}/{emsp}", operation_id="delete_agreement", status_code=204)
    async def delete_agreement(cpo: Cpo, emsp: Emsp, _: AdminDep) -> None:
        """Forget an agreement: what was said of everybody, or else the default, holds again."""
        await _remove(_term(cpo, emsp))

    @routes.put("/agreements/{cpo}/{emsp}/{module}/{object_id}", operation_id="put_agreement_exception")
    async def put_agreement_exception(
        cpo: Cpo, emsp: Emsp, module: ObjectModule, object_id: ObjectId, body: AgreementIn, _: AdminDep
    ) -> AgreementOut:
        """Show or hide a single location or tariff of a CPO, whatever else is agreed."""
        return await _put(_term(cpo, emsp, module, object_id, allowed=body.allowed))

    @routes.delete(
        "/agreements/{cpo}/{emsp}/{module}/{object_id}", operation_id="delete_agreement_exception", status_code=204
    )
    async def delete_agreement_exception(
        cpo: Cpo, emsp: Emsp, module: ObjectModule, object_id: ObjectId, _: AdminDep
    ) -> None:
        """Forget an exception."""
        await _remove(_term(cpo, emsp, module, object_id))

    async def _put(term: Term) -> AgreementOut:
        async with db.tx() as tx:
            row = await agreeing.put(tx, directory, term)
        return AgreementOut.model_validate(row, from_attributes=True)

    async def _remove(term: Term) -> None:
        async with db.tx() as tx:
            if not await agreeing.remove(tx, directory, term):
                raise NotFound("nothing like this is agreed")

    return routes


def _term(cpo: str, emsp: str, module: str = "", object_id: str = "", *, allowed: bool = True) -> Term:
    if module and cpo == ANY:
        raise InvalidInput("a single object belongs to one CPO: name it")
    return Term(cpo.upper(), emsp.upper(), allowed, module, object_id.casefold())
