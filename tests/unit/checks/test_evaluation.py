"""What becomes of what a check says, and of a check that fails."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.evaluation import run_check
from checks.model import (
    CheckInconclusive,
    CheckResult,
    Finding,
    Health,
    Inconclusive,
    Observation,
    Query,
    Zone,
    ZonePoll,
)
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, look, zone

PAIR = zone()
NS1, NS2 = (one.addresses[0] for one in PAIR.servers)


@dataclass(frozen=True, slots=True)
class Says:
    """A check that says what the test wants."""

    what: Callable[[], Iterable[Finding | Inconclusive]]

    name: ClassVar[str] = "says"
    codes: ClassVar[tuple[str, ...]] = ()
    cadence: ClassVar[timedelta] = timedelta(minutes=1)

    def applies(self, zone: Zone) -> bool:
        return bool(zone.servers)

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        return ()

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterable[Finding | Inconclusive]:
        return self.what()


def judged(*what: Finding | Inconclusive) -> CheckResult:
    return run_check(Says(lambda: what), PAIR, look(PAIR, NOON, ns1=10, ns2=10), ZoneState(PAIR.name))


def test_nothing_to_say_is_good() -> None:
    assert judged() == CheckResult("example.com.", "says", NOON, Health.GOOD)


def test_any_finding_is_bad_whatever_its_severity() -> None:
    info = Finding("ttl-differs", "text", "ns2", NS2)
    assert judged(info).health is Health.BAD
    assert judged(info, Inconclusive("ns1"), Inconclusive("ns2")).health is Health.BAD


def test_findings_are_told_once_and_in_order() -> None:
    b, a = Finding("b", "1", "ns2", NS2), Finding("a", "2", "ns2", NS2)
    subject, first = Finding("a", "3", "ns2", NS2, "www"), Finding("z", "4", "ns1", NS1)
    whole = Finding("z", "5")
    assert judged(b, subject, a, Finding("b", "again", "ns2", NS2), first, whole).findings == (
        whole,
        first,
        a,
        subject,
        b,
    )


def test_unsure_of_everything_is_unknown_unsure_of_something_is_not() -> None:
    one, other = Inconclusive("ns1", NS1, reason="silent"), Inconclusive("ns2", reason="gone")
    assert judged(one, one).unsure == (one,)
    assert judged(one).health is Health.GOOD
    assert judged(one, other) == CheckResult("example.com.", "says", NOON, Health.UNKNOWN, (), (one, other), "silent")
    assert judged(one, Inconclusive("ns2", NS2, "www A")).health is Health.GOOD


def test_nothing_asked_is_unknown() -> None:
    empty = ZonePoll(PAIR.name, "says", NOON, timedelta(minutes=1), ())
    result = run_check(Says(lambda: ()), PAIR, empty, ZoneState(PAIR.name))
    assert (result.health, result.reason) == (Health.UNKNOWN, "nothing was asked")


def undecided(*why: str) -> Iterator[Finding | Inconclusive]:
    yield Finding("a", "said before it was undecided")
    raise CheckInconclusive(*why)


def broken() -> Iterator[Finding | Inconclusive]:
    yield Finding("a", "said before it broke")
    raise KeyError("ns7")


def test_undecided_is_unknown() -> None:
    poll = look(PAIR, NOON, ns1=10, ns2=10)
    result = run_check(Says(lambda: undecided("no serial")), PAIR, poll, ZoneState(PAIR.name))
    assert result == CheckResult("example.com.", "says", NOON, Health.UNKNOWN, (), (), "no serial")
    assert run_check(Says(undecided), PAIR, poll, ZoneState(PAIR.name)).reason == "undecided"


def test_a_defect_accuses_nobody_and_is_marked() -> None:
    result = run_check(Says(broken), PAIR, look(PAIR, NOON, ns1=10, ns2=10), ZoneState(PAIR.name))
    assert (result.health, result.findings, result.failed) == (Health.UNKNOWN, (), True)
    assert result.reason == "check failed: KeyError: 'ns7'"
