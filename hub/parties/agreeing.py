"""Changing agreements inside one transaction: whoever may see more by it is told what it may see now."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import col

from hub.parties.agreements import ANY, Agreements, Term, grants
from hub.parties.audience import SHARED_MODULES, visible_to
from hub.parties.directory import DOORBELL, Directory, peers_of
from hub.parties.lanes import Lane, read_again
from hub.parties.tables import AgreementRow, PartyRow, Platform
from kit.tx import Tx


async def put(tx: Tx, directory: Directory, term: Term) -> AgreementRow:
    """Store a term in place of the one between the same two about the same."""
    before = await directory.agreements(tx)
    row = await tx.get(AgreementRow, _key(term))
    if row is None:
        row = AgreementRow(
            cpo=term.cpo,
            emsp=term.emsp,
            module=term.module,
            object_id=term.object_id,
            allowed=term.allowed,
            updated_at=tx.now,
        )
        tx.add(row)
    else:
        row.allowed, row.updated_at = term.allowed, tx.now
    await _changed(tx, directory, before)
    return row


async def remove(tx: Tx, directory: Directory, term: Term) -> bool:
    """Forget a term; False when there is none. What is more general holds again."""
    before = await directory.agreements(tx)
    row = await tx.get(AgreementRow, _key(term))
    if row is None:
        return False
    await tx.delete(row)
    await _changed(tx, directory, before)
    return True


async def listed(
    tx: Tx, *, party: str | None = None, module: str | None = None, allowed: bool | None = None
) -> Sequence[AgreementRow]:
    """The terms of a party, those with everybody included; about a module; that allow or forbid. In a fixed order."""
    where: list[ColumnElement[bool]] = []
    if party is not None:
        mine = (party, ANY)
        either = or_(col(AgreementRow.cpo) == party, col(AgreementRow.emsp) == party)
        general = and_(col(AgreementRow.cpo).in_(mine), col(AgreementRow.emsp).in_(mine))
        where.append(or_(either, general))
    if module is not None:
        where.append(col(AgreementRow.module) == module)
    if allowed is not None:
        where.append(col(AgreementRow.allowed).is_(allowed))
    order = (AgreementRow.cpo, AgreementRow.emsp, AgreementRow.module, AgreementRow.object_id)
    return await tx.all(select(AgreementRow).where(*where).order_by(*(col(each) for each in order)))


def _key(term: Term) -> tuple[str, str, str, str]:
    return term.cpo, term.emsp, term.module, term.object_id


async def _changed(tx: Tx, directory: Directory, before: Agreements) -> None:
    await tx.flush()
    after = await directory.agreements(tx)
    peers = peers_of(await tx.all(select(Platform)), await tx.all(select(PartyRow)))
    shown_more = [
        Lane(peer.id, module)
        for peer in peers.values()
        for module in SHARED_MODULES
        if grants(visible_to(peer, module, before), visible_to(peer, module, after))
    ]
    await read_again(tx, shown_more)
    tx.ring(DOORBELL)
