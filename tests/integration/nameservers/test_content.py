"""Whole zones of four servers are the same when they are, and different when they are not: by one record in many."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.model import Expectation, Health, TransferRule, Zone
from checks.model import Server as Watched
from monitor.clock import now
from monitor.probe.types import Prober
from tests.integration.nameservers.test_records import LONG, RECORDS, spelt
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.signed_zones import signed, zone_key

ZONE = "same.test."
MANY = "many.test."
ONE, OTHER = "h70000 A 10.1.17.112", "h70000 A 10.1.17.113"


DAY = timedelta(days=1)
DEEP = "deep.test."


def deep() -> Content:
    """A signed zone. Two signatures have ended: of one RRset it was the only one, of another there is a newer."""
    content, key = Content(DEEP, serial=10, records=("@ NS ns1", "ns1 A 192.0.2.53", "a.b A 192.0.2.1")), zone_key()
    good = signed(content, key, now() - DAY, now() + 20 * DAY)
    ended = signed(content, key, now() - 30 * DAY, now() - 2 * DAY)
    old = [one for one in ended.records if _is_signature(one, "a.b") or _is_signature(one, "ns1")]
    kept = [one for one in good.records if not _is_signature(one, "a.b")]
    return replace(good, records=(*kept, *old))


def _is_signature(record: str, owner: str) -> bool:
    name, rtype, rdata = record.split(None, 2)
    return name.removesuffix(f".{DEEP}") == owner and rtype == "RRSIG" and rdata.startswith("A ")


@pytest.fixture(scope="module")
def signers() -> Iterator[Lab]:
    """Secondaries of all softwares, of a zone that was signed by hand."""
    with Lab() as lab:
        primary = lab.primary("bind", deep(), name="primary")
        for software in SOFTWARE:
            lab.secondary(software, of=primary, name=software).use_dnssec()
        lab.start()
        for server in lab.servers:
            server.wait(DEEP, 10)
        yield lab


async def test_signatures_that_ended_are_found_wherever_they_are(signers: Lab, probe: Prober) -> None:
    servers = tuple(Watched(server.name, (server.ipv4,)) for server in signers.servers)
    rule = TransferRule("*", Expectation.ALLOWED, XFR.name)
    watched = Zone(DEEP, servers, "primary", content=True, transfers=(rule,), ignored=("*",))
    assert codes(await Watch(probe, watched).look("signatures")) == {}
    watch = Watch(probe, watched)
    result = await watch.look("content")
    assert codes(result) == {server.name: {"signature-expired"} for server in signers.servers}
    assert result.unsure == ()
    assert all(f"the last signature of a.b.{DEEP} A has ended, 2 d ago" in one.text for one in result.findings)
    assert len(watch.seen) == 2 * len(servers)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Every software with its own spelling of one zone, and with 100 000 records in another."""
    hosts = (f"h{number} A 10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(99_998))
    many = ("@ NS ns1", "ns1 A 192.0.2.53", *hosts)
    with Lab() as lab:
        for software in SOFTWARE:
            server = lab.server(software, software)
            server.serve(Content(ZONE, serial=10, records=spelt(software)), everyone=True, allow=())
            server.serve(Content(MANY, serial=10, records=many), everyone=True, allow=())
        lab.start()
        yield lab


def zone(lab: Lab, name: str, primary: str = "bind") -> Zone:
    servers = tuple(Watched(server.name, (server.ipv4,)) for server in lab.servers)
    return Zone(name, servers, primary, content=True)


async def test_the_same_zone_is_the_same_however_it_is_written(lab: Lab, probe: Prober) -> None:
    watch = Watch(probe, zone(lab, ZONE))
    result = await watch.look("content")
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())
    contents = {seen.content for seen in watch.seen}
    assert len(contents) == 1
    (content,) = contents
    assert content is not None
    assert content.records == len(RECORDS) + len(LONG)


@pytest.mark.parametrize("software", SOFTWARE)
async def test_one_record_changed_in_a_hundred_thousand_is_found(lab: Lab, probe: Prober, software: str) -> None:
    server = next(server for server in lab.servers if server.software == software)
    content = server.content(MANY)
    assert ONE in content.records
    change(server, replace(content, records=tuple(OTHER if one == ONE else one for one in content.records)), "113")
    try:
        result = await Watch(probe, zone(lab, MANY, "bind" if software != "bind" else "knot")).look("content")
    finally:
        change(server, content, "112")
    assert codes(result) == {software: {"content-differs"}}
    (finding,) = result.findings
    assert finding.text.endswith(
        "1 record missing, 1 more: - h70000.many.test. 300 IN A 10.1.17.112; + h70000.many.test. 300 IN A 10.1.17.113"
    )
    assert codes(await Watch(probe, zone(lab, MANY)).look("content")) == {}


def change(server: Server, content: Content, last: str) -> None:
    server.put(content)
    server.wait_for(f"h70000.{MANY}", "A", f"10.1.17.{last}")
