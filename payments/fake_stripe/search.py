"""Searches as far as metadata and status: `metadata['key']:'value' AND status:'succeeded'`.

At Stripe a search sees a new object up to a minute late; `search_lag` in the control API makes ours as slow.
"""

import re
from collections.abc import Sequence

from payments.fake_stripe.faults import Json, invalid
from payments.fake_stripe.forms import Params
from payments.fake_stripe.world import World

_TERM = re.compile(r"""(?:metadata\[["']([^"']+)["']\]|(status|customer)):["']([^"']*)["']""")


def search(world: World, params: Params, values: Sequence[Json], url: str) -> Json:
    """What fits every term of the query, newest first."""
    terms = [_TERM.fullmatch(part.strip()) for part in params.needed("query").split(" AND ")]
    newest = world.now() - world.search_lag.total_seconds()
    found = [value for value in reversed(values) if value["created"] <= newest]
    for term in terms:
        if term is None:
            raise invalid("query", "We were unable to parse your search query.")
        key, name, wanted = term.groups()
        found = [value for value in found if (value["metadata"].get(key) if key else value.get(name)) == wanted]
    limit = min(100, params.integer("limit") or 10)
    return {
        "object": "search_result",
        "url": url,
        "has_more": len(found) > limit,
        "next_page": None,
        "data": found[:limit],
    }
