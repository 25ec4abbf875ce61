"""Parent zones found from roots of one's own, on real servers: a root, a TLD, and zones below them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.common.parent_side import ParentZone
from checks.delegation import Delegation
from checks.model import Address, Zone
from checks.model import Server as Watched
from checks.model.zone_table import ZoneTable
from monitor.clock import now
from monitor.config.model import Config
from monitor.config.sections import Resolver
from monitor.polling.known_parents import KnownParents
from monitor.polling.parents import find_parents
from monitor.probe.types import Prober
from tests.support.lab.model import Content
from tests.support.lab.topology import Lab

HOST, TLD_HOST = "127.0.1.1", "127.0.1.2"
ROOT = Content(
    ".", mname="a.root.", rname="nobody.",
    records=("@ NS a.root.", f"a.root. A {HOST}", "test. NS ns.test.", f"ns.test. A {TLD_HOST}"),
)  # fmt: skip
TEST = Content(
    "test.",
    records=(
        "@ NS ns", f"ns A {TLD_HOST}", "example NS ns1.example", "ns1.example A 127.0.0.1", "deep.co TXT here",
        "both NS ns",
    ),
)  # fmt: skip
BOTH = Content(
    "both.test.", records=("@ NS ns", f"ns A {TLD_HOST}", "example NS ns1.example", "ns1.example A 127.0.0.1")
)


class Tree:
    def __init__(self, lab: Lab, software: str) -> None:
        """All at one port, as everywhere else."""
        self.root = lab.primary("knot", ROOT, name="root")
        self.port = self.root.ipv4.port
        self.tld = lab.primary(software, TEST, BOTH, name="tld")
        for server, host in ((self.root, HOST), (self.tld, TLD_HOST)):
            other = Address(host.replace("127.0.", "127.1."), self.port)  # ::1 is but one, and they share a port
            server.setup = replace(server.setup, ipv4=Address(host, self.port), ipv6=other)


@pytest.fixture(scope="module", params=["knot", "nsd"])
def tree(request: pytest.FixtureRequest) -> Iterator[Tree]:
    with Lab() as lab:
        tree = Tree(lab, request.param)
        lab.start()
        yield tree


async def found(tree: Tree, probe: Prober, *names: str) -> KnownParents:
    check = Delegation(roots=(tree.root.ipv4,))
    config = Config(
        checks={"delegation": check}, cadence={"delegation": timedelta(hours=1)},
        resolver=Resolver((Address("127.0.0.1", 1),), timeout=0.05),
    )  # fmt: skip
    table = ZoneTable.of(Zone(name, (Watched("ns1", (Address("127.0.0.1"),)),)) for name in names)
    return await find_parents(config, table, KnownParents(), probe, now())


async def test_the_way_down_from_the_roots(tree: Tree, probe: Prober) -> None:
    known = await found(tree, probe, "example.test.", "a.deep.co.test.", "example.both.test.", "a.nowhere.")
    test = ParentZone("test.", (Watched("ns.test", (Address(TLD_HOST, tree.port),)),))
    both = ParentZone("both.test.", (Watched("ns.both.test", (Address(TLD_HOST, tree.port),)),))
    assert known.zones == {
        ".": ParentZone(".", (Watched(str(tree.root.ipv4), (tree.root.ipv4,)),)), "test.": test, "co.test.": None,
        "deep.co.test.": None, "both.test.": both, "nowhere.": None,
    }  # fmt: skip
