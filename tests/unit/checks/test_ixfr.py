"""Who must answer IXFR, how it is asked for, and what of its answers is told."""

from dataclasses import replace

import pytest

from checks.common.ixfr_answers import ixfr_query
from checks.evaluation import run_check
from checks.model import CheckResult, Expectation, Health, IxfrAnswer, Outcome, TransferResult, TransferRule, Transport
from checks.transfer import Transfer
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, gather, pulled, query, seen, zone

R = TransferResult
RULE = TransferRule("ns1", Expectation.ALLOWED, key="xfr", ixfr=True)
WHERE = zone("ns1", transfers=(RULE,))
SOA_SEEN = seen(query(WHERE, "ns1", transport=Transport.TCP), "10")
ASKED = query(WHERE, "ns1", "AXFR", transport=Transport.TCP, key="xfr")
GIVEN = pulled(ASKED, R.ALLOWED, records=5, given=4)
IXFR = ixfr_query(ASKED, 10)


def judged(result: TransferResult | None, **fields: object) -> CheckResult:
    one = pulled(IXFR, R.ALLOWED, **{"transfer": result, **fields})
    return run_check(Transfer(), WHERE, gather(WHERE, "transfer", SOA_SEEN, GIVEN, one), ZoneState(WHERE.name))


def test_it_is_asked_once_since_the_serial_that_the_server_has() -> None:
    check, silent = Transfer(), seen(query(WHERE, "ns1", transport=Transport.TCP), "-")
    assert list(check.queries(WHERE, (SOA_SEEN, GIVEN))) == [IXFR]
    assert IXFR.since == 10
    assert not list(check.queries(WHERE, (SOA_SEEN, GIVEN, pulled(IXFR, R.ALLOWED))))
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
