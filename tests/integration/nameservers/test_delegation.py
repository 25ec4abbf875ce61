"""Delegations on real servers: a parent zone on each of the four, and zones below it with each fault."""

from collections.abc import Iterator
from datetime import timedelta

import dns.dnssec
import dns.name
import pytest

from checks.common.parent_side import SERVES_BOTH
from checks.delegation import Delegation
from checks.evaluation import run_check
from checks.model import Address, CheckResult, Health, Zone
from checks.model import Server as Watched
from checks.zone_state.model import ZoneState
from monitor.clock import now
from monitor.polling.sweep import poll_zone
from monitor.probe.types import Prober
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.signed_zones import ZoneKey, signed, zone_key

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KEY, OLD_KEY, PARENT_KEY = zone_key(), zone_key(), zone_key()
BEGINS, ENDS = DAY, 20 * DAY

APEX = ("@ NS ns1", "@ NS ns.elsewhere.example.", "ns1 A 127.0.0.1", "ns1 AAAA ::1", "www A 192.0.2.80")
DELEGATED = ("NS ns1.{zone}", "NS ns.elsewhere.example.")
GLUE = ("ns1.{zone} A 127.0.0.1", "ns1.{zone} AAAA ::1")


def made(content: Content, key: ZoneKey) -> Content:
    return signed(content, key, now() - BEGINS, now() + ENDS)


def ds(zone: str, key: ZoneKey, digest: str = "SHA256") -> str:
    return f"DS {dns.dnssec.make_ds(dns.name.from_text(zone), key.public, digest).to_text()}"


def child(label: str, *, key: ZoneKey | None = None, zone: str = "test.", records: tuple[str, ...] = APEX) -> Content:
    content = Content(f"{label}.{zone}", serial=10, records=records)
    return made(content, key) if key is not None else content


def below(label: str, *own: str, glue: tuple[str, ...] = GLUE, zone: str = "test.") -> tuple[str, ...]:
    """What the parent zone has of a child."""
    name = f"{label}.{zone}"
    return tuple(
        [f"{label} {one.format(zone=name)}" for one in own or DELEGATED] + [one.format(zone=name) for one in glue]
    )


CHILDREN = (
    child("right"), child("moved"), child("more"), child("bare"), child("other"), child("alone"),
    child("secure", key=KEY), child("bogus", key=KEY), child("unsigned"), child("island", key=KEY),
    child("standby", key=KEY),
)  # fmt: skip
PARENT = Content(
    "test.",
    serial=7,
    ttl=86400,
    records=(
        "@ NS ns.test.", "ns A 127.0.0.1",
        *below("right"), *below("moved", "NS ns1.{zone}", "NS ns9.{zone}", glue=(*GLUE, "ns9.{zone} A 127.0.0.9")),
        *below("more", "NS ns1.{zone}"), *below("bare", glue=()),
        *below("other", glue=("ns1.{zone} A 192.0.2.1", "ns1.{zone} AAAA ::1")),
        *below("secure", *DELEGATED, ds("secure.test.", KEY)),
        *below("bogus", *DELEGATED, ds("bogus.test.", OLD_KEY)),
        *below("unsigned", *DELEGATED, ds("unsigned.test.", KEY)), *below("island"),
        *below("standby", *DELEGATED, ds("standby.test.", OLD_KEY), ds("standby.test.", KEY, "SHA384")),
    ),
)  # fmt: skip


OLD_PARENT = Content(
    "test.", serial=6, records=("@ NS ns.test.", "ns A 127.0.0.1", *below("right", "NS ns1.{zone}", glue=GLUE))
)


class Tree:
    """A parent zone at one server, and its children at another."""

    def __init__(self, lab: Lab, software: str) -> None:
        self.parent = self._parent(lab, software)
        self.children = lab.primary("knot" if software == "nsd" else "nsd", *CHILDREN, name="ns1")
        self.both = lab.primary(software, PARENT, child("right"), name="both")
        self.old = lab.primary("bind" if software == "knot" else "knot", OLD_PARENT, name="old")

    def _parent(self, lab: Lab, software: str) -> Server:
        """PowerDNS takes signatures as they are of a zone that it transfers."""
        content = made(PARENT, PARENT_KEY)
        if software != "powerdns":
            return lab.primary(software, content, name="parent")
        parent = lab.secondary(software, of=lab.primary("nsd", content, name="source"), name="parent")
        parent.use_dnssec()
        return parent

    async def look(self, prober: Prober, zone: str, *parents: Address) -> CheckResult:
        """What the check says after one look; the parent zone is asked at these addresses, or the parent's."""
        servers = (Watched("ns1", (self.children.ipv4, self.children.ipv6)),)
        watched = Zone(zone, servers, "ns1", parent=parents or self.parent.setup.addresses)
        poll = await poll_zone(Delegation(), watched, prober, HOUR, now)
        return run_check(Delegation(), watched, poll, ZoneState(zone))


@pytest.fixture(scope="module", params=SOFTWARE)
def tree(request: pytest.FixtureRequest) -> Iterator[Tree]:
    with Lab() as lab:
        tree = Tree(lab, request.param)
        lab.start()
        tree.parent.wait(PARENT.zone, PARENT.serial)
        yield tree


@pytest.mark.parametrize("zone", ["right.test.", "secure.test.", "standby.test."])
async def test_a_right_delegation_is_good(tree: Tree, probe: Prober, zone: str) -> None:
    result = await tree.look(probe, zone)
    assert (result.health, result.unsure) == (Health.GOOD, ()), result


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("moved.test.", {"delegation-differs", "delegation-lame"}),
        ("more.test.", {"delegation-differs"}),
        ("bare.test.", {"glue-missing"}),
        ("other.test.", {"glue-differs"}),
        ("alone.test.", {"not-delegated"}),
        ("bogus.test.", {"ds-mismatch"}),
        ("unsigned.test.", {"ds-mismatch"}),
        ("island.test.", {"ds-missing"}),
    ],
)
async def test_each_fault_is_found_and_no_other(tree: Tree, probe: Prober, zone: str, found: set[str]) -> None:
    result = await tree.look(probe, zone)
    assert {finding.code for finding in result.findings} == found, result.findings
    assert not result.unsure


async def test_who_serves_both_zones_is_asked_for_the_keys_alone(tree: Tree, probe: Prober) -> None:
    result = await tree.look(probe, "right.test.", tree.both.ipv4)
    assert (result.health, result.findings) == (Health.GOOD, ())
    assert {one.reason for one in result.unsure} == {SERVES_BOTH}


async def test_parents_that_disagree_are_named(tree: Tree, probe: Prober) -> None:
    """What most of them say is the delegation."""
    result = await tree.look(probe, "right.test.", tree.old.ipv4, *tree.parent.setup.addresses)
    (finding,) = result.findings
    assert (finding.code, finding.address) == ("parents-differ", tree.old.ipv4)
    assert "has ns1.right.test, and no DS; most" in finding.text


async def test_nothing_is_said_while_no_parent_answers(tree: Tree, probe: Prober) -> None:
    nobody = Address("127.0.0.9", tree.parent.ipv4.port)
    result = await tree.look(probe, "right.test.", nobody)
    assert (result.health, result.findings) == (Health.UNKNOWN, ())
    assert "127.0.0.9" in result.reason
