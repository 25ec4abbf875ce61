"""A status claims no more than is known: unknown is never good, and what is merely said makes nothing bad."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.finding_types import severity_of
from alerting.model import NOT_CHECKED, Alert, AlertKey, Phase
from checks.model import (
    CanaryArrival,
    CheckResult,
    Finding,
    Health,
    IxfrAnswer,
    IxfrResponse,
    SignatureEnd,
    TransferFigures,
    Transport,
    ZoneTransfer,
)
from checks.model.finding_type import Severity
from checks.model.ixfr import DifferenceSize
from checks.model.signing import with_signer
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from monitor.cli.output import expiry_text
from monitor.state.columns import ZoneColumns
from monitor.state.latest_transfers import LatestTransfers
from monitor.state.monitor_state import MonitorState
from monitor.state.status import ZoneStatus
from monitor.state.zone_status import HEALTH_CHECKS, summarise, zone_status
from monitor.web.api_schema import zone_data
from monitor.web.formatting import iso
from monitor.web.templating import environment
from monitor.web.transfer_view import transfer_lines, way
from monitor.web.view_models import roles
from monitor.web.zone_metrics import series
from tests.support.monitor_state import minute
from tests.support.observations import MINUTE, NOON, look, story, zone

ZONE = zone()
GOOD, BAD, UNKNOWN = Health.GOOD, Health.BAD, Health.UNKNOWN


def alert(code: str, phase: Phase = Phase.FIRING, at: float = 0, check: str = "soa-serial") -> Alert:
    key = AlertKey(ZONE.name, check, code, "ns2", ZONE.servers[1].addresses[0])
    return Alert(key, phase, minute(at), severity_of(code, {}), code, bad_since=minute(at))


def result_id(check: str, health: Health) -> CheckResult:
    return CheckResult(ZONE.name, check, NOON, health)


def drawn(
    alerts: list[Alert],
    since: datetime | None = None,
    at: float = 5,
    deciding_checks: tuple[str, ...] = HEALTH_CHECKS,
    **results: Health,
) -> ZoneStatus:
    every = {name.replace("_", "-"): result_id(name.replace("_", "-"), health) for name, health in results.items()}
    return zone_status(ZONE, None, every, alerts, since, minute(at), deciding_checks)


HEALTHS = [
    ("nothing was checked", [], {}, UNKNOWN),
    ("one decisive check has spoken", [], {"reachable": GOOD}, UNKNOWN),
    ("both have", [], {"reachable": GOOD, "soa_serial": GOOD}, GOOD),
    ("one could not tell", [], {"reachable": GOOD, "soa_serial": UNKNOWN}, UNKNOWN),
    ("others do not decide", [], {"records": GOOD, "transfer": GOOD}, UNKNOWN),
    ("one that does not decide could not tell", [], {"reachable": GOOD, "soa_serial": GOOD, "transfer": UNKNOWN}, GOOD),
    ("a warning stands", [alert("serial-late")], {"reachable": GOOD, "soa_serial": BAD}, BAD),
    ("a warning stands, and nothing was checked since", [alert("serial-late")], {}, BAD),
    ("a warning may be over", [alert("serial-late", Phase.RECOVERING)], {"reachable": GOOD, "soa_serial": GOOD}, BAD),
    ("something worth knowing", [alert("ttl-differs")], {"reachable": GOOD, "soa_serial": GOOD}, GOOD),
    ("something worth knowing, and little known", [alert("ttl-differs")], {"reachable": GOOD}, UNKNOWN),
    ("long not checked", [alert(NOT_CHECKED)], {"reachable": GOOD, "soa_serial": UNKNOWN}, UNKNOWN),
    ("long not checked elsewhere", [alert(NOT_CHECKED)], {"reachable": GOOD, "soa_serial": GOOD}, UNKNOWN),
    ("briefly not checked", [alert(NOT_CHECKED, Phase.PENDING)], {"reachable": GOOD, "soa_serial": GOOD}, GOOD),
]


@pytest.mark.parametrize(("_said", "alerts", "results", "health"), HEALTHS, ids=[row[0] for row in HEALTHS])
def test_health(_said: str, alerts: list[Alert], results: dict[str, Health], health: Health) -> None:
    assert drawn(alerts, **results).health is health


def test_a_check_that_is_switched_off_is_not_waited_for() -> None:
    assert drawn([], deciding_checks=("soa-serial",), soa_serial=GOOD).health is GOOD
    assert drawn([], deciding_checks=()).health is UNKNOWN
    assert drawn([], deciding_checks=(), soa_serial=GOOD).health is UNKNOWN


CODES = ("serial-late", "serial-stuck", "ttl-differs", "timer-advice", NOT_CHECKED, "transfer-open")


@given(
    st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from([Phase.PENDING, Phase.FIRING, Phase.RECOVERING]))),
    st.dictionaries(st.sampled_from(["reachable", "soa_serial", "records"]), st.sampled_from(Health)),
)
def test_good_only_when_it_is_known_bad_only_when_something_weighs(
    active_alerts: list[tuple[str, Phase]], results: dict[str, Health]
) -> None:
    zone = drawn([alert(code, phase) for code, phase in active_alerts], **results)
    heavy = any(f.severity > Severity.INFO and f.key.code != NOT_CHECKED for f in zone.findings)
    assert (zone.health is BAD) == heavy
    if zone.health is GOOD:
        assert all(results.get(name) not in (None, UNKNOWN) for name in ("reachable", "soa_serial"))


def test_it_tells_since_when() -> None:
    assert drawn([], at=1, reachable=GOOD, soa_serial=GOOD).since == minute(1)
    assert drawn([], minute(1), at=2, reachable=GOOD, soa_serial=GOOD).since == minute(1)
    assert drawn([alert("serial-late", at=3)], at=4, reachable=GOOD, soa_serial=BAD).since == minute(3)


def test_a_summary_says_what_the_status_says() -> None:
    zone_state = update_zone_state(ZoneState(ZONE.name), ZONE, look(ZONE, NOON, ns1=11, ns2=10))
    for alerts in ([], [alert("serial-late", at=-3)], [alert("ttl-differs"), alert("serial-stuck", at=-9)]):
        for said_of in ({}, {"soa-serial": result_id("soa-serial", GOOD), "reachable": result_id("reachable", GOOD)}):
            whole = zone_status(ZONE, zone_state, said_of, alerts, None, NOON)
            quick = summarise(ZONE, zone_state, said_of, alerts, NOON)
            assert quick.health is whole.health
            assert quick.bad_since == whole.since
            assert quick.states == tuple(address.state for address in whole.addresses)
            assert quick.findings == whole.findings


def test_after_a_restart_the_findings_know_since_when_it_is_bad() -> None:
    assert drawn([alert("serial-late", at=-600), alert("ttl-differs", at=-9999)], None).since == minute(-600)


def test_the_gravest_comes_first_then_the_oldest() -> None:
    zone = drawn(
        [alert("ttl-differs", at=0), alert("serial-late", at=2), alert("no-answer", at=1), alert("serial-stuck")]
    )
    assert [f.key.code for f in zone.findings] == ["serial-stuck", "no-answer", "serial-late", "ttl-differs"]


def test_addresses_are_shown_in_the_order_of_the_zone_known_or_not() -> None:
    three = zone("ns1", "ns2", "ns3")
    zone_state = update_zone_state(ZoneState(three.name), three, look(three, NOON, ns1=11, ns2=10))
    drawn = zone_status(three, zone_state, {}, [], None, NOON)
    assert [(a.server, a.serial, a.state) for a in drawn.addresses] == [
        ("ns1", 11, "in-sync"),
        ("ns2", 10, "propagating"),
        ("ns3", None, "unknown"),
    ]
    assert drawn.addresses[1].lag(minute(2)) is not None
    assert drawn.reference_serial == 11


def test_what_is_silent_serves_nothing_now() -> None:
    zone_state = update_zone_state(ZoneState(ZONE.name), ZONE, look(ZONE, NOON, ns1=10, ns2=10))
    zone_state = update_zone_state(zone_state, ZONE, look(ZONE, minute(1), ns1=10, ns2="-"))
    silent = zone_status(ZONE, zone_state, {}, [], None, minute(1)).addresses[1]
    assert (silent.serial, silent.state, silent.lag(minute(1))) == (None, "silent", None)


def test_the_result_is_on_the_right_address() -> None:
    zone_state = update_zone_state(ZoneState(ZONE.name), ZONE, look(ZONE, NOON, ns1=11, ns2=10))
    late = Finding("serial-late", "late", "ns2", ZONE.servers[1].addresses[0])
    result = CheckResult(ZONE.name, "soa-serial", NOON, BAD, (late,))
    states = [a.state for a in zone_status(ZONE, zone_state, {"soa-serial": result}, [], None, NOON).addresses]
    assert states == ["in-sync", "late"]


def test_a_signer_is_behind_by_what_the_primary_has_and_it_has_not_signed() -> None:
    signed = replace(ZONE, servers=with_signer(ZONE.servers, "ns1", "ns2"), signer="ns2")
    pages = story(signed, {"ns1": "10 10 11*3", "ns2": "500*4 501"}, start=NOON)
    shown = [zone_status(signed, page.zone_state, {}, [], None, page.at) for page in pages]
    lags = [[one.lag(page.at) // MINUTE for one in each.addresses] for page, each in zip(pages, shown, strict=True)]  # type: ignore[operator]
    assert lags == [[0, 0], [0, 0], [0, 0], [0, 1], [0, 0]]
    assert [each.addresses[1].state for each in shown] == [
        "in-sync",
        "in-sync",
        "propagating",
        "propagating",
        "in-sync",
    ]
    data = zone_data(shown[-1], pages[-1].at)
    assert (data["primary"], data["signer"], data["reference_serials"]) == ("ns1", "ns2", {"": 11, "signed": 501})
    assert [(one["primary"], one["signer"]) for one in data["addresses"]] == [(True, False), (False, True)]
    assert [roles(one) for one in shown[-1].addresses] == ["primary", "signer, group signed"]
    unknown = zone_status(signed, None, {}, [], None, NOON).addresses
    assert [roles(one) for one in unknown] == ["primary", "signer, group signed"]


def test_a_time_is_never_ahead_of_now() -> None:
    assert drawn([alert("serial-late", at=99)], at=5).since == minute(5)


@pytest.mark.parametrize("gone", ["zone-expired", "zone-not-served", "server-unreachable"])
@pytest.mark.parametrize("before", ["serial-late", "serial-stuck", "record-differs"])
def test_what_was_served_before_is_no_finding_on_any_group_once_nothing_is(gone: str, before: str) -> None:
    """The kind: "is 10 s behind, it serves …" beside "SERVFAIL", in the API, on the page and in metrics."""
    for phase, codes in ((Phase.FIRING, [gone]), (Phase.PENDING, sorted([gone, before]))):
        zone = drawn([alert(before, at=0), alert(gone, phase, at=3)], at=5)
        assert sorted(f.key.code for f in zone.findings) == codes
        assert zone.since == minute(0), "bad all the time"
        assert sorted(f["code"] for f in zone_data(zone, minute(5))["findings"]) == codes
        assert (f'code="{before}"' in series([zone], minute(5))) is (before in codes)


ENDS = [
    (f"{served} {after}", told)
    for served in ("10", "10~3600")
    for after, told in (
        ("REFUSED*3", False),
        ("SERVFAIL - ?", False),
        ("- NOTAUTH -", False),
        ("-*3", True),
        ("REFUSED - 10~3600", True),
    )
]


@pytest.mark.parametrize(("ns2", "told"), ENDS)
def test_of_a_zone_that_is_not_served_no_group_shows_an_end(ns2: str, told: bool) -> None:
    """The kind: a countdown of a copy that is not there, in metrics, the API, on the page or on a terminal."""
    page = story(ZONE, {"ns1": "10*4", "ns2": ns2})[-1]
    drawn = zone_status(ZONE, page.zone_state, {}, [], None, page.at)
    metrics, data, secondary = series([drawn], page.at), zone_data(drawn, page.at), drawn.addresses[1]
    templates = environment({"page.css": ""}).get_template("parts.html").make_module({"now": page.at})
    row = templates.addresses([(drawn, secondary)], False, "")
    assert ("soawatch_zone_expiry_timestamp_seconds{" in metrics) is told
    assert (data["addresses"][1]["expires_at"] is not None) is told
    assert ('class="expires">in ' in row, "expires nothing" not in row, bool(expiry_text(secondary))) == (
        told,
        told,
        told,
    )


def test_how_long_a_canary_took_is_that_of_its_last_change() -> None:
    ns1, ns2 = (place for _, place in ZONE.server_addresses())
    page = story(ZONE, {"ns1": "10", "ns2": "10"})[-1]
    state = MonitorState()
    state.use(ZoneColumns(ZoneTable.of((ZONE,))))

    def store(health: Health, *arrivals: CanaryArrival) -> ZoneStatus:
        state.store_result(CheckResult(ZONE.name, "canary", page.at, health, arrivals=arrivals))
        return zone_status(ZONE, page.zone_state, state.results_of(ZONE.name), [], None, page.at)

    first, second = CanaryArrival("ns1", ns1, page.at, 0.25), CanaryArrival("ns2", ns2, page.at, 1.5)
    drawn = store(Health.GOOD, first, second)
    assert [one.canary for one in drawn.addresses] == [first, second]
    labels = f'{{zone="{ZONE.name}",server="ns2",address="{ns2}"}}'
    assert f"soawatch_zone_canary_seconds{labels} 1.5\n" in series([drawn], page.at)
    assert zone_data(drawn, page.at)["addresses"][1]["canary"] == {"at": iso(page.at), "seconds": 1.5}
    drawn = store(Health.BAD, first)
    assert [one.canary for one in drawn.addresses] == [first, None]
    assert zone_data(drawn, page.at)["addresses"][1]["canary"] is None
    assert [one.canary for one in store(Health.UNKNOWN).addresses] == [None, None]
    store(Health.GOOD, first)
    state.keep_results(lambda check, zone: False)
    assert not state.arrivals


def test_the_last_whole_transfer_stays_until_there_is_another() -> None:
    """Of each way in which it is asked for; one that failed since, or another check's, takes none away."""
    ns1, ns2 = (place for _, place in ZONE.server_addresses())
    page = story(ZONE, {"ns1": "10", "ns2": "10"})[-1]
    latest = LatestTransfers()
    first = ZoneTransfer("ns2", ns2, page.at, 2.0, 4_000_000, 60, 50_000, 10)
    keyed = replace(first, key="xfr", octets=3000)
    latest.note(CheckResult(ZONE.name, "transfer", page.at, Health.GOOD, transfers=(first, keyed)))
    latest.note(CheckResult(ZONE.name, "transfer", minute(61), Health.UNKNOWN, reason="no TCP"))
    newer = replace(first, at=minute(90), seconds=4.0)
    latest.note(CheckResult(ZONE.name, "content", minute(90), Health.GOOD, transfers=(newer,)))

    def drawn() -> ZoneStatus:
        return zone_status(ZONE, page.zone_state, {}, [], None, page.at, figures=latest.of_zone(ZONE.name))

    assert [one.transfers for one in drawn().addresses] == [(), (newer, keyed)]
    assert [*transfer_lines(drawn().addresses, minute(90))] == [
        f"transfer: ns2 ({ns2}): 4.0 MB, 50000 records in 4.00 s (1.0 MB/s)",
        f"transfer: ns2 ({ns2}) with key xfr: 3.0 kB, 50000 records in 2.00 s (1.5 kB/s), 1 h 30 min ago",
    ]
    told = [line for line in series([drawn()], page.at).splitlines() if line.startswith("soawatch_zone_transfer_")]
    labels = f'{{zone="{ZONE.name}",server="ns2",address="{ns2}"}}'
    assert f"soawatch_zone_transfer_seconds{labels} 4.0" in told
    assert f"soawatch_zone_transfer_octets{labels} 4000000" in told
    assert len(told) == 4
    _, shown = zone_data(drawn(), page.at)["addresses"]
    assert shown["transfers"][0] == {
        "at": iso(minute(90)), "serial": 10, "seconds": 4.0, "octets": 4_000_000, "messages": 60, "records": 50_000,
        "octets_per_second": 1_000_000, "key": None, "transport": "tcp", "source": None,
    }  # fmt: skip
    assert ns1 != ns2


def test_answers_to_ixfr_are_told_with_their_shape_and_beside_the_whole_zone() -> None:
    _, ns2 = (place for _, place in ZONE.server_addresses())
    page = story(ZONE, {"ns1": "10", "ns2": "10"})[-1]
    whole = ZoneTransfer("ns2", ns2, page.at, 2.0, 4_000_000, 60, 50_000, 10)
    size = DifferenceSize(0.25, 3000, 1, 7)
    asked = IxfrResponse("ns2", ns2, page.at, IxfrAnswer.INCREMENTAL, 9, 10, size, "xfr")
    plain = replace(asked, answer=IxfrAnswer.FULL_ZONE, size=None, key=None, at=minute(-9))

    def drawn(*figures: TransferFigures) -> ZoneStatus:
        return zone_status(ZONE, page.zone_state, {}, [], None, page.at, figures=figures)

    def lines(told: ZoneStatus) -> list[str]:
        return [line for line in transfer_lines(told.addresses, page.at) if line.startswith("IXFR")]

    def metrics(told: ZoneStatus) -> list[str]:
        of = f'{{zone="{ZONE.name}",server="ns2",address="{ns2}"}} '
        known = [line for line in series([told], page.at).splitlines() if line.startswith("soawatch_zone_ixfr_")]
        return [line.replace(of, "=").removeprefix("soawatch_zone_ixfr_") for line in known]

    both = drawn(TransferFigures((whole,)), TransferFigures((), (plain, asked)))
    differences = "from serial 9 to 10: the differences: 3.0 kB, 0.075 % of the whole zone in 0.25 s"
    assert lines(both) == [
        f"IXFR: ns2 ({ns2}), from serial 9 to 10: the whole zone",
        f"IXFR: ns2 ({ns2}) with key xfr, {differences}",
    ]
    at = page.at.timestamp()
    assert metrics(both) == ["incremental=1", "octets=3000", f"timestamp_seconds={at}"]
    assert zone_data(both, page.at)["addresses"][1]["ixfr"][1] == {
        "at": iso(page.at), "answer": "incremental", "since": 9, "serial": 10, "seconds": 0.25, "octets": 3000,
        "messages": 1, "records": 7, "key": "xfr", "transport": "tcp", "source": None,
    }  # fmt: skip
    alone = drawn(TransferFigures((), (asked,)))
    assert lines(alone) == [f"IXFR: ns2 ({ns2}) with key xfr, from serial 9 to 10: the differences: 3.0 kB in 0.25 s"]
    full = drawn(TransferFigures((), (plain,)))
    assert metrics(full) == ["incremental=0", f"timestamp_seconds={minute(-9).timestamp()}"]
    assert zone_data(full, page.at)["addresses"][1]["ixfr"][0]["octets"] is None
    current = drawn(TransferFigures((), (replace(plain, answer=IxfrAnswer.UP_TO_DATE, since=10),)))
    assert lines(current) == [f"IXFR: ns2 ({ns2}), from serial 10 to 10: nothing newer"]
    assert metrics(current) == [f"timestamp_seconds={minute(-9).timestamp()}"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({}, ""),
        ({"key": "xfr", "transport": Transport.TLS, "source": "192.0.2.9"}, "with key xfr over TLS from 192.0.2.9"),
    ],
)
def test_how_a_transfer_was_asked_for(one: dict[str, Any], said: str) -> None:
    _, ns2 = (place for _, place in ZONE.server_addresses())
    assert way(ZoneTransfer("ns2", ns2, minute(1), 0.0, 512, 1, 4, 10, **one)) == said


def test_signatures_end_where_the_latest_look_saw_that_they_do() -> None:
    """Kept for zones that are well, too, of which nothing else is kept but when they were looked at."""
    _, ns2 = (place for _, place in ZONE.server_addresses())
    page = story(ZONE, {"ns1": "10", "ns2": "10"})[-1]
    state = MonitorState()
    state.use(ZoneColumns(ZoneTable.of((ZONE,))))
    result = CheckResult(ZONE.name, "signatures", page.at, Health.GOOD, ends=(SignatureEnd("ns2", ns2, minute(90)),))
    state.store_result(result)
    drawn = zone_status(ZONE, page.zone_state, state.results_of(ZONE.name), [], None, page.at)
    assert [one.signatures_end for one in drawn.addresses] == [None, minute(90)]
    left = (minute(90) - page.at).total_seconds()
    labels = f'{{zone="{ZONE.name}",server="ns2",address="{ns2}"}}'
    told = [line for line in series([drawn], page.at).splitlines() if line.startswith("soawatch_zone_signature_")]
    assert told == [f"soawatch_zone_signature_seconds_left{labels} {left}"]
    assert [one["signatures_end_at"] for one in zone_data(drawn, page.at)["addresses"]] == [None, iso(minute(90))]
    state.store_result(replace(result, ends=()))
    drawn = zone_status(ZONE, page.zone_state, state.results_of(ZONE.name), [], None, page.at)
    assert [one.signatures_end for one in drawn.addresses] == [None, None]
