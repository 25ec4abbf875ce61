"""soawatch diff, and the same by the API, on four servers: some thousand records, of which one was changed, one added,
one removed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from checks.model import Address, Expectation, TransferRule, Zone
from checks.model import Server as Watched
from monitor.clock import now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe
from tests.support.diff_stage import diff_stage, watched
from tests.support.fakes.zones import FakeZones
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.speaking import Said, say
from tests.support.web_client import client
from tests.support.web_status import zone as status_of

ZONE, KEYED = "diff.test.", "keyed.test."
HOSTS = tuple(f"h{number} A 10.0.{number >> 8}.{number & 255}" for number in range(5000))
CAPITALS = ("svc HTTPS 1 Svc alpn=h2", "svc SVCB 0 Other.Example.", "lp LP 10 L64")
"""NSD serves them in lower case, the others as they are written."""
BEFORE = Content(
    ZONE, serial=10, records=("@ NS ns1", "ns1 A 192.0.2.53", *HOSTS, *CAPITALS, 'text TXT "a\\"b" "c\\\\d"')
)
CHANGED = {"h7 A 10.0.0.7": "h7 A 10.9.9.9", "h4000 A 10.0.15.160": ""}
AFTER = Content(
    ZONE, serial=10, records=(*(r for one in BEFORE.records if (r := CHANGED.get(one, one))), 'new TXT "\\027[31m"')
)
BESIDE = dict(zip(SOFTWARE, (*list(SOFTWARE)[1:], *list(SOFTWARE)[:1]), strict=True))
RECORDS = [
    "- h4000.diff.test. 300 IN A 10.0.15.160",
    "- h7.diff.test. 300 IN A 10.0.0.7",
    "+ h7.diff.test. 300 IN A 10.9.9.9",
    '+ new.diff.test. 300 IN TXT "\\027[31m"',
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Of each software one that has the zone as it was, beside one that has it as it is."""
    with Lab() as lab:
        for software in SOFTWARE:
            for name, content in (("old", BEFORE), ("new", AFTER)):
                server = lab.server(software, f"{software}-{name}")
                server.serve(content, everyone=True, allow=())
                server.serve(Content(KEYED, serial=3 if name == "old" else 4), allow=(XFR,))
        lab.start()
        yield lab


def at(lab: Lab, name: str) -> Server:
    return next(server for server in lab.servers if server.name == name)


async def diff(lab: Lab, one: str, other: str, *more: object) -> Said:
    return await say("diff", ZONE, at(lab, one).ipv4, at(lab, other).ipv4, *more)


@pytest.mark.parametrize("software", SOFTWARE)
async def test_three_changes_in_five_thousand_records_are_shown(lab: Lab, software: str) -> None:
    """By each software against the one beside it."""
    beside = BESIDE[software]
    said = await diff(lab, f"{beside}-old", f"{software}-new")
    assert (said.status, said.err) == (1, "")
    before, after = at(lab, f"{beside}-old").ipv4, at(lab, f"{software}-new").ipv4
    assert said.out.splitlines() == [
        f"--- {before}: serial 10, 5007 records",
        f"+++ {after}: serial 10, 5007 records",
        *RECORDS,
        f"diff.test.: 2 records only at {before}, 2 only at {after}",
    ]
    assert said.plain


@pytest.mark.parametrize("software", SOFTWARE)
async def test_the_same_zone_on_two_softwares_is_the_same(lab: Lab, software: str) -> None:
    beside = BESIDE[software]
    said = await diff(lab, f"{beside}-new", f"{software}-new")
    assert (said.status, said.err) == (0, "")
    one, other = (at(lab, f"{each}-new").ipv4 for each in (beside, software))
    assert said.out == f"diff.test.: {one} and {other} have the same 5007 records, serial 10\n"


async def test_no_more_lines_than_are_wanted(lab: Lab) -> None:
    said = await diff(lab, "bind-old", "knot-new", "--lines", "2")
    assert said.out.splitlines()[2:5] == [*RECORDS[:2], "and 2 more"]
    data = (await diff(lab, "bind-old", "knot-new", "--lines", "1", "--json")).data
    assert (data["removed"], data["added"]) == ([RECORDS[0][2:]], [])
    assert (data["removed_count"], data["added_count"], data["is_complete"], data["is_equal"]) == (2, 2, True, False)
    assert data["before"] == {
        "server": str(at(lab, "bind-old").ipv4), "address": str(at(lab, "bind-old").ipv4), "serial": 10,
        "records": 5007,
    }  # fmt: skip


@pytest.fixture
def configured(lab: Lab, tmp_path: Path) -> Path:
    """A configuration by which the zone is given with a key."""
    path = tmp_path / "soawatch.toml"
    servers = "".join(f'[servers.{one.name}]\naddresses = ["{one.ipv4}"]\n' for one in lab.servers)
    names = ", ".join(f'"{one.name}"' for one in lab.servers)
    path.write_text(
        f'[keys.xfr]\nname = "{XFR.wire_name}"\nsecret = "{XFR.secret.reveal()}"\n{servers}'
        f'[[zones]]\nname = "{KEYED}"\nservers = [{names}]\n'
        '[[zones.transfer]]\nserver = "*"\nkey = "xfr"\nexpect = "allowed"\n'
    )
    return path


@pytest.mark.parametrize("software", SOFTWARE)
async def test_the_key_is_that_of_the_configuration(lab: Lab, configured: Path, software: str) -> None:
    """By name, and by an address that the configuration has a name for; without it nobody gives the zone."""
    one, other = f"{software}-old", at(lab, f"{software}-new")
    said = await say("diff", KEYED, one, other.ipv4, "-c", configured)
    assert said.status == 1, said.err
    first, before, after, *records, _ = said.out.splitlines()
    assert first == "keyed.test.: different serials, so that other records may be a change on its way"
    assert before == f"--- {one} ({at(lab, one).ipv4}): serial 3, 10 records"
    assert after == f"+++ {other.ipv4}: serial 4, 10 records"
    assert [record.split()[4:5] + record.split()[7:8] for record in records] == [["SOA", "3"], ["SOA", "4"]]
    said = await say("diff", KEYED, at(lab, one).ipv4, other.ipv4)
    assert (said.status, said.out) == (2, "")
    assert "gives no zone: the transfer is refused" in said.err


async def ask(lab: Lab, zone: str, one: str, other: str, *rules: TransferRule) -> httpx.Response:
    """The API of a service that watches this zone at all servers, and at one more that is dead."""
    servers = (*(Watched(each.name, (each.ipv4,)) for each in lab.servers), Watched("dead", (Address("127.0.0.1", 1),)))
    prober = DnsClient(Probe(), {XFR.name: XFR}, now)
    seen = await diff_stage()
    shown = replace(seen.status, zones=FakeZones([status_of(zone)]))
    stage = replace(seen, status=shown, diffs=watched(Zone(zone, servers, transfers=rules), prober))
    try:
        async with client(stage) as http:
            return await http.post(f"/api/v1/zones/{zone}/diff", json={"before": one, "after": other})
    finally:
        await prober.close()


@pytest.mark.parametrize("software", SOFTWARE)
async def test_the_api_tells_the_same(lab: Lab, software: str) -> None:
    beside = BESIDE[software]
    answer = await ask(lab, ZONE, f"{beside}-old", f"{software}-new")
    assert answer.status_code == 200
    command = (await diff(lab, f"{beside}-old", f"{software}-new", "--json")).data
    told = answer.json()
    for side in ("before", "after"):
        command[side]["server"] = told[side]["server"]
    assert told == command
    assert [f"- {each}" for each in told["removed"]] == RECORDS[:2]
    assert [f"+ {each}" for each in told["added"]] == RECORDS[2:]
    assert (await ask(lab, ZONE, f"{beside}-new", f"{software}-new")).json()["is_equal"]


async def test_the_api_asks_by_the_rules_of_the_zone(lab: Lab) -> None:
    rule = TransferRule("*", Expectation.ALLOWED, XFR.name)
    told = (await ask(lab, KEYED, "nsd-old", "knot-new", rule)).json()
    assert (told["before"]["serial"], told["after"]["serial"], told["removed_count"]) == (3, 4, 1)
    refused = await ask(lab, KEYED, "nsd-old", "knot-new")
    assert refused.status_code == 502
    assert "gives no zone: the transfer is refused" in refused.json()["error"]
    dead = await ask(lab, ZONE, "nsd-old", "dead")
    assert dead.status_code == 502
    assert dead.json()["error"].startswith("dead (127.0.0.1:1) gives no zone: refused-connection")
