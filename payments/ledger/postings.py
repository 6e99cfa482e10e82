"""Which transfers each fact of the business makes: a page of accounting, and the only one. Pure.

| fact | what moves |
|---|---|
| a session is sold to a driver | margin and VAT → driver receivable |
| the same in another currency | margin and VAT → exchange, exchange → driver receivable |
| a session is sold to a party | margin and VAT → party receivable |
| a session is bought from a party | party payable → margin and input VAT |
| it was sold in another currency | margin → exchange, exchange → margin |
| a card is held, the hold ends | holds offset → holds, and back |
| a payment is captured | driver receivable → provider clearing |
| the provider keeps a fee | provider clearing → provider fees |
| the provider settles in another currency | clearing → exchange, exchange → clearing |
| a wallet is loaded, spent, paid back | wallet → clearing, receivable → wallet, clearing → wallet |
| a wallet gets back what it paid, a kindness | wallet → receivable, wallet → goodwill |
| what was paid in is disputed and lost | bad debt → wallet |
| a payment is refunded | provider clearing → driver receivable |
| a sale is credited | the sale, back |
| a payment is disputed, won, lost | clearing → disputes, back, disputes → bad debt |
| a debt is given up | driver receivable → bad debt |
| a fee for roaming | hub fees and VAT → party receivable |
| the provider pays out | provider clearing → bank |
| a party pays, is paid, is netted | receivable → bank, bank → payable, receivable → payable |

Amounts are whole minor units already: a document's total is rounded once, and VAT is what remains of it beside the net.
"""

from dataclasses import dataclass

from kit.money import Money
from payments.ledger.accounts import Account, AccountKind, Transfer, transfers

Transfers = tuple[Transfer, ...]

_CLEARING = Account(AccountKind.PROVIDER_CLEARING)
_BANK = Account(AccountKind.BANK)
_MARGIN = Account(AccountKind.MARGIN)
_PROVIDER_FEES = Account(AccountKind.PROVIDER_FEES)
_HOLDS_OFFSET = Account(AccountKind.HOLDS_OFFSET)
_HUB_FEES = Account(AccountKind.HUB_FEES)
_EXCHANGE = Account(AccountKind.EXCHANGE)
_GOODWILL = Account(AccountKind.GOODWILL)
_BAD_DEBT = Account(AccountKind.BAD_DEBT)


@dataclass(frozen=True, slots=True)
class Price:
    """What a document comes to: the net, and the VAT of the country of charging (ISO 3166-1 alpha-2)."""

    net: Money
    vat: Money
    country: str

    @property
    def gross(self) -> Money:
        """What is to be paid."""
        return self.net + self.vat


def receivable(payer: str) -> Account:
    """What this driver owes."""
    return Account(AccountKind.DRIVER_RECEIVABLE, payer)


def wallet(owner: str) -> Account:
    """What this driver has paid in."""
    return Account(AccountKind.WALLET, owner)


def payable(party: str) -> Account:
    """What we owe this party (`CC*PID`)."""
    return Account(AccountKind.PARTY_PAYABLE, party)


def receivable_from_party(party: str) -> Account:
    """What this party (`CC*PID`) owes us."""
    return Account(AccountKind.PARTY_RECEIVABLE, party)


def sold_to_driver(payer: str, price: Price) -> Transfers:
    """A driver owes the price of a session."""
    return _sold(receivable(payer), _MARGIN, price)


def sold_across(payer: str, price: Price, owed: Money) -> Transfers:
    """A driver owes the price of a session in another currency; both meet in exchange."""
    vat = Account(AccountKind.VAT, price.country)
    return transfers((_MARGIN, _EXCHANGE, price.net), (vat, _EXCHANGE, price.vat), (_EXCHANGE, receivable(payer), owed))


def sold_to_party(party: str, price: Price) -> Transfers:
    """A party owes the price of a session that its driver charged."""
    return _sold(receivable_from_party(party), _MARGIN, price)


def bought_from_party(party: str, price: Price) -> Transfers:
    """We owe a party the price of a session at its charger."""
    vat_input = Account(AccountKind.VAT_INPUT, price.country)
    return transfers((payable(party), _MARGIN, price.net), (payable(party), vat_input, price.vat))


def margin_exchanged(given: Money, taken: Money) -> Transfers:
    """What a session was bought for moves from the margin in that currency to that in the currency of its sale.

    `given` is the net in whole minor units, `taken` the same by the rate, rounded once: what the rounding adds or takes
    is in the account of exchange. Below zero it goes the other way, as a purchase of that amount does.
    """
    return exchanged(_MARGIN, _MARGIN, given, taken)


def credited(sale: Transfers) -> Transfers:
    """A sale, a purchase or a fee is taken back as a whole."""
    return tuple(each.back() for each in sale)


def roaming_fee(party: str, price: Price) -> Transfers:
    """A party owes a fee for roaming."""
    return _sold(receivable_from_party(party), _HUB_FEES, price)


def held(hold: str, amount: Money) -> Transfers:
    """A card is held for this much (memo)."""
    return transfers((_HOLDS_OFFSET, Account(AccountKind.HOLDS, hold), amount))


def hold_ended(hold: str, amount: Money) -> Transfers:
    """Nothing is held any more: captured, released or expired (memo)."""
    return credited(held(hold, amount))


def captured(payer: str, amount: Money) -> Transfers:
    """The provider has taken a payment in for us."""
    return transfers((receivable(payer), _CLEARING, amount))


def provider_fee(amount: Money) -> Transfers:
    """The provider has kept a fee; one below zero was given back."""
    return transfers((_CLEARING, _PROVIDER_FEES, amount))


def settled(given: Money, taken: Money) -> Transfers:
    """The provider has exchanged a payment into the currency that it pays out; below zero a refund or a dispute."""
    return exchanged(_CLEARING, _CLEARING, given, taken)


def refunded(payer: str, amount: Money) -> Transfers:
    """The provider has paid back to a driver's card."""
    return transfers((_CLEARING, receivable(payer), amount))


def wallet_loaded(owner: str, amount: Money) -> Transfers:
    """A driver has paid into a wallet."""
    return transfers((wallet(owner), _CLEARING, amount))


def wallet_spent(owner: str, payer: str, amount: Money) -> Transfers:
    """A wallet has paid what a driver owed."""
    return transfers((receivable(payer), wallet(owner), amount))


def wallet_paid_back(owner: str, amount: Money) -> Transfers:
    """What was left in a wallet went back to its owner's card."""
    return transfers((_CLEARING, wallet(owner), amount))


def wallet_refunded(owner: str, payer: str, amount: Money) -> Transfers:
    """What a wallet had paid for a session goes back into it."""
    return credited(wallet_spent(owner, payer, amount))


def wallet_credited(owner: str, amount: Money) -> Transfers:
    """An operator's kindness: a driver may spend what nobody has paid in."""
    return transfers((wallet(owner), _GOODWILL, amount))


def wallet_credit_returned(owner: str, amount: Money) -> Transfers:
    """What was left of a kindness when a wallet was paid out."""
    return credited(wallet_credited(owner, amount))


def wallet_taken_back(owner: str, amount: Money) -> Transfers:
    """A cardholder got back what he had paid in: it is not lost as far as it is still in the wallet."""
    return transfers((_BAD_DEBT, wallet(owner), amount))


def disputed(dispute: str, amount: Money) -> Transfers:
    """A cardholder disputes a payment, and the provider has taken it back for now."""
    return transfers((_CLEARING, Account(AccountKind.DISPUTES, dispute), amount))


def dispute_won(dispute: str, amount: Money) -> Transfers:
    """The payment is ours again."""
    return credited(disputed(dispute, amount))


def dispute_lost(dispute: str, amount: Money) -> Transfers:
    """The cardholder keeps it."""
    return transfers((Account(AccountKind.DISPUTES, dispute), _BAD_DEBT, amount))


def written_off(payer: str, amount: Money) -> Transfers:
    """We gave up collecting what a driver owes."""
    return transfers((receivable(payer), _BAD_DEBT, amount))


def collected_after_all(payer: str, amount: Money) -> Transfers:
    """A driver owes again what had been given up, because a payment came."""
    return credited(written_off(payer, amount))


def paid_out(amount: Money) -> Transfers:
    """The provider has paid out to our bank."""
    return transfers((_CLEARING, _BANK, amount))


def party_paid_us(party: str, amount: Money) -> Transfers:
    """A party has paid what it owed."""
    return transfers((receivable_from_party(party), _BANK, amount))


def party_was_paid(party: str, amount: Money) -> Transfers:
    """We have paid a party from the bank."""
    return transfers((_BANK, payable(party), amount))


def transferred_to_party(party: str, amount: Money) -> Transfers:
    """The payment provider has moved a party's share to the party's own account with it."""
    return transfers((_CLEARING, payable(party), amount))


def netted(party: str, amount: Money) -> Transfers:
    """What a party owes us is set against what we owe it."""
    return transfers((receivable_from_party(party), payable(party), amount))


def exchanged(source: Account, target: Account, given: Money, taken: Money) -> Transfers:
    """`source` gives in one currency, `target` takes in another; both sides meet in the account of exchange."""
    return transfers((source, _EXCHANGE, given), (_EXCHANGE, target, taken))


def _sold(debtor: Account, income: Account, price: Price) -> Transfers:
    vat = Account(AccountKind.VAT, price.country)
    return transfers((income, debtor, price.net), (vat, debtor, price.vat))
