"""Whole zones of four servers are the same when they are, and different when they are not: by one record in many."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.model import Health, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.test_records import LONG, RECORDS, spelt
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

ZONE = "same.test."
MANY = "many.test."
ONE, OTHER = "h70000 A 10.1.17.112", "h70000 A 10.1.17.113"


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
