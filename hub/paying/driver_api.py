"""Driver API: the wallet, saved cards, and what is not paid yet."""

from fastapi import APIRouter

from auth.guards import DriverDep
from hub.paying.flows import Paying
from hub.paying.schemas import (
    CardBegunOut,
    CardOut,
    DebtIn,
    DebtOut,
    MovementOut,
    PaidBackOut,
    ReloadIn,
    TopUpIn,
    TopUpOut,
    WalletOut,
)
from kit.idempotency import IdempotencyKey
from kit.paging import Page, Paging
from kit.rates import Rates


def router(paying: Paying, rates: Rates) -> APIRouter:
    """The routes of this room for drivers."""
    routes = APIRouter()
    _add_wallet(routes, paying, rates)
    _add_cards(routes, paying, rates)
    _add_debts(routes, paying, rates)
    return routes


def _add_wallet(routes: APIRouter, paying: Paying, rates: Rates) -> None:
    @routes.get("/wallet", operation_id="get_wallet", tags=["wallet"])
    async def get_wallet(who: DriverDep) -> WalletOut:
        """What was paid in beforehand, what of it is put aside, and what is free."""
        rates.check(who.driver_id)
        found = await paying.wallet(who.driver_id)
        return WalletOut.of(found) if found is not None else WalletOut.empty(paying.currency)

    @routes.get("/wallet/transfers", operation_id="list_wallet_transfers", tags=["wallet"])
    async def list_wallet_transfers(who: DriverDep, paging: Paging) -> Page[MovementOut]:
        """The statement, newest first, each line with the balance after it."""
        rates.check(who.driver_id)
        lines, total = await paying.movements(who.driver_id, offset=paging.offset, limit=paging.limit)
        return Page.of([MovementOut.of(line) for line in lines], total, paging)

    @routes.post("/wallet/top-ups", operation_id="create_top_up", status_code=201, tags=["wallet"])
    async def create_top_up(body: TopUpIn, who: DriverDep, key: IdempotencyKey) -> TopUpOut:
        """Pay in, by a saved card or by one that is entered with `client_secret` in the provider's form."""
        rates.check(who.driver_id)
        return TopUpOut.of(*await paying.top_up(who.driver_id, body, key))

    @routes.get("/wallet/top-ups/{top_up_id}", operation_id="get_top_up", tags=["wallet"])
    async def get_top_up(top_up_id: str, who: DriverDep) -> TopUpOut:
        """A payment into the wallet."""
        rates.check(who.driver_id)
        return TopUpOut.of(*await paying.top_up_now(who.driver_id, top_up_id))

    @routes.post("/wallet/top-ups/{top_up_id}/payment", operation_id="refresh_top_up", tags=["wallet"])
    async def refresh_top_up(top_up_id: str, who: DriverDep) -> TopUpOut:
        """The driver has acted in the app: see at the provider what came of it, without waiting."""
        rates.check(who.driver_id)
        return TopUpOut.of(*await paying.top_up_now(who.driver_id, top_up_id, look=True))

    @routes.put("/wallet/auto-reload", operation_id="set_auto_reload", tags=["wallet"])
    async def set_auto_reload(body: ReloadIn, who: DriverDep) -> WalletOut:
        """Have the wallet filled from the default card whenever too little is free. One that was paused goes on."""
        rates.check(who.driver_id)
        return WalletOut.of(await paying.fill_by(who.driver_id, body))

    @routes.delete("/wallet/auto-reload", operation_id="end_auto_reload", tags=["wallet"])
    async def end_auto_reload(who: DriverDep) -> WalletOut:
        """Have the wallet filled by hand alone."""
        rates.check(who.driver_id)
        return WalletOut.of(await paying.fill_by(who.driver_id, None))

    @routes.post("/wallet/payout", operation_id="pay_out_wallet", status_code=202, tags=["wallet"])
    async def pay_out_wallet(who: DriverDep) -> PaidBackOut:
        """Send what is in the wallet back to the cards that it was filled from. It is not filled by itself any more."""
        rates.check(who.driver_id)
        going = await paying.pay_back(who.driver_id)
        return PaidBackOut(amount=going.to_decimal(), currency=going.currency)


def _add_cards(routes: APIRouter, paying: Paying, rates: Rates) -> None:
    @routes.post("/cards", operation_id="begin_card", status_code=201, tags=["cards"])
    async def begin_card(who: DriverDep) -> CardBegunOut:
        """Begin to save a card: show the provider's form with `client_secret`, then finish."""
        rates.check(who.driver_id)
        setup = await paying.begin_card(who.driver_id)
        return CardBegunOut(id=setup.id, client_secret=setup.client_secret)

    @routes.post("/cards/{card_id}/finish", operation_id="finish_card", tags=["cards"])
    async def finish_card(card_id: str, who: DriverDep) -> CardOut:
        """The driver has entered the card: note it. `card_id` is what `begin_card` answered; the card has its own id.

        It is the default from now on.
        """
        rates.check(who.driver_id)
        return CardOut.of(await paying.finish_card(who.driver_id, card_id))

    @routes.get("/cards", operation_id="list_cards", tags=["cards"])
    async def list_cards(who: DriverDep) -> list[CardOut]:
        """The saved cards, the default first."""
        rates.check(who.driver_id)
        return [CardOut.of(card) for card in await paying.cards(who.driver_id)]

    @routes.put("/cards/{card_id}/default", operation_id="prefer_card", status_code=204, tags=["cards"])
    async def prefer_card(card_id: str, who: DriverDep) -> None:
        """Make this the card that is charged where nobody names another."""
        rates.check(who.driver_id)
        await paying.prefer_card(who.driver_id, card_id)

    @routes.delete("/cards/{card_id}", operation_id="remove_card", status_code=204, tags=["cards"])
    async def remove_card(card_id: str, who: DriverDep) -> None:
        """Forget a card, here and at the provider."""
        rates.check(who.driver_id)
        await paying.remove_card(who.driver_id, card_id)


def _add_debts(routes: APIRouter, paying: Paying, rates: Rates) -> None:
    @routes.get("/debts", operation_id="list_debts", tags=["debts"])
    async def list_debts(who: DriverDep) -> list[DebtOut]:
        """What sessions cost beyond what was put aside for them, newest first, paid ones too."""
        rates.check(who.driver_id)
        return [DebtOut.of(debt) for debt in await paying.debts(who.driver_id)]

    @routes.post("/debts/{debt_id}/pay", operation_id="pay_debt", tags=["debts"])
    async def pay_debt(debt_id: str, body: DebtIn, who: DriverDep) -> DebtOut:
        """Try to pay it now, by another card if one is named.

        Where the bank wants the driver, `client_secret` is for the provider's form in the app; then ask again.
        """
        rates.check(who.driver_id)
        return DebtOut.of(*await paying.pay_debt(who.driver_id, debt_id, body.card_id))
