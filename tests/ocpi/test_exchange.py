"""The query of a request: read by a short way where nothing is encoded, and never differently for it."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.errors import InvalidParameters
from ocpi.exchange import Exchange

WORDS = ["limit", "offset", "date_from", "5", "2026-01-01T00:00:00Z", "=", "&", "==", "&&", "+", "%41", "%", " ", "é"]
QUERIES = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)


def exchange(query: str) -> Exchange:
    return Exchange({"type": "http", "method": "GET", "headers": [], "query_string": query.encode("latin-1")})


@given(QUERIES)
def test_a_query_is_read_as_the_library_reads_it(query: str) -> None:
    expected = dict(parse_qsl(query, keep_blank_values=True))
    assert exchange(query).query == expected
    assert exchange(query).query == expected, "and once more the same"


def test_a_query_of_too_many_fields_is_refused_by_either_way() -> None:
    for field in ("a=1", "a=%31"):
        assert exchange("&".join([field] * 50)).query == {"a": "1"}
        with pytest.raises(InvalidParameters):
            _ = exchange("&".join([field] * 51)).query


def test_what_one_request_reads_is_not_changed_by_another() -> None:
    first = exchange("limit=5").query
    with pytest.raises(TypeError):
        first["limit"] = "6"  # type: ignore[index]
    assert exchange("limit=5").page_query().limit == 5
    assert exchange("limit=6").page_query().limit == 6
