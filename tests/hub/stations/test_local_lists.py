"""What is sent to bring a charger's list up to date, applied to a charger that follows the specification."""

from hypothesis import given
from hypothesis import strategies as st

from csms.operations import ListEntry, SendList
from hub.stations.local_lists import Entries, by_token, messages

tokens = st.text("ABab12", min_size=1, max_size=3)
entries = st.lists(st.builds(ListEntry, tokens, group=st.sampled_from([None, "F"])), max_size=12).map(by_token)


def apply(has: dict[str, ListEntry], version: int, message: SendList) -> int:
    """What a charger does with a message; its new version."""
    if message.full:
        has.clear()
    else:
        assert message.version > version, "a charger refuses what is not newer (OCPP 1.6, 5.15; 2.0.1, D01.FR.09)"
    for entry in message.entries:
        if entry.status is None:
            has.pop(entry.token.casefold(), None)
        else:
            has[entry.token.casefold()] = entry
    return message.version


@given(st.none() | entries, entries, st.integers(0, 50), st.integers(0, 5))
def test_a_charger_ends_with_the_wanted_list(known: Entries | None, wanted: Entries, version: int, chunk: int) -> None:
    has = dict(known) if known is not None else {"old": ListEntry("OLD")}
    sent = messages(known, wanted, version=version, chunk=chunk)
    for message in sent:
        assert len(message.entries) <= max(chunk, 1)
        version = apply(has, version, message)
    assert has == dict(wanted)
    if known is not None:
        assert not any(message.full for message in sent)
        changed = {token for token in {*known, *wanted} if known.get(token) != wanted.get(token)}
        assert sum(len(message.entries) for message in sent) == len(changed), "only what differs is sent"


def test_an_empty_list_is_sent_as_one_full_message() -> None:
    assert messages(None, {}, version=3, chunk=10) == (SendList(4, True),)
    assert messages({}, {}, version=3, chunk=10) == ()
