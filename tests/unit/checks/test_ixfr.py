"""Who must answer IXFR, how it is asked for, and what of its answers is told."""

from dataclasses import replace

import pytest

from checks.common.ixfr_answers import ixfr_queries
from checks.evaluation import run_check
from checks.model import (
    CheckResult,
    Expectation,
    Health,
    IxfrAnswer,
    IxfrResponse,
    Outcome,
    TransferResult,
    TransferRule,
    Transport,
)
from checks.model.ixfr import DifferenceSize
from checks.transfer import Transfer
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, gather, pulled, query, seen, zone

R = TransferResult
RULE = TransferRule("ns1", Expectation.ALLOWED, key="xfr", ixfr=True)
WHERE = zone("ns1", transfers=(RULE,))
SOA_SEEN = seen(query(WHERE, "ns1", transport=Transport.TCP), "10")
ASKED = query(WHERE, "ns1", "AXFR", transport=Transport.TCP, key="xfr")
GIVEN = pulled(ASKED, R.ALLOWED, records=5, given=4)
IXFR, BEFORE = ixfr_queries(ASKED, 10)
FROM_BEFORE = replace(BEFORE, since=9)
CURRENT = pulled(IXFR, R.ALLOWED, ixfr=IxfrAnswer.UP_TO_DATE, soa=replace(SOA, serial=10))


def judged(result: TransferResult | None, **fields: object) -> CheckResult:
    one = pulled(IXFR, R.ALLOWED, **{"transfer": result, **fields})
    return run_check(Transfer(), WHERE, gather(WHERE, "transfer", SOA_SEEN, GIVEN, one), ZoneState(WHERE.name))


def judged_from_before(result: TransferResult | None, **fields: object) -> CheckResult:
    """It says of the version that it has what it must, and this of the one before."""
    one = pulled(FROM_BEFORE, R.ALLOWED, **{"transfer": result, "soa": replace(SOA, serial=10), **fields})
    return run_check(Transfer(), WHERE, gather(WHERE, "transfer", SOA_SEEN, GIVEN, CURRENT, one), ZoneState(WHERE.name))


def test_it_is_asked_once_since_the_serial_that_the_server_has_and_since_the_one_before() -> None:
    check, silent = Transfer(), seen(query(WHERE, "ns1", transport=Transport.TCP), "-")
    assert list(check.queries(WHERE, (SOA_SEEN, GIVEN))) == [IXFR, BEFORE]
    assert [(one.since, one.earlier) for one in (IXFR, BEFORE)] == [(10, False), (10, True)]
    assert not list(check.queries(WHERE, (SOA_SEEN, GIVEN, pulled(IXFR, R.ALLOWED))))
    assert not list(check.queries(WHERE, (SOA_SEEN, GIVEN, pulled(FROM_BEFORE, R.ALLOWED))))
    assert not list(check.queries(WHERE, (silent, GIVEN)))
    plain = zone("ns1", transfers=(replace(RULE, ixfr=False),))
    assert not list(check.queries(plain, (SOA_SEEN, GIVEN)))


SAYS = "ns1 (192.0.2.1) does not offer IXFR with key xfr: "
ANSWERS: list[tuple[TransferResult, dict[str, object], str]] = [
    (R.ALLOWED, {"ixfr": IxfrAnswer.UP_TO_DATE}, ""),
    (R.ALLOWED, {"ixfr": IxfrAnswer.INCREMENTAL}, ""),
    (R.ALLOWED, {"ixfr": IxfrAnswer.FULL_ZONE},
     f"{SAYS}it answers with the whole zone to who has serial 10, as it has itself"),
    (R.ALLOWED, {"ixfr": IxfrAnswer.FULL_ZONE, "soa": replace(SOA, serial=11)}, ""),  # it has moved since
    (R.REFUSED, {}, f"{SAYS}not allowed (REFUSED)"),
    (R.RCODE, {"rcode": "NOTIMP"}, f"{SAYS}the server does not know it (NOTIMP)"),
    (R.MALFORMED, {"detail": "a record outside the zone"}, f"{SAYS}it is malformed: a record outside the zone"),
    (R.UNSIGNED, {"records": 3}, f"{SAYS}the answer is not signed although the question was, after 3 records"),
    (R.UNSIGNED, {}, f"{SAYS}the answer is not signed although the question was"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "fields", "text"), ANSWERS)
def test_what_a_secondary_cannot_take_is_told(result: TransferResult, fields: dict[str, object], text: str) -> None:
    found = judged(result, **fields)
    assert [(one.code, one.text) for one in found.findings] == ([("ixfr-not-offered", text)] if text else [])
    assert not found.unsure


@pytest.mark.parametrize(
    ("result", "fields"),
    [
        (R.TIMEOUT, {}), (R.LIMIT, {}), (R.TRUNCATED, {}), (R.RESET, {}), (R.SERVFAIL, {}),
        (R.RCODE, {"rcode": "NXDOMAIN"}), (None, {"outcome": Outcome.TIMEOUT}),
    ],
)  # fmt: skip
def test_what_tells_nothing_of_ixfr_accuses_nobody(result: TransferResult | None, fields: dict[str, object]) -> None:
    found = judged(result, **fields)
    assert (found.health, found.findings) == (Health.GOOD, ())
    assert [one.subject for one in found.unsure] == ["key xfr, must be allowed, IXFR"]


def test_only_who_must_give_the_zone_must_answer_ixfr() -> None:
    with pytest.raises(ValueError, match="ixfr = true is for transfers that are allowed"):
        TransferRule("ns1", Expectation.REFUSED, ixfr=True)
    wanted = gather(WHERE, "transfer", SOA_SEEN, GIVEN)  # it was not asked for
    assert run_check(Transfer(), WHERE, wanted, ZoneState(WHERE.name)).health is Health.GOOD


SIZED = {"took": 0.5, "octets": 300, "messages": 1, "records": 6}
SHAPES: list[tuple[IxfrAnswer, dict[str, object], DifferenceSize | None]] = [
    (IxfrAnswer.INCREMENTAL, SIZED, DifferenceSize(0.5, 300, 1, 6)),
    (IxfrAnswer.INCREMENTAL, {}, None),
    (IxfrAnswer.FULL_ZONE, {"octets": 512, "messages": 1, "records": 9}, None),
    (IxfrAnswer.UP_TO_DATE, SIZED, None),
]


@pytest.mark.parametrize(("answer", "fields", "size"), SHAPES)
def test_every_shape_of_an_answer_from_the_version_before_is_right_and_told(
    answer: IxfrAnswer, fields: dict[str, object], size: DifferenceSize | None
) -> None:
    found = judged_from_before(R.ALLOWED, ixfr=answer, **fields)
    assert (found.health, found.findings, found.unsure) == (Health.GOOD, (), ())
    where, at = ASKED.address, CURRENT.at
    (one,) = found.ixfr
    assert one == IxfrResponse("ns1", where, at, answer, 9, 10, size, "xfr", Transport.TCP, None)
    assert one.way == ("ns1", where, "xfr", Transport.TCP, None)


def test_where_no_version_before_is_known_the_answer_to_the_present_one_is_told() -> None:
    result = run_check(Transfer(), WHERE, gather(WHERE, "transfer", SOA_SEEN, GIVEN, CURRENT), ZoneState(WHERE.name))
    assert [(one.since, one.serial, one.answer) for one in result.ixfr] == [(10, 10, IxfrAnswer.UP_TO_DATE)]
    refused = judged_from_before(R.REFUSED)
    assert [(one.since, one.answer) for one in refused.ixfr] == [(10, IxfrAnswer.UP_TO_DATE)]
    assert judged(R.ALLOWED, ixfr=IxfrAnswer.UP_TO_DATE, soa=None).ixfr == ()
    assert judged(R.REFUSED).ixfr == ()


def test_what_is_wrong_with_the_version_before_alone_is_told_with_it() -> None:
    found = judged_from_before(R.MALFORMED, detail="a record outside the zone")
    assert [one.text for one in found.findings] == [
        f"{SAYS}it is malformed: a record outside the zone (asked from serial 9, which it had before)"
    ]
    assert not found.unsure
    unsure = judged_from_before(R.LIMIT)
    assert (unsure.health, unsure.findings) == (Health.GOOD, ())
    assert [(one.subject, one.reason) for one in unsure.unsure] == [
        ("key xfr, must be allowed, IXFR", "it went beyond the monitor's limits")
    ]


def test_a_zone_of_which_only_ixfr_is_known_is_not_called_well() -> None:
    """How IXFR was answered decides nothing about the rows of the matrix."""
    failing = pulled(ASKED, R.TIMEOUT, transfer=None, outcome=Outcome.UNASKED)
    poll = gather(WHERE, "transfer", SOA_SEEN, failing, CURRENT)
    result = run_check(Transfer(), WHERE, poll, ZoneState(WHERE.name))
    assert result.health is Health.UNKNOWN
    assert len(result.ixfr) == 1
