"""How many questions a configuration means for each server, counted from the checks themselves."""

from datetime import timedelta
from pathlib import Path

import pytest

from checks.model import Address, Server, Zone
from checks.model.zone_table import ZoneTable
from checks.registry import CHECKS
from monitor.config.load import parse
from monitor.config.load_estimate import demands
from monitor.config.model import Config
from monitor.probe.settings import worker_of
from tests.support.configuration import off

HERE = Path("config.toml")


def only(check: str) -> str:
    """A cadence of ten seconds for this check; every other is off."""
    return "[cadence]\n" + "".join(f'{name} = "{"10s" if name == check else "off"}"\n' for name in CHECKS)


def demand(config: Config, found: ZoneTable[Zone] | None = None) -> dict[str, float]:
    """Server → queries a second, over all checks."""
    return demands(config, found).totals()


def read(zones: str) -> Config:
    return parse(only("soa-serial") + zones, HERE, {})


def test_one_question_for_each_address_each_cadence() -> None:
    config = read("""
[servers.ns1]
addresses = ["192.0.2.1", "2001:db8::1"]
[[zones]]
name = "a.example"
servers = ["ns1", "192.0.2.2"]
""")
    assert demand(config) == pytest.approx({"ns1": 0.2, "192.0.2.2": 0.1})


def test_zones_add_up() -> None:
    config = read("".join(f'[[zones]]\nname = "z{n}.example"\nservers = "192.0.2.1"\n' for n in range(500)))
    assert demand(config) == pytest.approx({"192.0.2.1": 50.0})


def test_a_host_name_counts_for_two_addresses_until_it_is_resolved() -> None:
    config = read('[[zones]]\nname = "a.example"\nservers = "ns1.example.net"\n')
    assert demand(config) == pytest.approx({"ns1.example.net": 0.2})
    found = Zone("a.example.", (Server("ns1.example.net", (Address("192.0.2.1"),)),))
    assert demand(config, ZoneTable.of([found])) == pytest.approx({"ns1.example.net": 0.1})


def test_a_zone_whose_servers_are_yet_to_be_found_counts_for_nothing() -> None:
    assert demand(read('[[zones]]\nname = "a.example"\n')) == {}


def test_a_check_that_is_polled_in_full_is_followed_to_its_end() -> None:
    zone = """
[[zones]]
name = "a.example"
servers = ["192.0.2.1", "192.0.2.2"]
transfer = "refused"
"""
    assert demand(parse(only("transfer") + zone, HERE, {})) == pytest.approx({"192.0.2.1": 0.2, "192.0.2.2": 0.2})


def test_off_costs_nothing() -> None:
    config = read('[[zones]]\nname = "a.example"\nservers = "192.0.2.1"\n')
    assert all(every == timedelta(0) for name, every in config.cadence.items() if name != "soa-serial")
    assert demand(config) == pytest.approx({"192.0.2.1": 0.1})


PAIR = """
[[zones]]
name = "a.example"
servers = ["192.0.2.1", "192.0.2.2"]
records = ["www A", "www AAAA"]
"""


def shares(cadences: str) -> dict[str, float]:
    """Check → queries a second to the first server."""
    found = demands(parse(f"[cadence]\n{cadences}{off(but=cadences)}{PAIR}", HERE, {}))
    return {check: rate for (server, check, _), rate in found.shares.items() if server == "192.0.2.1" and rate}


def test_what_stands_costs_only_what_nobody_else_asks() -> None:
    """The SOA over UDP is soa-serial's; an RRset is asked for once; over TCP a zone has its turn once in an hour."""
    alone = shares('soa-serial = "10s"\nsoa-fields = "10s"\nns-set = "10s"\nrecords = "10s"\n')
    assert alone == pytest.approx({"soa-serial": 0.1, "ns-set": 0.1, "records": 0.2})
    assert shares('soa-serial = "10s"\nreachable = "10s"\n')["reachable"] == pytest.approx(0.1)
    text = '[cadence]\nsoa-serial = "10s"\nreachable = "10s"\n' + "".join(
        f'[[zones]]\nname = "z{number}.example"\nservers = "192.0.2.1"\n' for number in range(3600)
    )
    assert demands(parse(text, HERE, {})).shares["192.0.2.1", "reachable", timedelta(seconds=10)] == pytest.approx(
        0.1 + 1.0
    )


def test_without_soa_serial_each_check_asks_for_itself() -> None:
    assert shares('soa-fields = "10s"\n') == pytest.approx({"soa-fields": 0.1})
    assert shares('ns-set = "10s"\n') == pytest.approx({"ns-set": 0.1})
    assert shares('reachable = "10s"\n') == pytest.approx({"reachable": 0.2})


def own(cadences: str, zone: str) -> dict[str, float]:
    """The same, of a zone with a cadence of its own."""
    found = demands(parse(f"[cadence]\n{cadences}{off(but=cadences)}{PAIR}cadence = {{ {zone} }}\n", HERE, {}))
    return {check: rate for (server, check, _), rate in found.shares.items() if server == "192.0.2.1" and rate}


def test_a_zone_with_a_cadence_of_its_own_is_asked_by_that() -> None:
    """Where soa-serial is off for it, or slower than the checks that it tells, these ask for themselves."""
    whole = 'soa-serial = "10s"\nsoa-fields = "10s"\nrecords = "10s"\n'
    assert own(whole, 'records = "20s"') == pytest.approx({"soa-serial": 0.1, "records": 0.1})
    assert own(whole, 'records = "off"') == pytest.approx({"soa-serial": 0.1})
    assert own(whole, 'soa-serial = "20s", records = "off"') == pytest.approx({"soa-serial": 0.05, "soa-fields": 0.1})
    assert own(whole, 'soa-serial = "20s"') == pytest.approx({"soa-serial": 0.05, "soa-fields": 0.1, "records": 0.2})
    assert own(whole, 'soa-serial = "off", records = "off"') == pytest.approx({"soa-fields": 0.1})
    assert own('soa-serial = "10s"\n', 'soa-fields = "20s", soa-serial = "off"') == pytest.approx({"soa-fields": 0.05})


TCP_ALONE = '[cadence]\nsoa-serial = "10s"\nreachable = "10s"\n' + off(but=("soa-serial", "reachable"))


def over_tcp(zones: list[str]) -> dict[str, float]:
    """Server → questions over TCP in a cadence, of zones with these keys."""
    text = TCP_ALONE + "".join(f'[[zones]]\nname = "z{n}.example"\n{keys}\n' for n, keys in enumerate(zones))
    found = demands(parse(text, HERE, {})).shares
    return {server: rate * 10 for (server, check, _), rate in found.items() if check == "reachable"}


def test_over_tcp_an_address_is_asked_for_one_of_its_zones_whatever_else_these_differ_in() -> None:
    alike = over_tcp([f'servers = "192.0.2.1"\ncadence = {{ records = "{60 + n}s" }}' for n in range(36)])
    assert alike == pytest.approx({"192.0.2.1": 1 + 35 / 360})
    hub = over_tcp([f'servers = ["192.0.2.1", "192.0.2.{10 + n}"]' for n in range(36)])
    assert hub.pop("192.0.2.1") == pytest.approx(36), "every other address is asked for a zone that is there, too"
    assert hub == pytest.approx(dict.fromkeys(hub, 1.0))


def test_what_relies_on_soa_serial_has_a_share_that_costs_nothing() -> None:
    found = demands(parse('[cadence]\nsoa-fields = "10s"\nsoa-serial = "10s"\n' + PAIR, HERE, {})).shares
    assert found["192.0.2.1", "soa-fields", timedelta(seconds=10)] == 0


def test_with_workers_each_process_has_its_own_to_ask() -> None:
    """The service asks what is polled in full, as transfers are; each worker asks its own zones; TCP goes by turns."""
    zones = "".join(
        f'[[zones]]\nname = "z{n}.example"\nservers = "192.0.2.1"\ntransfer = "refused"\n' for n in range(36)
    )
    cadence = '[cadence]\nsoa-serial = "10s"\nreachable = "10s"\ntransfer = "1h"\n'
    text = f"[probe]\nworkers = 2\n{cadence}{off(but=cadence)}{zones}"
    found = demands(parse(text, HERE, {}))
    (rates,) = found.by_process.values()
    owned = [sum(worker_of(f"z{n}.example.", 2) == worker for n in range(36)) for worker in range(2)]
    assert sum(owned) == 36
    tcp = (1 + 36 / 360) / 10
    assert rates == pytest.approx([36 * 2 / 3600, *(count / 10 + tcp / 2 for count in owned)])
    assert found.totals() == pytest.approx({"192.0.2.1": sum(found.shares.values())})
