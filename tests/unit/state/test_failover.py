"""Who goes on when the primary or a provider goes, and until when."""

from datetime import timedelta

from checks.model import Address, Health
from monitor.state.failover import Failover, Remaining, failovers
from monitor.state.level import Level
from monitor.state.status import AddressStatus, ZoneStatus
from monitor.web.api_schema import zone_data
from monitor.web.failover_view import failover_lines, failover_rows
from tests.support.observations import NOON

DAY = timedelta(days=1)


def at(server: str, number: int = 1, **fields: object) -> AddressStatus:
    plain = {
        "hidden": False, "primary": False, "serial": 10, "state": "in-sync", "outcome": "answered", "rtt": None,
        "since": None, "behind_since": None, "checked_at": NOON,
    }  # fmt: skip
    return AddressStatus(server, Address(f"192.0.2.{number}"), **(plain | fields))  # type: ignore[arg-type]


def zone(*addresses: AddressStatus, primary: str | None = "ns1") -> ZoneStatus:
    return ZoneStatus("example.com.", "example.com.", Health.GOOD, {"": 10}, addresses, primary=primary)


def lines(*addresses: AddressStatus, primary: str | None = "ns1") -> list[str]:
    return list(failover_lines(failovers(zone(*addresses, primary=primary)), NOON))


NS1 = at("ns1", primary=True)


def test_the_first_to_stop_is_told_first_and_when_the_zone_is_dark() -> None:
    late, soon = at("ns2", expires=NOON + 3 * DAY), at("ns3", expires=NOON + DAY, estimated=True)
    assert lines(NS1, late, soon) == [
        (
            "If ns1 (the primary) goes now: ns3 goes on until 2026-11-21 12:00 UTC (estimated) and ns2 goes on until "
            "2026-11-23 12:00 UTC; in 3 d the zone is dark"
        )
    ]
    (found,) = failovers(zone(NS1, late, soon))
    assert found == Failover("ns1", False, True, (Remaining("ns3", NOON + DAY, True), Remaining("ns2", NOON + 3 * DAY)))
    assert found.dark_at == NOON + 3 * DAY


def test_a_server_is_gone_with_the_first_of_its_addresses() -> None:
    (found,) = failovers(zone(NS1, at("ns2", 2, expires=NOON + 3 * DAY), at("ns2", 3, expires=NOON + DAY)))
    assert found.remains == (Remaining("ns2", NOON + DAY),)


def test_who_serves_nothing_or_is_asked_by_nobody_is_not_left() -> None:
    gone = (at("ns2", state="silent"), at("ns3", state="not-served"), at("ns4", serial=None), at("ns5", hidden=True))
    assert lines(NS1, *gone) == ["If ns1 (the primary) goes now: nobody that resolvers ask serves the zone"]


def test_until_when_may_not_be_known_or_be_over() -> None:
    (line,) = lines(NS1, at("ns2"), at("ns3", expires=NOON - DAY))
    assert line.endswith("ns3 should have stopped already and ns2 goes on, until when is not known")
    assert failovers(zone(NS1, at("ns2")))[0].dark_at is None


def test_signatures_may_end_sooner() -> None:
    (line,) = lines(NS1, at("ns2", expires=NOON + 9 * DAY, signatures_end=NOON + 4 * DAY))
    assert line.endswith("; in 9 d the zone is dark; its signatures end from 2026-11-24 12:00 UTC on")
    (later,) = lines(NS1, at("ns2", expires=NOON + DAY, signatures_end=NOON + 4 * DAY))
    assert "signatures" not in later


def test_each_provider_may_go() -> None:
    own = at("ns1", primary=True, group="a"), at("ns2", 2, group="a", expires=NOON + DAY)
    other = at("ns3", 3, group="b", expires=NOON + 2 * DAY), at("ns4", 4, expires=NOON + 2 * DAY)
    assert lines(*own, *other)[1:] == [
        (
            "If provider a goes now: ns3 goes on until 2026-11-22 12:00 UTC and ns4 goes on until 2026-11-22 12:00 "
            "UTC; in 2 d the zone is dark"
        ),
        "If provider b goes now: ns1, ns2 and ns4 go on",
        "If the provider without a name goes now: ns1, ns2 and ns3 go on",
    ]


def test_of_servers_that_were_not_heard_nothing_is_said() -> None:
    """As before the first look, while the monitor is offline, and where no serials are looked at."""
    for state in ("unknown", "not-asked"):
        zoned = zone(at("ns1", primary=True, state=state), at("ns2", state=state), at("ns3", state=state, hidden=True))
        (row,) = failover_rows(failovers(zoned), NOON)
        assert (row.level, row.sentence) == (Level.UNKNOWN, "whether ns2 goes on is not known")
        (data,) = zone_data(zoned, NOON)["failover"]
        assert (data["remains"], data["unheard"], data["dark_at"]) == ([], ["ns2"], None)
    assert failovers(zone(NS1, at("ns2"), at("ns2", 3, state="unknown")))[0].unheard == ()


def test_who_has_nobody_to_have_the_zone_from_stops_whatever_is_lost() -> None:
    left = at("ns2", 2, group="a", expires=NOON + DAY), at("ns3", 3, group="b", expires=NOON + 2 * DAY)
    for source in (at("ns1", primary=True, state="silent"), at("ns1", primary=True, serial=None, state="not-served")):
        assert all(one.bounded for one in failovers(zone(source, *left)))
    assert [one.bounded for one in failovers(zone(NS1, *left))] == [True, True, False, False]
    assert [one.bounded for one in failovers(zone(*left, primary="ns1"))] == [False, False]


def test_who_signs_is_needed_as_the_primary_is() -> None:
    signer = at("ns2", 2, signer=True, group="s", hidden=True)
    zoned = zone(at("ns1", primary=True, hidden=True), signer, at("ns3", 3, expires=NOON + DAY))
    assert list(failover_lines(failovers(zoned), NOON))[1:] == [
        "If the provider without a name goes now: nobody that resolvers ask serves the zone",
        "If provider s goes now: ns3 goes on until 2026-11-21 12:00 UTC; in 1 d the zone is dark",
    ]


def test_without_a_primary_only_who_is_left_is_known() -> None:
    assert lines(at("ns1"), at("ns2"), primary=None) == []
    assert lines(at("ns1", group="a"), at("ns2", group="b", expires=NOON + DAY), primary=None) == [
        "If provider a goes now: ns2 goes on", "If provider b goes now: ns1 goes on"
    ]  # fmt: skip


def test_the_api_has_it_too() -> None:
    data = zone_data(zone(NS1, at("ns2", expires=NOON + DAY)), NOON)
    assert data["failover"] == [
        {
            "lost": "primary", "name": "ns1", "dark_at": "2026-11-21T12:00:00Z", "unheard": [],
            "remains": [
                {"server": "ns2", "until": "2026-11-21T12:00:00Z", "until_estimated": False, "signatures_end_at": None}
            ],
        }
    ]  # fmt: skip
