"""From which serial IXFR is asked, by what the history of the addresses says."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from checks.common.ixfr_answers import ixfr_queries
from checks.model import Observation, Query, TransferResult, Transport
from checks.zone_state.address import ANSWERED
from monitor.polling.earlier_serials import MAX_RUNS, AddressHistory, from_earlier, nothing_known
from monitor.state.ports import AddressHistoryRow, StoreError
from tests.support.monitor_state import minute
from tests.support.observations import pulled, query, zone

WHERE = zone("ns1", "ns2")
NS1 = query(WHERE, "ns1", "AXFR", transport=Transport.TCP, key="xfr")
CURRENT, BEFORE = ixfr_queries(NS1, 10)


def served(*serials: int | None, server: str = "ns1", address: str = "192.0.2.1") -> list[AddressHistoryRow]:
    """One after the other, the last of them lasts."""
    runs = enumerate(serials)
    return [AddressHistoryRow(WHERE.name, server, address, one, ANSWERED, minute(at), None) for at, one in runs]


async def asked(queries: Iterable[Query], rows: Sequence[AddressHistoryRow], error: bool = False) -> list[Query]:
    """What comes to be asked."""
    got: list[Query] = []

    async def probe(some: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for one in some:
            got.append(one)
            yield [pulled(one, TransferResult.ALLOWED)]

    async def history(name: str, since: datetime, limit: int) -> Sequence[AddressHistoryRow]:
        assert (name, limit) == (WHERE.name, MAX_RUNS)
        assert since < minute(0)
        if error:
            raise StoreError("it cannot be read")
        return rows

    told = [seen.query async for batch in from_earlier(queries, probe, history) for seen in batch]
    assert told == got
    return got


@pytest.mark.parametrize(
    ("runs", "since"),
    [
        ([8, 9, 10], 9),
        ([9, None, 10], 9),  # it was silent meanwhile
        ([9, 10, None, 10], 9),
        ([8, 9], 9),  # the newest version is not kept yet
        ([8, 12, 10], 8),  # it went back: who has 12 has something newer
        ([2**32 - 1, 10], 2**32 - 1),
        ([10], None),
        ([None], None),
        ([11], None),
        ([], None),
    ],
)
async def test_it_is_asked_since_the_latest_version_that_is_older(runs: list[int | None], since: int | None) -> None:
    expected = [] if since is None else [replace(BEFORE, since=since)]
    assert await asked([CURRENT, BEFORE], served(*runs)) == [CURRENT, *expected]


async def test_each_address_is_asked_since_what_it_had_itself() -> None:
    other = replace(BEFORE, server="ns2", address=WHERE.servers[1].addresses[0])
    rows = [*served(5, 10), *served(6, 10, server="ns2", address="192.0.2.2")]
    assert await asked([BEFORE, other], rows) == [replace(BEFORE, since=5), replace(other, since=6)]


async def test_nothing_is_asked_where_nothing_is_known() -> None:
    assert await asked([BEFORE], served(7, 9), error=True) == []
    assert await asked([BEFORE], await nothing_known(WHERE.name, minute(0), MAX_RUNS)) == []


async def test_other_questions_are_asked_without_a_look_at_the_history() -> None:
    unread: AddressHistory = None  # type: ignore[assignment]

    async def probe(some: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        yield [pulled(one, TransferResult.ALLOWED) for one in some]

    batches = [batch async for batch in from_earlier([NS1, CURRENT], probe, unread)]
    assert [seen.query for batch in batches for seen in batch] == [NS1, CURRENT]
