"""Names are found in both of their forms, and no more is remembered of searches than may be."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from monitor.probe.message.names import unicode
from monitor.state.column_search import EXCLUDED
from monitor.state.search import MAX_CACHED_MASKS, SLICE, NameSearch, normalise_query

NAMES = ("bank.example.", "xn--bcher-kva.example.", "xn--fiqs8s.", "zz.", "2.0.192.in-addr.arpa.")


@given(st.text(alphabet="abü中.xn-2zZ ", min_size=1, max_size=4))
def test_a_mask_tells_who_holds_the_text(text: str) -> None:
    sought = normalise_query(text)
    mask = asyncio.run(NameSearch(NAMES).mask(sought))
    holds = [sought in name or sought in unicode(name).casefold() for name in NAMES]
    assert mask == bytes(0 if there else EXCLUDED for there in holds)


async def test_long_lists_are_searched_to_their_end() -> None:
    names = [f"z{number:06}." for number in range(SLICE + 1)]
    mask = await NameSearch(names).mask(names[-1])
    assert mask.count(0) == 1
    assert mask[-1] == 0


async def test_the_latest_answers_are_remembered() -> None:
    name_search = NameSearch(NAMES)
    first = await name_search.mask("a")
    for number in range(MAX_CACHED_MASKS - 1):
        await name_search.mask(str(number))
    assert await name_search.mask("a") is first, "what is asked again stays"
    for number in range(MAX_CACHED_MASKS):
        await name_search.mask(str(number))
    assert await name_search.mask("a") is not first
    assert len(name_search._known) == MAX_CACHED_MASKS


async def test_many_at_once_are_answered_one_after_the_other() -> None:
    name_search = NameSearch(NAMES)
    one, other, again = await asyncio.gather(name_search.mask("zz"), name_search.mask("bank"), name_search.mask("zz"))
    assert (one.find(0), other.find(0)) == (3, 0)
    assert again is one
