"""Operator API: drivers' wallets and debts."""

from fastapi import APIRouter

from auth.guards import AdminDep, OperatorDep
from hub.drivers import service as drivers
from hub.paying.flows import Paying
from hub.paying.schemas import CreditIn, DebtOut, MovementOut, PaidBackOut, WalletOut
from kit.idempotency import IdempotencyKey
from kit.paging import Page, Paging


def router(paying: Paying) -> APIRouter:
    """The routes of this room for operators."""
    routes = APIRouter(tags=["wallets"])

    async def known(driver_id: str) -> None:
        async with paying.db.read() as tx:
            await drivers.get(tx, driver_id)

    @routes.get("/drivers/{driver_id}/wallet", operation_id="get_driver_wallet")
    async def get_driver_wallet(driver_id: str, _: OperatorDep) -> WalletOut:
        """What a driver has paid in, and what is free."""
        await known(driver_id)
        found = await paying.wallet(driver_id)
        return WalletOut.of(found) if found is not None else WalletOut.empty(paying.currency)

    @routes.get("/drivers/{driver_id}/wallet/transfers", operation_id="list_driver_wallet_transfers")
    async def list_driver_wallet_transfers(driver_id: str, _: OperatorDep, paging: Paging) -> Page[MovementOut]:
        """A wallet's statement, newest first."""
        await known(driver_id)
        lines, total = await paying.movements(driver_id, offset=paging.offset, limit=paging.limit)
        return Page.of([MovementOut.of(line) for line in lines], total, paging)

    @routes.post("/drivers/{driver_id}/wallet/credits", operation_id="credit_driver_wallet")
    async def credit_driver_wallet(driver_id: str, body: CreditIn, _: AdminDep, key: IdempotencyKey) -> WalletOut:
        """Give a driver something to spend, as a kindness. It is on your account, and is never paid out."""
        await known(driver_id)
        return WalletOut.of(await paying.credit(driver_id, body, key))

    @routes.post("/drivers/{driver_id}/wallet/payout", operation_id="pay_out_driver_wallet", status_code=202)
    async def pay_out_driver_wallet(driver_id: str, _: AdminDep) -> PaidBackOut:
        """Send what a driver has paid in and not spent back to the cards that it came from."""
        await known(driver_id)
        going = await paying.pay_back(driver_id)
        return PaidBackOut(amount=going.to_decimal(), currency=going.currency)

    @routes.get("/drivers/{driver_id}/debts", operation_id="list_driver_debts")
    async def list_driver_debts(driver_id: str, _: OperatorDep) -> list[DebtOut]:
        """What a driver's sessions cost beyond what was put aside, newest first."""
        await known(driver_id)
        return [DebtOut.of(debt) for debt in await paying.debts(driver_id)]

    return routes
