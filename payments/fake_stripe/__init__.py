"""A server that is Stripe as far as we need it: it keeps state, and misbehaves when it is told to.

Stripe's own client talks to it over a socket. What it does not know it refuses. docs/fake-stripe.md
"""

from payments.fake_stripe.server import Serving, serving

__all__ = ["Serving", "serving"]
