"""A configuration becomes a plan: only what is on, and only what may change while we run."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerting.model import Secret
from checks.model.zone_table import ZoneTable
from monitor.config.load import parse
from monitor.config.model import Config
from monitor.config.named_token import NamedToken
from monitor.config.sections import Metrics
from monitor.polling.discovery import DiscoveredZones
from monitor.service.plan import PERIODIC_JOBS, as_started, cadences, plan_of
from tests.support.observations import zone

TEXT = """
[service]
vantage = "here"
[cadence]
records  = "off"
transfer = "2h"
[servers.ns1]
addresses = ["192.0.2.1"]
[[zones]]
name    = "example.com"
servers = ["ns1"]
"""


def config(text: str = TEXT) -> Config:
    return parse(text, Path("soawatch.toml"), {})


def test_a_check_that_is_off_is_neither_in_the_plan_nor_scheduled() -> None:
    plan = plan_of(config(), DiscoveredZones(ZoneTable.of((zone(),)), {}))
    assert "records" in config().checks
    assert "records" not in plan.checks
    assert "soa-serial" in plan.checks
    jobs = cadences(config(), plan)
    assert {str(group) for group in plan.sweep_groups} == set(jobs) - set(PERIODIC_JOBS) - {"resolve"}
    assert {group.check for group in plan.sweep_groups} == set(plan.checks)
    assert jobs["transfer every 2h"] == timedelta(hours=2)


def test_alerts_go_by_the_shortest_grace_and_the_longest_settle_of_all_routes() -> None:
    hook = '[receivers.h]\ntype = "webhook"\nurl = "https://h.example/"\n'
    routes = '[[routes]]\nreceivers = "h"\ngrace = "5s"\n[[routes]]\nreceivers = "h"\nsettle = "1h"\n'
    plan = plan_of(config(f"{TEXT}\n{hook}{routes}"), DiscoveredZones(ZoneTable.of((zone(),)), {}))
    assert (plan.alert_policy.grace, plan.alert_policy.settle) == (timedelta(seconds=5), timedelta(hours=1))
    assert plan.rules.policy == config().policy
    assert [audience.receivers for audience in plan.rules.audiences] == [("h",)]


def test_equal_configurations_make_equal_plans() -> None:
    found = DiscoveredZones(ZoneTable.of((zone(),)), {}, cached={("ns1.", "A"): None})  # type: ignore[dict-item]
    assert plan_of(config(), found) == plan_of(
        config(), DiscoveredZones(ZoneTable.of((zone(),)), {}, problems=("other",))
    )
    assert plan_of(config(), found) != plan_of(config(), DiscoveredZones(ZoneTable.of((zone("ns1"),)), {}))


def test_what_needs_a_restart_stays_as_it_was_and_is_named() -> None:
    before = config()
    after = config(TEXT.replace('"here"', '"there"'))
    taken, kept = as_started(after, before)
    assert kept == ["vantage"]
    assert taken.service.vantage == "here"
    assert as_started(before, before) == (before, [])
    assert as_started(replace(before, metrics=Metrics(7)), before)[1] == ["max_zones"]
    other = replace(before, metrics=Metrics(max_servers=7))
    assert as_started(other, before) == (before, ["max_servers"])


def test_tokens_come_and_go_with_a_reload_but_never_leave_the_port_open() -> None:
    anna, bert = (NamedToken(name, Secret(f"token of {name}")) for name in ("anna", "bert"))
    nobody = config()
    one, other = replace(nobody, tokens={"anna": anna}), replace(nobody, tokens={"bert": bert})
    assert as_started(one, nobody) == (one, [])
    assert as_started(other, one) == (other, [])
    assert as_started(nobody, one) == (one, ["tokens"])
    closed = replace(nobody, service=replace(nobody.service, token=Secret("that of the service")))
    assert as_started(closed, replace(closed, tokens={"anna": anna})) == (closed, [])


def test_retention_may_change() -> None:
    before = config()
    after = replace(before, service=replace(before.service, retention=timedelta(days=1)))
    assert as_started(after, before) == (after, [])


def test_receivers_that_keep_a_state_and_those_that_are_told_what_stands_are_known() -> None:
    text = TEXT + (
        '[receivers.am]\ntype = "alertmanager"\nurl = "http://127.0.0.1:9093"\nallow_private = true\n'
        '[receivers.pd]\ntype = "pagerduty"\nrouting_key = "0123456789abcdef0123456789abcdef"\n'
        '[receivers.chat]\ntype = "ntfy"\nurl = "https://ntfy.example.com/topic"\n'
    )
    plan = plan_of(config(text), DiscoveredZones(ZoneTable.of((zone(),)), {}))
    assert (plan.rules.state_receivers, plan.rules.standing_receivers) == ({"am", "pd"}, {"am"})
