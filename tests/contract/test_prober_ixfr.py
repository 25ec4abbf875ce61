"""Every shape of an answer to IXFR is told from every other (RFC 1995 section 4), and ends by our limits."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.common.serial import newer
from checks.model import IxfrAnswer, TransferResult
from monitor.probe.message.ixfr import IxfrSequence
from monitor.probe.message.wire import Malformed
from monitor.probe.settings import Probe, TransferLimits
from tests.support.nameserver import NOTIMP, REFUSED, A, Asked, Connection, reply, rr, soa
from tests.support.transfers import PATIENT, pull

R = TransferResult
SINCE, NEW = 7, 9
RECORD = rr(b"\xc0\x0c", A, b"\xc0\0\2\1")
FOREIGN = rr(b"\3org\0", A, b"\xc0\0\2\1")
STEPS = [soa(NEW), soa(7), RECORD, soa(8), RECORD, soa(8), soa(NEW), RECORD, soa(NEW)]
CLOSED = "the SOA of serial 9 alone, which is newer, and nothing after it"
SHAPES: dict[str, tuple[Sequence[Sequence[bytes]], IxfrAnswer | None, TransferResult, str]] = {
    # messages, each of so many records → what it is, how it ended, and why
    "up to date": ([[soa(7)]], IxfrAnswer.UP_TO_DATE, R.ALLOWED, ""),
    "older than asked": ([[soa(6)]], IxfrAnswer.UP_TO_DATE, R.ALLOWED, ""),
    "incremental": ([STEPS], IxfrAnswer.INCREMENTAL, R.ALLOWED, ""),
    "incremental, a record each": ([[one] for one in STEPS], IxfrAnswer.INCREMENTAL, R.ALLOWED, ""),
    "full": ([[soa(NEW), RECORD, soa(NEW)]], IxfrAnswer.FULL_ZONE, R.ALLOWED, ""),
    "full, SOA alone first": ([[soa(NEW)], [RECORD, soa(NEW)]], IxfrAnswer.FULL_ZONE, R.ALLOWED, ""),
    "newer SOA alone": ([[soa(NEW)]], None, R.EMPTY, CLOSED),
    "SOA twice": ([[soa(NEW), soa(NEW)]], None, R.MALFORMED, "the zone's SOA twice, and nothing else"),
    "from another serial": (
        [[soa(NEW), soa(5), soa(NEW), soa(NEW)]], None, R.MALFORMED,
        "the first difference begins with serial 5, and 7 was asked from",
    ),
    "foreign record": ([[soa(NEW), soa(7), FOREIGN]], None, R.MALFORMED, "a record outside the zone"),
    "after the end": ([[*STEPS, RECORD]], None, R.MALFORMED, "records after the final SOA"),
    "cut": ([STEPS[:5]], None, R.TRUNCATED, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
async def test_shape(name: str) -> None:
    messages, answer, result, detail = SHAPES[name]
    asked: list[Asked] = []

    async def tcp(query: Asked, connection: Connection) -> None:
        asked.append(query)
        for records in messages:
            await connection.send(reply(query, list(records)))

    seen = await pull(tcp, PATIENT, qtype="IXFR", since=SINCE)
    assert (seen.ixfr, seen.transfer) == (answer, result), seen
    assert detail in seen.detail
    assert asked[0].wire[8:10] == b"\0\1"
    assert struct.unpack("!I", asked[0].wire[-20:-16]) == (SINCE,)


@pytest.mark.parametrize(("rcode", "result"), [(REFUSED, R.REFUSED), (NOTIMP, R.RCODE)])
async def test_error(rcode: int, result: TransferResult) -> None:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, rcode=rcode))

    seen = await pull(tcp, PATIENT, qtype="IXFR", since=SINCE)
    assert (seen.ixfr, seen.transfer) == (None, result)


async def test_an_endless_answer_is_ended_by_us() -> None:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(NEW), soa(SINCE)]))
        while True:
            await connection.send(reply(query, [RECORD] * 50))

    few = Probe(timeout=1, max_qps_per_server=1e6, transfer=TransferLimits(max_records=500))
    seen = await pull(tcp, few, qtype="IXFR", since=SINCE)
    assert (seen.ixfr, seen.transfer) == (None, R.LIMIT)


@given(st.lists(st.none() | st.integers(0, 12), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_any_order_of_records_is_one_shape_or_refused(records: list[int | None], since: int, new: int) -> None:
    """What is called incremental leads from one serial to the other, step by step."""
    sequence = IxfrSequence(since, new)
    taken: list[int | None] = []
    assert (sequence.alone is None) is newer(new, since)
    for record in records:
        taken.append(record)
        try:
            answer = sequence.take(record)
        except Malformed:
            return
        if answer is IxfrAnswer.FULL_ZONE:
            assert taken == [None]
        if answer is not None:
            break
    else:
        return
    if answer is IxfrAnswer.INCREMENTAL:
        serials = [one for one in taken if one is not None]
        assert (serials[0], serials[-1], serials[-2]) == (since, new, new)
        assert serials[1:-1:2] == serials[2::2]
        assert all(newer(after, before) for before, after in zip(serials[::2], serials[1::2], strict=False))


@pytest.mark.parametrize(
    ("records", "said"),
    [((7, None, 7), "which is not newer"), ((7, 8, None, 9), "begins with serial 9, and the one before led to 8")],
)
def test_steps_that_do_not_follow_each_other(records: tuple[int | None, ...], said: str) -> None:
    sequence = IxfrSequence(SINCE, NEW)
    *before, last = records
    for record in before:
        assert sequence.take(record) is None
    with pytest.raises(Malformed, match=said):
        sequence.take(last)
