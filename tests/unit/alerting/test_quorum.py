"""How severe a dead server is by how many of its zone's servers still answer."""

from dataclasses import replace

from alerting.model import Alert, Phase
from alerting.quorum import by_quorum, quorum_severity
from checks.model import Address, Server, Zone
from checks.model.finding_type import Severity
from tests.support.alerts import alert

DEAD = "server-unreachable"
ADDRESSES = {f"ns{n}": Address(f"192.0.2.{n}") for n in range(1, 5)}
FOUR = Zone("a.example.", tuple(Server(name, (each,)) for name, each in ADDRESSES.items()), "ns1", quorum=3)


def dead(server: str, phase: Phase = Phase.FIRING, code: str = DEAD, severity: Severity | None = None) -> Alert:
    one = alert("a.example.", code, server, phase=phase, severity=severity)
    return replace(one, key=replace(one.key, address=ADDRESSES[server]))


def severities(*alerts: Alert, zone: Zone = FOUR) -> list[str]:
    changed = {each.key: each for each in by_quorum(alerts, zone)}
    return [str(changed.get(each.key, each).severity) for each in alerts]


def test_one_dead_server_of_four_is_a_warning_and_two_are_critical() -> None:
    assert severities(dead("ns2")) == ["warning"]
    assert severities(dead("ns2"), dead("ns3")) == ["critical", "critical"]
    warned = dead("ns2", severity=Severity.WARNING)
    assert by_quorum([warned], FOUR) == []
    assert severities(warned, dead("ns3")) == ["critical", "critical"]


def test_what_is_in_its_grace_or_recovers_takes_no_server_away() -> None:
    assert severities(dead("ns2"), dead("ns3", Phase.PENDING)) == ["warning", "warning"]
    assert severities(dead("ns2"), dead("ns3", Phase.RECOVERING)) == ["warning", "warning"]


def test_what_is_no_server_out_of_service_is_as_severe_as_its_code_says() -> None:
    late, known = dead("ns3", code="serial-overdue"), dead("ns4", severity=Severity.INFO)
    assert severities(dead("ns2"), late, zone=FOUR) == ["warning", str(late.severity)]
    assert severities(dead("ns2"), known) == ["critical", "info"]
    zone_wide = alert("a.example.", DEAD)
    assert quorum_severity(zone_wide.key, Severity.CRITICAL, [zone_wide], FOUR) is Severity.CRITICAL


def test_without_a_quorum_every_dead_server_is_as_severe_as_its_code_says() -> None:
    assert by_quorum([dead("ns2"), dead("ns3")], replace(FOUR, quorum=0)) == []
    assert (
        quorum_severity(dead("ns2").key, Severity.CRITICAL, [dead("ns2")], replace(FOUR, quorum=0)) is Severity.CRITICAL
    )


def test_a_server_is_gone_with_all_of_its_addresses_or_as_a_whole() -> None:
    two = Server("ns2", (ADDRESSES["ns2"], Address("2001:db8::2")))
    zone = Zone("a.example.", (FOUR.servers[0], two), "ns1", quorum=2)
    assert severities(dead("ns2"), zone=zone) == ["warning"]
    whole = replace(dead("ns2"), key=replace(dead("ns2").key, address=None))
    assert severities(whole, zone=zone) == ["critical"]


def test_a_hidden_server_is_not_counted_where_there_are_others() -> None:
    hidden = Server("ns1", (ADDRESSES["ns1"],), hidden=True)
    zone = Zone("a.example.", (hidden, *FOUR.servers[1:]), "ns1", quorum=3)
    assert severities(dead("ns1", severity=Severity.CRITICAL), zone=zone) == ["warning"]
    assert severities(dead("ns2"), zone=zone) == ["critical"]
    alone = Zone("a.example.", (hidden,), "ns1", quorum=1)
    assert severities(dead("ns1", severity=Severity.WARNING), zone=alone) == ["critical"]
