"""Operator API: partners and deliveries."""

from fastapi import APIRouter
from sqlalchemy import select
from sqlmodel import col

from auth.guards import AdminDep, OperatorDep
from hub.parties import changes, clientinfo, pulls
from hub.parties.changes import Cursor, Position
from hub.parties.directory import Directory, Peer
from hub.parties.outbox import Receipt
from hub.parties.quirks import KINDS, Quirks
from hub.parties.registration import Registrar, settle_quirks
from hub.parties.renewing import Renewer
from hub.parties.schemas import (
    DeadLetterOut,
    DeliveriesOut,
    DeliveryOut,
    InvitationIn,
    InvitationOut,
    PartnerEndOut,
    PartnerIn,
    PartnerOut,
    PartnerParty,
    PullIn,
    PullOut,
    QuirkFoundOut,
    QuirkOut,
    QuirksIn,
    ReachablePartyOut,
    ReceiptOut,
)
from kit.errors import NotFound
from kit.jobs import dead_letters, replay
from kit.tx import Database


def router(db: Database, registrar: Registrar, renewer: Renewer, directory: Directory) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["partners"])

    @routes.post("/partners/invitations", operation_id="invite_partner", status_code=201)
    async def invite_partner(body: InvitationIn, _: AdminDep) -> InvitationOut:
        """Invite a partner: it registers with the URL and the token within the roles that are named."""
        allowed = [(role.role, *role.party.upper().split("*")) for role in body.roles]
        platform_id, token = await registrar.invite(body.name, allowed)  # type: ignore[arg-type]
        return InvitationOut(platform_id=platform_id, versions_url=registrar.versions_url, token=token)

    @routes.post("/partners", operation_id="register_with_partner", status_code=201)
    async def register_with_partner(body: PartnerIn, _: AdminDep) -> PartnerOut:
        """Register with a partner who has invited us."""
        platform_id = await registrar.register_with(body.name, body.versions_url, body.token)
        return _partner((await directory.snapshot()).peers[platform_id])

    @routes.get("/partners", operation_id="list_partners")
    async def list_partners(_: OperatorDep) -> list[PartnerOut]:
        """Every partner."""
        return [_partner(peer) for peer in (await directory.snapshot()).peers.values()]

    @routes.post("/partners/{platform_id}/renewal", operation_id="renew_partner")
    async def renew_partner(platform_id: str, _: AdminDep) -> PartnerOut:
        """Change both tokens and read the partner's endpoints anew, by a PUT of our credentials."""
        await renewer.renew(platform_id)
        return _partner(await _peer_of(directory, platform_id))

    @routes.delete("/partners/{platform_id}", operation_id="end_partner")
    async def end_partner(platform_id: str, _: AdminDep) -> PartnerEndOut:
        """End the registration on both sides, or withdraw an invitation that nobody has taken up."""
        return PartnerEndOut(partner_took_note=await renewer.end(platform_id))

    @routes.get("/deliveries", operation_id="list_deliveries")
    async def list_deliveries(_: OperatorDep) -> DeliveriesOut:
        """How far each partner has been told of each module, the newest receipts, and what gave up."""
        peers = (await directory.snapshot()).peers
        async with db.read() as tx:
            cursors = await tx.all(select(Cursor).order_by(col(Cursor.platform_id), col(Cursor.module)))
            heads = await changes.heads(db, sorted({cursor.module for cursor in cursors}))
            receipts = await tx.all(select(Receipt).order_by(col(Receipt.received_at).desc()).limit(100))
            dead = await dead_letters(tx)
        return DeliveriesOut(
            partners=[_delivery(cursor, peers.get(cursor.platform_id), heads) for cursor in cursors],
            receipts=[_receipt(receipt) for receipt in receipts],
            dead_letters=[DeadLetterOut.model_validate(row, from_attributes=True) for row in dead],
        )

    @routes.post("/deliveries/dead-letters/{job_id}/replay", operation_id="replay_dead_letter", status_code=204)
    async def replay_dead_letter(job_id: int, _: AdminDep) -> None:
        """Try a job again that gave up."""
        async with db.tx() as tx:
            if not await replay(tx, job_id):
                raise NotFound("no such dead letter")

    @routes.get("/partners/{platform_id}/pulls", operation_id="list_pulls")
    async def list_pulls(platform_id: str, _: OperatorDep) -> list[PullOut]:
        """How far each of the partner's lists has been read."""
        await _peer_of(directory, platform_id)
        async with db.read() as tx:
            return [
                PullOut.model_validate(state, from_attributes=True) for state in await pulls.states_of(tx, platform_id)
            ]

    @routes.post("/partners/{platform_id}/pulls", operation_id="start_pull", status_code=202)
    async def start_pull(platform_id: str, body: PullIn, _: AdminDep) -> list[PullOut]:
        """Read the partner's lists as soon as it can be reached."""
        await _peer_of(directory, platform_id)
        async with db.tx() as tx:
            asked = await pulls.ask(tx, platform_id, body.kind, since=body.since, modules=body.modules)
            if not asked:
                raise NotFound("the partner has no such list")
            return [
                PullOut.model_validate(state, from_attributes=True) for state in await pulls.states_of(tx, platform_id)
            ]

    @routes.get("/partners/{platform_id}/quirks", operation_id="get_quirks")
    async def get_quirks(platform_id: str, _: OperatorDep) -> list[QuirkOut]:
        """The partner's ways: what was found out, and what an operator has said."""
        return _quirks((await _peer_of(directory, platform_id)).quirks)

    @routes.patch("/partners/{platform_id}/quirks", operation_id="set_quirks")
    async def set_quirks(platform_id: str, body: QuirksIn, _: AdminDep) -> list[QuirkOut]:
        """Say how the partner is; what was said is not changed by what is found out later."""
        async with db.tx() as tx:
            return _quirks(await settle_quirks(tx, platform_id, body.set, body.forget))

    @routes.get("/partners/{platform_id}/reachable-parties", operation_id="list_reachable_parties")
    async def list_reachable_parties(platform_id: str, _: OperatorDep) -> list[ReachablePartyOut]:
        """The parties that a partner hub can reach for us."""
        await _peer_of(directory, platform_id)
        async with db.read() as tx:
            rows = await clientinfo.behind(tx, platform_id)
        return [ReachablePartyOut(party=f"{row.country_code}*{row.party_id}", **row.model_dump()) for row in rows]

    return routes


async def _peer_of(directory: Directory, platform_id: str) -> Peer:
    peer = (await directory.snapshot()).peers.get(platform_id)
    if peer is None:
        raise NotFound("no such partner")
    return peer


def _quirks(quirks: Quirks) -> list[QuirkOut]:
    return [
        QuirkOut(
            name=name,
            meaning=kind.meaning,
            value=quirks.value(name),
            normal=kind.normal,
            found=QuirkFoundOut.model_validate(found, from_attributes=True)
            if (found := quirks.findings.get(name))
            else None,
        )
        for name, kind in KINDS.items()
    ]


def _partner(peer: Peer) -> PartnerOut:
    return PartnerOut(
        id=peer.id,
        name=peer.name,
        status=peer.status,
        version=peer.version,
        versions_url=peer.versions_url,
        parties=[
            PartnerParty(role=party.role, party=party.key, business_name=party.business_name) for party in peer.parties
        ],
        endpoints=sorted(peer.endpoints),
    )


def _delivery(cursor: Cursor, peer: Peer | None, heads: dict[str, Position]) -> DeliveryOut:
    head = heads.get(cursor.module)
    return DeliveryOut(
        platform_id=cursor.platform_id,
        partner=peer.name if peer else "",
        status=peer.status if peer else "",
        module=cursor.module,
        delivered=cursor.delivered,
        waiting=head is not None and head > Position(cursor.xid, cursor.seq),
        failures=cursor.failures,
        retry_at=cursor.retry_at,
        last_error=cursor.last_error,
        last_success_at=cursor.last_success_at,
    )


def _receipt(receipt: Receipt) -> ReceiptOut:
    return ReceiptOut(
        platform_id=receipt.platform_id,
        module=receipt.module,
        owner=f"{receipt.country_code}*{receipt.party_id}",
        object_id=receipt.object_id,
        location=receipt.location,
        received_at=receipt.received_at,
    )
