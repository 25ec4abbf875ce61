"""What is written of zones and servers goes through templates and discovery, and no field is left behind there."""

from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any

import pytest

from checks.model import Address, CanaryRecord, Expectation, Server, TimerLimits, TransferRule, WantedRecord, Zone
from checks.model.finding_type import Severity
from monitor.config.model import ServerEntry, ZoneEntry
from monitor.polling.discovery import _server, _zone
from monitor.probe.settings import TlsSettings

NAME = "example.com."
ADDRESS = Address("192.0.2.1")
RECORDS = (WantedRecord("www.example.com.", "A", ("192.0.2.80",), ttl=False),)
RULES = (TransferRule("*", Expectation.REFUSED, "key", whole=True),)
CADENCE = (("reachable", timedelta(0)), ("records", timedelta(hours=1)))
CANARY = CanaryRecord("key", "_x", "ns1", 5, timedelta(minutes=1))
TIMERS = TimerLimits("rfc1912", ttl=(timedelta(hours=1),))
SEVERITY = (("serial-late", Severity.CRITICAL),)
SERVER = ServerEntry(
    "ns1.example.net", (ADDRESS,), "host.example.net.", 5353, hidden=True, group="g", upstream=("up",),
    notify_from=("192.0.2.0/24",), notify_key="key", expect_notify=True, tls=TlsSettings(name="ns1.example.net"),
)  # fmt: skip
OF_SENDERS = {"notify_from", "notify_key", "expect_notify"}
"""What those ask who hear of a server, not those who ask it (monitor/polling/notify_senders.py)."""
ZONE = ZoneEntry(
    NAME, ("ns1.example.net",), "ns1.example.net", "ns2.example.net", timedelta(hours=2), RECORDS, RULES,
    ("ns9.example.net",), CADENCE, SEVERITY, content=True, ignored_between_groups=("@ NS",),
    catalog="catalog.example.", removed=True, canary=CANARY, labels=(("team", "web"),), quorum=2, min_good=2,
    parent=(ADDRESS,), timers=TIMERS,
)  # fmt: skip
WATCHED = Zone(
    NAME, (Server("ns1", (ADDRESS,)),), "ns1", timedelta(hours=2), RECORDS, RULES, ("ns9.example.net",),
    discovered=True, cadence=CADENCE, severity=SEVERITY, signer="ns2", default_records=True, content=True,
    ignored_between_groups=("@ NS",), catalog="catalog.example.", removed=True, canary=CANARY,
    labels=(("team", "web"),), quorum=2, min_good=2,
    parent=(ADDRESS,), timers=TIMERS,
)  # fmt: skip


@pytest.mark.parametrize("value", [SERVER, ZONE, WATCHED])
def test_the_specimens_have_something_in_every_field(value: Any) -> None:
    plain = [f.name for f in fields(value) if f.default is not MISSING and getattr(value, f.name) == f.default]
    assert plain == []


@pytest.mark.parametrize("value", [ZONE, WATCHED])
def test_without_its_name_and_with_it_again_it_is_the_same(value: Any) -> None:
    assert value.without_name().with_name(NAME) == value


def test_what_is_written_of_a_server_reaches_those_who_ask() -> None:
    made = _server(SERVER, {})
    assert made == Server(SERVER.name, SERVER.addresses, SERVER.hidden, SERVER.group, SERVER.upstream, tls=True)
    assert {f.name for f in fields(ServerEntry)} - {f.name for f in fields(Server)} == {"host", "port"} | OF_SENDERS


def test_what_is_written_of_a_zone_reaches_those_who_ask() -> None:
    made = _zone(ZONE.without_name(), ZONE.servers, {SERVER.name: _server(SERVER, {})}).with_name(NAME)
    for one in fields(ZoneEntry):
        if one.name != "servers":
            assert getattr(made, one.name) == getattr(ZONE, one.name), one.name
    assert [server.name for server in made.servers] == list(ZONE.servers)
