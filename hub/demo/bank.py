"""The payment provider of the demo, a fake Stripe on a socket, and what cardholders do there."""

from dataclasses import dataclass
from typing import Any

from hub.demo.doors import Door

Json = dict[str, Any]

KEY = "sk_test_of_the_demo"
WEBHOOK_SECRET = "whsec_of_the_demo"  # noqa: S105 - of a provider that lives as long as the demo


@dataclass(frozen=True, slots=True)
class Bank:
    """What the form in an app, and the bank behind it, make of a `client_secret`."""

    door: Door

    async def tell(self, url: str) -> None:
        """Have events told to the hub."""
        await self.door.send("POST", "/_control/webhooks", {"url": url, "secrets": [WEBHOOK_SECRET]})

    async def enter_card(self, client_secret: str, card: str) -> bool:
        """The driver enters a card in the form; whether the bank wants to see the driver first."""
        found = await self.door.send_form(f"/v1/payment_intents/{_id(client_secret)}/confirm", {"payment_method": card})
        return bool(found["status"] == "requires_action")

    async def authenticate(self, client_secret: str) -> None:
        """The driver shows the bank who it is."""
        await self.door.send("POST", "/_control/authenticate", {"id": _id(client_secret), "success": True})

    async def payment(self, client_secret: str) -> Json:
        """What the provider says of a payment: a PaymentIntent."""
        found: Json = await self.door.get(f"/v1/payment_intents/{_id(client_secret)}")
        return found


def _id(client_secret: str) -> str:
    return client_secret.partition("_secret_")[0]
