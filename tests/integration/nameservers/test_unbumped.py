"""An edit without a new serial, really made at a primary of each software, and cured by the words of the runbook.

The kind: every comparison of serials says that all is well, and no secondary will ever have the change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from alerting.runbook import explain
from checks.model import Health, WantedRecord, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.test_cures import commands
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import Content
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

CHOSEN, DEFAULT, NAMES, ALIAS = "chosen.test.", "default.test.", "names.test.", "alias.test."
ZONES = (CHOSEN, DEFAULT, NAMES, ALIAS)
BEFORE, AFTER = "192.0.2.80", "203.0.113.80"
RECORDS = ("@ NS ns1", "ns1 A 192.0.2.53", f"www A {BEFORE}", "@ MX 10 mail", "mail A 192.0.2.25", '@ TXT "v=spf1 mx"')


@dataclass(frozen=True, slots=True)
class Field:
    """A primary, and secondaries of two other kinds."""

    lab: Lab
    primary: Server
    secondaries: tuple[Server, ...]

    def watch(self, probe: Prober, zone: str) -> Watch:
        """With one chosen record, or with the default list."""
        servers = tuple(Watched(one.name, one.setup.addresses) for one in (self.primary, *self.secondaries))
        chosen = (WantedRecord(f"www.{CHOSEN}", "A"),) if zone == CHOSEN else ()
        watched = Zone(zone, servers, "primary", records=chosen, ignored=("*",), default_records=not chosen)
        return Watch(probe, watched)

    def edit(self, zone: str) -> None:
        """Another address of www, the serial as it was."""
        content = self.primary.content(zone)
        records = tuple(one.replace(BEFORE, AFTER) for one in content.records)
        self.primary.put(replace(content, records=records))
        self.primary.wait_for(f"www.{zone}", "A", AFTER)
        assert self.primary.serial(zone) == content.serial

    def cure(self, zone: str) -> None:
        """Raise the serial, and give the first orders of the runbook."""
        lines = commands(explain("serial-unbumped"), self.primary.software, zone)
        if self.primary.software != "powerdns":  # whose order raises it
            self.primary.edit(self.primary.content(zone).next())
        for line in lines[0]:
            order(self.primary, line)


@pytest.fixture(scope="module", params=SOFTWARE)
def field(request: pytest.FixtureRequest) -> Iterator[Field]:
    with Lab() as lab:
        contents = [Content(zone, serial=10, records=RECORDS) for zone in ZONES if zone != ALIAS]
        contents.append(Content(ALIAS, serial=10, records=("@ NS ns1", "ns1 A 192.0.2.53", "www CNAME old.example.")))
        primary = lab.primary(request.param, *contents, name="primary")
        others = [name for name in SOFTWARE if name != request.param][:2]
        secondaries = tuple(lab.server(name, name) for name in others)
        for secondary in secondaries:
            secondary.follow(primary, *ZONES)
        lab.start()
        for secondary in secondaries:
            for zone in ZONES:
                secondary.catch_up(zone, 10)
        yield Field(lab, primary, secondaries)


async def test_an_edit_of_a_chosen_record_is_told_once_and_its_cure_mends_it(field: Field, probe: Prober) -> None:
    watch = field.watch(probe, CHOSEN)
    assert (await watch.look("soa-serial")).health is Health.GOOD
    assert (await watch.look("records")).health is Health.GOOD
    field.edit(CHOSEN)
    for _ in range(2):
        result = await watch.look("records")
        assert codes(result) == {"primary": {"serial-unbumped"}}
        assert len(result.findings) == 2, "one at each of its addresses"
        assert all(f"www.{CHOSEN} A is {AFTER} (was {BEFORE})" in finding.text for finding in result.findings)
        assert (await watch.look("soa-serial")).findings == ()
    field.cure(CHOSEN)
    for secondary in field.secondaries:
        secondary.catch_up(CHOSEN, 11)
        secondary.wait_for(f"www.{CHOSEN}", "A", AFTER)
    for check in ("soa-serial", "records", "soa-fields", "ns-set"):
        result = await watch.look(check)
        assert (result.health, result.findings) == (Health.GOOD, ()), check


async def test_so_is_one_of_the_default_list_at_the_second_look(field: Field, probe: Prober) -> None:
    watch = field.watch(probe, DEFAULT)
    await watch.look("soa-serial")
    assert (await watch.look("records")).health is Health.GOOD
    field.edit(DEFAULT)
    first = await watch.look("records")
    assert codes(first) == {}
    assert first.remembered is not None
    assert first.remembered.soon_again
    assert codes(await watch.look("records")) == {"primary": {"serial-unbumped"}}
    field.cure(DEFAULT)
    for secondary in field.secondaries:
        secondary.catch_up(DEFAULT, 11)
        secondary.wait_for(f"www.{DEFAULT}", "A", AFTER)
    await watch.look("soa-serial")
    result = await watch.look("records")
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())


async def test_so_is_one_of_the_ns_set(field: Field, probe: Prober) -> None:
    watch = field.watch(probe, NAMES)
    await watch.look("soa-serial")
    assert (await watch.look("ns-set")).health is Health.GOOD
    content = field.primary.content(NAMES)
    field.primary.put(replace(content, records=(*content.records, "@ NS ns2", "ns2 A 192.0.2.54")))
    field.primary.wait_for(f"ns2.{NAMES}", "A", "192.0.2.54")
    result = await watch.look("ns-set")
    assert codes(result) == {"primary": {"serial-unbumped"}}
    field.cure(NAMES)
    for secondary in field.secondaries:
        secondary.catch_up(NAMES, 11)
        secondary.wait_for(f"ns2.{NAMES}", "A", "192.0.2.54")
    await watch.look("soa-serial")
    assert (await watch.look("ns-set")).findings == ()


async def test_so_is_an_alias_that_leads_elsewhere(field: Field, probe: Prober) -> None:
    watch = field.watch(probe, ALIAS)
    await watch.look("soa-serial")
    assert (await watch.look("records")).health is Health.GOOD
    content = field.primary.content(ALIAS)
    field.primary.put(replace(content, records=(*content.records[:2], "www CNAME new.example.")))
    field.primary.wait_for(f"www.{ALIAS}", "CNAME", "new.example.")
    assert codes(await watch.look("records")) == {}
    result = await watch.look("records")
    assert codes(result) == {"primary": {"serial-unbumped"}}
    assert f"www.{ALIAS} A is a CNAME to new.example. (was a CNAME to old.example.)" in result.findings[0].text
