"""One attempt to charge, whatever its way: a tap, the API, a partner's command; at our station or at a partner's."""
