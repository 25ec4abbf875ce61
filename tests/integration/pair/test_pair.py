"""Two servers as real clients see them: loading, changing, staying in step."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import dns.edns
import dns.flags
import dns.xfr
import pytest

from alerting.finding_types import FINDING_TYPES
from checks.evaluation import run_check
from checks.model import Server, WantedRecord, Zone
from checks.records import Records
from checks.zone_state.model import ZoneState
from monitor.cli.zone_check.check_zone import check_zone
from monitor.cli.zone_check.target import parse_target
from monitor.clock import now
from monitor.config.load import load, parse
from monitor.pair import faults
from monitor.pair.behaviour import Behaviour
from monitor.pair.faults import FAULTS, Fault, UnknownFault
from monitor.pair.pair import Pair, UnknownServer
from monitor.pair.zonedata import BadZone, Timers, zone_text
from monitor.polling.sweep import poll_zone
from monitor.probe.client.client import DnsClient
from monitor.probe.message import tsig_server as tsig
from monitor.probe.settings import Probe
from tests.integration.pair.client import ask, transfer

ZONE = "pair.example."


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        yield pair


async def test_both_serve_the_zone_over_udp_and_tcp(pair: Pair) -> None:
    for server in pair.servers:
        for tcp in (False, True):
            answer = await ask(server, ZONE, "SOA", tcp=tcp)
            assert answer.flags & dns.flags.AA
            assert answer.answer[0][0].serial == 1000


async def test_they_say_who_they_are_and_how_long_they_are_good(pair: Pair) -> None:
    primary, secondary = [await ask(server, ZONE, "SOA") for server in pair.servers]
    assert [o.nsid for o in primary.get_options(dns.edns.NSID)] == [b"ns1"]
    assert [int.from_bytes(o.data, "big") for o in primary.get_options(dns.edns.EXPIRE)] == [600]
    assert [o.nsid for o in secondary.get_options(dns.edns.NSID)] == [b"ns2"]
    assert 595 <= int.from_bytes(secondary.get_options(dns.edns.EXPIRE)[0].data, "big") < 600


async def test_a_change_reaches_the_secondary_by_notify() -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=3600, retry=3600)) as pair:
        await pair.in_sync()
        assert pair.change(ZONE, "www 300 A 192.0.2.81") == 1001
        await pair.in_sync()
        answer = await ask(pair.secondary, f"www.{ZONE}", "A")
        assert [rdata.address for rdata in answer.answer[0]] == ["192.0.2.81"]
        assert pair.secondary.counts["notify"] == 1


@pytest.mark.parametrize("server", ["ns1", "ns2"])
async def test_the_key_opens_the_transfer(pair: Pair, server: str) -> None:
    zone = await transfer(pair.server(server), ZONE, tsig.usable(pair.key))
    assert len(list(zone.iterate_rdatas())) == 14
    with pytest.raises(dns.xfr.TransferError, match="REFUSED"):
        await transfer(pair.server(server), ZONE, None)


async def test_the_configuration_it_writes_for_any_zone_is_one_and_nothing_is_wrong_in_it(tmp_path: Path) -> None:
    zones = {ZONE: zone_text(), "other.example.": "@ SOA ns h 7 2 1 600 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2"}
    async with Pair(zones, now=now, hosts=("127.0.0.1", "::1")) as pair:
        config = load(pair.write(tmp_path), {})
        assert config.warnings == ()
        assert [(zone.name, len(zone.records)) for zone in config.zones.values()] == [("other.example.", 0), (ZONE, 2)]
        assert [entry.addresses for entry in config.servers.values()] == [
            pair.primary.addresses,
            pair.secondary.addresses,
        ]
        assert config.keys["xfr"].secret == pair.key.secret
        inline = parse(pair.config_toml(listen="127.0.0.1:0"), tmp_path / "inline.toml", {})
        assert inline.keys == config.keys


def test_what_it_is_told_cannot_be() -> None:
    with pytest.raises(BadZone):
        Pair({ZONE: "@ SOA ns h 7 2 1 600 5"}, now=now)
    with pytest.raises(BadZone, match="not a name of a zone"):
        Pair(["a..b"], now=now)


async def test_secrets_are_not_shown(pair: Pair) -> None:
    for shown in (repr(pair.key), repr(pair.primary), repr(vars(pair)), repr(pair._upstream())):
        assert pair.key.secret.reveal() not in shown


async def test_a_pair_on_ipv6_alone() -> None:
    async with Pair([ZONE], now=now, hosts=("::1",), timers=Timers(refresh=3600)) as pair:
        await pair.in_sync()
        pair.change(ZONE)
        await pair.in_sync()
        assert (await ask(pair.secondary, ZONE, "SOA", tcp=True)).answer[0][0].serial == 1001
        assert pair.secondary.counts["notify"] == 1


async def test_a_fault_applies_where_its_row_says_or_where_it_is_told(pair: Pair) -> None:
    assert pair.break_("lame") == "ns2"
    assert pair.break_("lame", "ns1") == "ns1"
    assert pair.active == {"ns1": ("lame",), "ns2": ("lame",)}
    assert pair.mend("lame", "ns2") == ("ns2",)
    assert pair.mend() == ("ns1",)
    assert pair.mend() == ()
    with pytest.raises(UnknownFault, match="no fault is called 'bogus'; there are: frozen"):
        pair.break_("bogus")
    with pytest.raises(UnknownServer):
        pair.break_("lame", "ns3")


async def test_faults_add_up_and_the_later_wins_where_they_disagree(pair: Pair) -> None:
    pair.break_("transfer-open", "ns1")
    pair.break_("serial-ahead", "ns1")
    pair.break_("transfer-refused", "ns1")
    assert pair.serial(ZONE) == 1010
    with pytest.raises(dns.xfr.TransferError):
        await transfer(pair.primary, ZONE, None)
    pair.mend("transfer-refused")
    assert len(list((await transfer(pair.primary, ZONE, None)).iterate_rdatas())) == 14


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_table_of_faults_can_be_relied_on(fault: Fault) -> None:
    assert faults.behaviour([fault.name]) != Behaviour()
    assert fault.server in ("ns1", "ns2")
    assert set(fault.codes) <= set(FINDING_TYPES)
    assert fault.does.endswith(".")
    assert fault.story.endswith(".")


async def test_what_differs_is_told_by_answers_that_say_which_version_they_are_from(pair: Pair) -> None:
    """ZONEVERSION (RFC 9660), which no released server of Debian's answers, in place of the SOA after the records."""
    pair.break_("record-changed", "ns2")
    servers = tuple(Server(one.name, one.addresses) for one in pair.servers)
    zone = Zone(ZONE, servers, "ns1", records=(WantedRecord(f"www.{ZONE}", "A"), WantedRecord(ZONE, "MX")))
    probe = DnsClient(Probe(), {}, now)
    try:
        poll = await poll_zone(Records(), zone, probe, timedelta(minutes=1), now)
    finally:
        await probe.close()
    asked = Counter((one.query.qtype, one.query.version) for one in poll.seen)
    assert asked == {("SOA", False): 2, ("A", False): 2, ("MX", False): 2, ("A", True): 4}
    assert {one.zone_version for one in poll.seen if one.query.version} == {1000}
    found = run_check(Records(), zone, poll, ZoneState(zone.name)).findings
    assert [(one.code, one.server) for one in found] == [("content-differs", "ns2")]


async def test_a_check_without_configuration_compares_the_default_list_at_two_looks(pair: Pair) -> None:
    target = parse_target(ZONE, [f"{one.name}={one.addresses[0]}" for one in pair.servers], None)
    good = await check_zone(target, 0.1)
    assert (good.findings, len(good.looks)) == ((), 1)
    pair.break_("record-changed")
    bad = await check_zone(target, 0.1)
    assert [(one.code, one.server) for one in bad.findings] == [("content-differs", "ns2")]
    assert len(bad.looks) == 2
