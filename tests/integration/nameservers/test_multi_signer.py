"""Two providers that sign one zone with keys of their own (RFC 8901), BIND and Knot DNS, each with secondaries."""

from collections.abc import Iterator
from pathlib import Path

import dns.dnssec
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest

from checks.model import CheckResult, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content, tsig
from tests.support.lab.orders import order
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually, until
from tests.support.speaking import say

ZONE = "both.test."
LACKS, DIFFER, PARENT = "provider-key-missing", "key-set-differs", "parent-key-missing"

Records = tuple[tuple[str, str], ...]
"""Types and values at the apex."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        for software, serial, secondaries in (("bind", 10, ("nsd", "knot")), ("knot", 900, ("powerdns", "bind"))):
            signer = lab.server(software, f"{software}-signer")
            signer.serve(Content(ZONE, serial=serial, expire=86400), signs=True, dynamic=True)
            for each in secondaries:
                secondary = lab.secondary(each, of=signer, name=each)
                secondary.use_dnssec()
        lab.start()
        for server in lab.servers:
            until(lambda server=server: bool(keys(server)), f"{server!r} gives keys")
        yield lab


def watched(lab: Lab) -> Zone:
    """The first three are those of one provider."""
    every = [Watched(s.name, s.setup.addresses, group="a" if n < 3 else "b") for n, s in enumerate(lab.servers)]
    return Zone(ZONE, tuple(every), ignored=("*",))


def keys(server: Server) -> list[str]:
    """The DNSKEY records it gives with a signature."""
    answer = server.ask(ZONE, "DNSKEY", want_dnssec=True).answer
    signed = any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in answer)
    return [str(one) for rrset in answer if rrset.rdtype == dns.rdatatype.DNSKEY for one in rrset] if signed else []


def change(signer: Server, *, add: Records = (), delete: Records = ()) -> None:
    """Update the zone at a provider."""
    before = signer.serial(ZONE)
    update = dns.update.Update(ZONE)
    update.use_tsig(tsig(XFR))
    for type_, text in delete:
        update.delete(ZONE, type_, text)
    for type_, text in add:
        update.add(ZONE, 300, type_, text)
    assert dns.query.tcp(update, signer.ipv4.host, port=signer.ipv4.port, timeout=5).rcode() == dns.rcode.NOERROR
    until(lambda: signer.serial(ZONE) not in (before, None), f"{signer!r} takes the update")


def caught_up(server: Server, signer: Server) -> bool:
    if server.serial(ZONE) == signer.serial(ZONE):
        return True
    server.nudge(ZONE)
    return False


def offered(key: str) -> Records:
    """The CDS and the CDNSKEY record for a key."""
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DNSKEY, key)
    return ("CDS", dns.dnssec.make_ds(ZONE, rdata, "SHA256").to_text()), ("CDNSKEY", key)


def all_of(names: set[str], *found: str) -> dict[str, set[str]]:
    return {name: set(found) for name in names}


async def judged(watch: Watch, lab: Lab) -> CheckResult:
    """Once nothing moves: BIND signs in several steps what an update brings."""
    for _ in range(50):
        for server in lab.servers[1:3] + lab.servers[4:]:
            await eventually(lambda server=server: caught_up(server, server.upstreams[ZONE]), f"{server!r} follows")
        result = await watch.look("signatures")
        if not result.unsure:
            return result
    raise AssertionError(result.unsure)


async def test_each_needs_the_keys_that_the_other_signs_with(lab: Lab, probe: Prober) -> None:
    first, second = lab.servers[0], lab.servers[3]
    firsts, seconds = ({one.name for one in part} for part in (lab.servers[:3], lab.servers[3:]))
    (csk,) = keys(first)
    zsk, ksk = sorted(keys(second))
    watch = Watch(probe, watched(lab))
    told = await judged(watch, lab)
    assert codes(told) == all_of(firsts, LACKS) | all_of(seconds, LACKS, DIFFER), (
        "Knot DNS offers its key to the parent"
    )

    change(first, add=(("DNSKEY", zsk), *offered(ksk)))
    change(second, add=(("DNSKEY", csk),))
    left_out = await judged(watch, lab)
    assert codes(left_out) == all_of(firsts | seconds, PARENT)
    assert all("of group 'a' are signed with" in one.text for one in left_out.findings)

    change(first, add=offered(csk))
    change(second, add=offered(csk))
    assert (await judged(watch, lab)).findings == ()

    change(second, delete=(("DNSKEY", csk),))
    lost = await judged(watch, lab)
    assert codes(lost) == all_of(seconds, LACKS)
    tag = dns.dnssec.key_id(dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DNSKEY, csk))
    assert f"group 'a' signs SOA and NS with key {tag}, algorithm 13" in lost.findings[0].text

    change(second, add=(("DNSKEY", csk),), delete=offered(csk))
    assert codes(await judged(watch, lab)) == all_of(seconds, DIFFER)


async def test_the_lines_of_the_runbook_publish_anothers_key(probe: Prober) -> None:
    """Knot DNS and PowerDNS, set up as they are by default."""
    with Lab() as lab:
        knot, powerdns = (lab.server(software) for software in ("knot", "powerdns"))
        powerdns.use_dnssec()
        for server, serial in ((knot, 10), (powerdns, 900)):
            server.serve(Content(ZONE, serial=serial, expire=86400), signs=True)
        lab.start()
        order(powerdns, f"pdnsutil secure-zone {ZONE} && pdnsutil rectify-zone {ZONE}")
        for server in lab.servers:
            await eventually(lambda server=server: bool(keys(server)), f"{server!r} signs")
        servers = (Watched("knot", (knot.ipv4,), group="a"), Watched("powerdns", (powerdns.ipv4,), group="b"))
        watch = Watch(probe, Zone(ZONE, servers, ignored=("*",), ignored_between_groups=("@ CDS", "@ CDNSKEY")))
        assert codes(await watch.look("signatures")) == all_of({"knot", "powerdns"}, LACKS)

        zsk, _ = sorted(keys(knot))
        (csk,) = keys(powerdns)
        (knot.room / "its.key").write_text(f"{ZONE} IN DNSKEY {csk}\n")
        order(knot, f"keymgr {ZONE} import-pub {knot.room / 'its.key'} && knotc zone-sign {ZONE}")
        order(powerdns, f"pdnsutil add-record {ZONE} @ DNSKEY 3600 '{zsk}' && pdnsutil increase-serial {ZONE}")
        for server, key in ((knot, csk), (powerdns, zsk)):
            await eventually(lambda server=server, key=key: key in keys(server), f"{server!r} has the other's key")
        assert codes(await watch.look("signatures")) == {}


async def test_one_look_without_a_service_tells_it_too(lab: Lab, tmp_path: Path) -> None:
    tables = [
        f'[servers."{one.name}"]\naddresses = ["{one.ipv4}"]\ngroup = "{"a" if number < 3 else "b"}"\n'
        for number, one in enumerate(lab.servers)
    ]
    path = tmp_path / "soawatch.toml"
    listed = ", ".join(f'"{one.name}"' for one in lab.servers)
    path.write_text(
        'ignore_servers = ["*"]\n' + "".join(tables) + f'[[zones]]\nname = "{ZONE}"\nservers = [{listed}]\n'
    )
    said = await say("check", ZONE, "-c", str(path), "--moment", "0.1")
    assert said.status == 1, said.out + said.err
    assert sum(f"critical {LACKS}: {one.name}" in said.out for one in lab.servers) == len(lab.servers), said.out
