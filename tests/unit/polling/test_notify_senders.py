"""Which hosts may send NOTIFY for which zone."""

import pytest

from checks.model import Address, Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.config.model import ServerEntry
from monitor.polling.notify_senders import NotifySenders
from monitor.probe.notify.responder import NotifySender

NS1 = Server("ns1", (Address("192.0.2.1", 5301), Address("2001:db8::1")), hidden=True)
NS2 = Server("ns2", (Address("192.0.2.2"),))
NS3 = Server("ns3", (Address("192.0.2.3"),))
TWIN = Server("twin", (Address("192.0.2.1", 5302),))
ZONES = ZoneTable.of((
    Zone("example.com.", (NS2, TWIN, NS1), primary="ns1"),
    Zone("example.org.", (NS2, NS3)),
))  # fmt: skip
ENTRIES = {
    "ns1": ServerEntry("ns1", notify_from=("198.51.100.0/28", "2001:db8:1::/64"), notify_key="xfr"),
    "ns2": ServerEntry("ns2"),
    "unused": ServerEntry("unused", notify_from=("203.0.113.0/24",), notify_key="other"),
}
SENDERS = NotifySenders(ZONES, ENTRIES)


@pytest.mark.parametrize(
    ("zone", "host", "sender"),
    [
        ("example.com.", "192.0.2.2", NotifySender("ns2")),  # a secondary: others may be fed from it
        ("example.com.", "192.0.2.1", NotifySender("ns1", ("xfr",))),  # the primary, and not its twin on another port
        ("example.com.", "2001:db8::1", NotifySender("ns1", ("xfr",))),
        ("example.com.", "198.51.100.15", NotifySender("ns1", ("xfr",))),
        ("example.com.", "2001:db8:1::abcd", NotifySender("ns1", ("xfr",))),
        ("example.com.", "198.51.100.16", None),
        ("example.com.", "192.0.2.3", None),
        ("example.com.", "203.0.113.1", None),
        ("example.org.", "192.0.2.1", None),
        ("example.org.", "192.0.2.3", NotifySender("ns3")),
        ("example.net.", "192.0.2.1", None),
    ],
)
def test_a_server_of_the_zone_may_send(zone: str, host: str, sender: NotifySender | None) -> None:
    assert SENDERS.sender(zone, host) == sender


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("192.0.2.3", True), ("198.51.100.1", True), ("2001:db8::1", True), ("2001:db8:0:0::1", True),
        ("203.0.113.1", False), ("2001:db8::2", False), ("fe80::1%eth0", False),
    ],
)  # fmt: skip
def test_nobody_else_is_listened_to_at_all(host: str, known: bool) -> None:
    assert SENDERS.is_known(host) is known


def test_the_servers_that_a_catalog_is_read_from_may_send_for_it_and_for_nothing_else() -> None:
    other = Server("other", (Address("192.0.2.9"),))
    entries = ENTRIES | {"other": ServerEntry("other", notify_from=("203.0.113.0/24",), notify_key="cat")}
    senders = NotifySenders(ZONES, entries, {"catalog.example.": (NS3, other), "example.org.": (other,)})
    assert senders.has_zone("catalog.example.")
    assert senders.sender("catalog.example.", "192.0.2.3") == NotifySender("ns3")
    assert senders.sender("catalog.example.", "203.0.113.1") == NotifySender("other", ("cat",))
    assert senders.sender("catalog.example.", "192.0.2.2") is None
    assert senders.sender("example.com.", "192.0.2.9") is None
    assert {senders.is_known(host) for host in ("192.0.2.9", "203.0.113.1", "192.0.2.2")} == {True}
    both = [senders.sender("example.org.", host) for host in ("192.0.2.2", "192.0.2.9")]
    assert both == [NotifySender("ns2"), NotifySender("other", ("cat",))]


def test_the_zones_are_those_that_are_watched() -> None:
    assert SENDERS.has_zone("example.com.")
    assert not SENDERS.has_zone("www.example.com.")
