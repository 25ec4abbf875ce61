"""The fixes of the runbook, carried out on real servers to the letter, bring serials back in order.

The kind: advice that only some servers can take, or that makes it worse. Each software is the server that is ahead,
alone, beside one other that is in sync, and beside three, behind primaries of two kinds; ahead by a little, by a
third of the circle, and by exactly half of it, where there is no order.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import dns.query
import dns.rcode
import dns.update
import pytest

from alerting.runbook import RunbookEntry, explain
from checks.common.serial import HALF, MODULUS, path
from checks.model import Health, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content, tsig
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

LOW = 2020112601
GAPS = {"five": 5, "third": MODULUS // 3, "half": HALF}
ALL = tuple(SOFTWARE)
NAMES = {"bind": "BIND", "knot": "Knot DNS", "nsd": "NSD", "powerdns": "PowerDNS"}
"""As the runbook calls them."""
PRIMARIES = ("bind", "nsd")
"""That differ most: NSD judges by itself whether what it has is newer than what a secondary asks with (IXFR)."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A zone on a few secondaries, of which the first is to be ahead of the primary, and the others in sync."""

    zone: str
    followers: tuple[str, ...]
    gap: int

    @property
    def ahead(self) -> str:
        return self.followers[0]

    @property
    def top(self) -> int:
        return (LOW + self.gap) % MODULUS


def _case(first: str, size: int, gap: str, story: str) -> Case:
    start = ALL.index(first)
    followers = tuple(ALL[(start + step) % len(ALL)] for step in range(size))
    return Case(f"{story}-{gap}-{first}-{size}.test.", followers, GAPS[gap])


LED = tuple(
    _case(first, size, gap, "led")
    for first in ALL
    for size, gap in ((1, "five"), (2, "third"), (4, "five" if first in ("bind", "nsd") else "third"))
)
FETCHED = tuple(_case("bind", 4, gap, "fetched") for gap in GAPS)
ACROSS = tuple(_case(first, size, "half", "across") for first in ALL for size in (1, 4))


@dataclass(frozen=True, slots=True)
class Field:
    """A primary and one secondary of each software, in sync on every zone of every case, at its higher serial."""

    lab: Lab
    primary: Server
    secondaries: dict[str, Server]

    def of(self, case: Case) -> list[Server]:
        return [self.secondaries[name] for name in case.followers]

    def watched(self, case: Case) -> Zone:
        watched = (Watched(server.name, (server.ipv4,)) for server in (self.primary, *self.of(case)))
        return Zone(case.zone, tuple(watched), self.primary.name)

    def publish(self, serials: dict[str, int]) -> None:
        """Put a new serial of each zone on the primary."""
        self.primary.put(*(replace(self.primary.content(zone), serial=serial) for zone, serial in serials.items()))

    def set_back(self, cases: Sequence[Case]) -> None:
        """The primary's serials go back; none but the first of each case's secondaries takes the zone afresh."""
        for case in cases:
            self.secondaries[case.ahead].freeze(case.zone)
        self.publish({case.zone: LOW for case in cases})
        for case in cases:
            self.primary.wait(case.zone, LOW)
            for server in self.of(case)[1:]:
                fetch_afresh(server, case.zone)
        self.arrived(cases, {case.zone: LOW for case in cases}, but_first=True)
        for case in cases:
            assert self.secondaries[case.ahead].serial(case.zone) == case.top

    def arrived(self, cases: Sequence[Case], serials: dict[str, int], *, but_first: bool = False) -> None:
        """Return once each secondary, or each but the one that is ahead, serves that serial of its zone."""
        for case in cases:
            for server in self.of(case)[but_first:]:
                server.catch_up(case.zone, serials[case.zone])


def fetch_afresh(server: Server, zone: str, code: str = "serial-ahead") -> None:
    """Give the orders that the runbook prints first for what that server runs."""
    for line in commands(explain(code), server.software, zone)[0]:
        order(server, line)


def commands(entry: RunbookEntry, software: str, zone: str) -> list[list[str]]:
    """What is printed for a software: the commands that follow one comment or several, up to the next comment."""
    text = dict(entry.fixes(zone.rstrip(".")))[NAMES[software]]
    parts = re.split(r"^#.*\n?", text, flags=re.MULTILINE)
    return [part.splitlines() for part in parts if part]


def advised(text: str) -> list[int]:
    """The serials that a finding says to publish, in their order."""
    first = re.search(r"such as (\d+)", text)
    then = re.search(r"set the serial to ([\d, and]+), each", text)
    assert first is not None, text
    assert then is not None, text
    return [int(number) for part in (first, then) for number in re.findall(r"\d+", part[1])]


@pytest.fixture(scope="module", params=PRIMARIES)
def field(request: pytest.FixtureRequest) -> Iterator[Field]:
    with Lab() as lab:
        primary = lab.primary(request.param, name="primary")
        cases = (*LED, *FETCHED, *ACROSS)
        for case in cases:
            primary.serve(Content(case.zone, serial=case.top))
        field = Field(lab, primary, {name: lab.server(name, name) for name in SOFTWARE})
        for name, server in field.secondaries.items():
            server.follow(primary, *(case.zone for case in cases if name in case.followers))
        lab.start()
        field.arrived(cases, {case.zone: case.top for case in cases})
        yield field


async def test_every_server_takes_every_serial_that_is_advised(field: Field, probe: Prober) -> None:
    """One look at each step, in the midst of it: who is led as advised is late for no moment."""
    watches = {case.zone: Watch(probe, field.watched(case)) for case in LED}
    for watch in watches.values():
        assert (await watch.look("soa-serial")).health is Health.GOOD
    field.set_back(LED)
    steps = {}
    for case in LED:
        await watches[case.zone].look("soa-serial")
        result = await watches[case.zone].look("soa-serial", after=MINUTE)
        assert codes(result)[case.ahead] == {"serial-ahead"}, case
        (text,) = [finding.text for finding in result.findings if finding.code == "serial-ahead"]
        steps[case.zone] = advised(text)
    for case in LED:
        field.secondaries[case.ahead].thaw(case.zone)
    assert {len(each) for each in steps.values()} == {3}
    for number in range(3):
        serials = {zone: each[number] for zone, each in steps.items()}
        field.publish(serials)
        field.arrived(LED, serials)
        for case in LED:
            result = await watches[case.zone].look("soa-serial", after=(number + 2) * MINUTE)
            assert result.findings == (), (case, number)
    assert set(serials.values()) == {LOW}
    for case in LED:
        result = await watches[case.zone].look("soa-serial", after=30 * MINUTE)
        assert (result.health, result.findings) == (Health.GOOD, ())


async def test_a_fresh_transfer_brings_back_who_is_ahead_or_across(field: Field) -> None:
    """The order that is printed for each software, where the primary's serial is lower and where it has no order."""
    for case in FETCHED:
        for server in field.of(case):
            server.freeze(case.zone)
    field.publish({case.zone: LOW for case in FETCHED})
    for case in FETCHED:
        field.primary.wait(case.zone, LOW)
        for server in field.of(case):
            assert server.serial(case.zone) == case.top
    for case in FETCHED:
        for server in field.of(case):
            code = "serial-unordered" if case.gap == HALF else "serial-ahead"
            fetch_afresh(server, case.zone, code)
            server.wait(case.zone, LOW)


async def test_two_steps_lead_everybody_on_who_cannot_be_ordered(field: Field, probe: Prober) -> None:
    """Who served the primary's serial takes both steps, and who was 2^31 across takes the second one only.

    Whoever looks at the beginning and at the end only sees a primary that went back, with nobody ahead of it.
    """
    watches = {case.zone: Watch(probe, field.watched(case)) for case in ACROSS}
    for watch in watches.values():
        await watch.look("soa-serial")
    field.set_back(ACROSS)
    for case in ACROSS:
        await watches[case.zone].look("soa-serial")
        result = await watches[case.zone].look("soa-serial", after=MINUTE)
        assert codes(result)[case.ahead] == {"serial-unordered"}, case
    first, second = (LOW + HALF - 1) % MODULUS, (LOW + HALF + 1) % MODULUS
    field.publish({case.zone: first for case in ACROSS})
    field.arrived(ACROSS, {case.zone: first for case in ACROSS}, but_first=True)
    for case in ACROSS:
        field.primary.wait(case.zone, first)
        field.secondaries[case.ahead].thaw(case.zone)
        assert field.secondaries[case.ahead].serial(case.zone) == case.top
    field.publish({case.zone: second for case in ACROSS})
    field.arrived(ACROSS, {case.zone: second for case in ACROSS})
    for case in ACROSS:
        result = await watches[case.zone].look("soa-serial", after=2 * MINUTE)
        assert result.findings == (), case
        result = await watches[case.zone].look("soa-serial", after=3 * MINUTE)
        assert (result.health, result.findings) == (Health.GOOD, ()), case


PUBLISHED = {
    "file.bind.test.": (None, 1),
    "updated.bind.test.": (2, 3),
    "file.knot.test.": (1, 2),
    "updated.knot.test.": (1, 2),
    "file.nsd.test.": (None, 1),
    "file.powerdns.test.": (None, 1),
}
"""Which of the printed commands come before the edit and after it, for a zone on each software."""


def publish_as_printed(server: Server, zone: str, serial: int) -> None:
    """Give the primary that serial by the commands that are printed for it; pdnsutil has the edit done by an editor."""
    printed, (before, after) = commands(explain("serial-ahead"), server.software, zone), PUBLISHED[zone]
    for line in printed[before] if before is not None else ():
        order(server, line)
    editor = server.room / "editor"
    editor.write_text(f'#!/bin/sh\nfor file; do :; done\nsed -i "s/ {server.serial(zone)} / {serial} /" "$file"\n')
    editor.chmod(0o700)
    if server.software != "powerdns":
        server.edit(replace(server.content(zone), serial=serial))
    for line in printed[after]:
        order(server, line, typed="a\n", EDITOR=str(editor))


def test_a_serial_is_published_by_the_commands_that_are_printed() -> None:
    """Up, to the other side of the circle, and down to where it was; a zone that takes updates has had one."""
    with Lab() as lab:
        primaries = {zone: zone.split(".")[1] for zone in PUBLISHED}
        servers = {software: lab.server(software, software) for software in SOFTWARE}
        for zone, software in primaries.items():
            servers[software].serve(Content(zone, serial=LOW), dynamic=zone.startswith("updated"))
        followers = {zone: servers["bind" if software == "nsd" else "nsd"] for zone, software in primaries.items()}
        for zone, follower in followers.items():
            follower.follow(servers[primaries[zone]], zone)
        lab.start()
        for zone, follower in followers.items():
            follower.catch_up(zone, LOW)
        update(servers["bind"], "updated.bind.test.")
        update(servers["knot"], "updated.knot.test.")
        for serial in (LOW + 2, *path(LOW + 2, LOW)):
            for zone, software in primaries.items():
                publish_as_printed(servers[software], zone, serial)
            for zone, follower in followers.items():
                servers[primaries[zone]].wait(zone, serial)
                follower.catch_up(zone, serial)


def update(server: Server, zone: str) -> None:
    """Add a record by a dynamic update, which the server counts in the serial."""
    message = dns.update.UpdateMessage(zone, keyring=tsig(XFR))
    message.add("new", 300, "A", "192.0.2.9")
    answer = dns.query.tcp(message, server.ipv4.host, port=server.ipv4.port, timeout=5)
    assert answer.rcode() == dns.rcode.NOERROR
    server.wait(zone, LOW + 1)
