"""Every table of the application, imported so that each is known to the one metadata."""

import kit.idempotency
import kit.reactions  # noqa: F401
