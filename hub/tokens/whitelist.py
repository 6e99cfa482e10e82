"""When a token must be asked about, and what counts when nobody answers (OCPI 2.2.1, mod_tokens, WhitelistType). Pure.

| whitelist       | ask the eMSP | the eMSP does not answer |
|-----------------|--------------|--------------------------|
| ALWAYS          | never        | allowed                  |
| ALLOWED         | need not     | as stored                |
| ALLOWED_OFFLINE | always       | as stored                |
| NEVER           | always       | refused                  |

`valid = false` does not save the question: where the eMSP is to be asked, the token may have become valid since.
Unknown whitelist values are treated as NEVER: the eMSP decides.
"""

from enum import StrEnum


class Verdict(StrEnum):
    """May this driver charge? The words of OCPI's AllowedType."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    EXPIRED = "EXPIRED"
    NO_CREDIT = "NO_CREDIT"
    NOT_ALLOWED = "NOT_ALLOWED"


def must_ask(whitelist: str) -> bool:
    """Whether a token with this whitelist value has to be authorized by its eMSP in real time."""
    return whitelist not in ("ALWAYS", "ALLOWED")


def without_asking(whitelist: str, *, valid: bool) -> Verdict:
    """The verdict on a stored token that need not, or could not, be asked about."""
    match whitelist:
        case "ALWAYS":
            return Verdict.ALLOWED
        case "ALLOWED" | "ALLOWED_OFFLINE":
            return Verdict.ALLOWED if valid else Verdict.BLOCKED
        case _:
            return Verdict.NOT_ALLOWED
