"""Real servers as our secondaries, and as our primaries: what they make of ours, and ours of theirs."""

import asyncio

import dns.flags
import dns.name
import dns.rcode
import pytest
from dns.message import Message
from dns.rdatatype import RdataType

from monitor.clock import now
from monitor.pair.client import Upstream, notify
from monitor.pair.nameserver import Nameserver
from monitor.pair.pair import Pair
from monitor.pair.secondary import Secondary
from monitor.pair.zonedata import Timers
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.client import ask
from tests.support.lab.model import GUEST, XFR, Content
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually

ZONE = "pair.example."
ORIGIN = dns.name.from_text(ZONE)


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_real_secondary_follows_our_primary(software: str) -> None:
    hours = Timers(refresh=7200, retry=3600, expire=1209600)
    with Lab() as lab:
        async with Pair([ZONE], now=now, timers=hours, key=XFR) as pair:
            server = lab.server(software)
            server.follow(pair.primary.address, ZONE)
            await lab.started()
            await eventually(lambda: server.serial(ZONE) == 1000, lab.words, seconds=15)
            pair.change(ZONE, "www A 192.0.2.81")
            data = pair.primary.copies[ORIGIN].data
            assert data is not None
            assert await notify(server.ipv4, data, None, pair.primary.clock())
            await eventually(lambda: server.serial(ZONE) == 1001, lab.words, seconds=15)
            answer = await asyncio.to_thread(server.ask, f"www.{ZONE}", "A")
            assert answer.answer[0][0].address == "192.0.2.81"
            assert pair.primary.counts["failed"] == 0


@pytest.mark.parametrize("software", SOFTWARE)
async def test_our_secondary_follows_a_real_primary(software: str) -> None:
    with Lab() as lab:
        primary = lab.primary(software, Content(ZONE, serial=7, refresh=1, retry=1))
        key = tsig.usable(XFR)  # PowerDNS signs its NOTIFY
        hosts = frozenset({"127.0.0.1"})
        ours = Nameserver("ns2", now=now, peers=[key], upstreams=hosts, on_notify=lambda zone: copies.refresh(zone))
        copies = Secondary(ours, [ORIGIN])
        await ours.start()
        primary.tell(ours.address, ZONE)
        await lab.started()
        copies.start(lambda: Upstream(primary.ipv4, key, ours.clock))
        try:
            async with asyncio.timeout(15):
                await copies.in_sync(ORIGIN, 7)
                serial = await asyncio.to_thread(primary.bump, ZONE, "added A 192.0.2.7")
                await copies.in_sync(ORIGIN, serial)
            answer = await ask(ours, f"added.{ZONE}", "A")
            assert [str(rdata) for rdata in answer.answer[0]] == ["192.0.2.7"]
            await eventually(lambda: ours.counts["notify"] > 0, lab.words)
        finally:
            await copies.close()
            await ours.close()


async def test_a_real_primary_that_refuses_our_key_leaves_us_without_the_zone() -> None:
    with Lab() as lab:
        primary = lab.primary("bind", Content(ZONE, serial=7))
        ours = Nameserver("ns2", now=now)
        copies = Secondary(ours, [ORIGIN])
        await ours.start()
        await lab.started()
        copies.start(lambda: Upstream(primary.ipv4, tsig.usable(GUEST), ours.clock))
        try:
            await eventually(lambda: "denied" in primary.last_words(), primary.last_words)
            answer = await ask(ours, ZONE, "SOA")
            assert [option.code for option in answer.extended_errors()] == [14]
        finally:
            await copies.close()
            await ours.close()


RECORDS = (
    *("@ NS ns1", "@ NS ns2", "@ MX 10 mail", "ns1 A 192.0.2.1", "ns2 A 192.0.2.2", "mail A 192.0.2.25"),
    *("www A 192.0.2.80", "www AAAA 2001:db8::80", "alias CNAME www", "chain CNAME alias", "gone CNAME nowhere"),
    *("out CNAME www.elsewhere.example.", "below CNAME host.child", "deep.er.tree TXT x"),
    *(
        "moved DNAME tree",
        "moved TXT x",
        "away DNAME elsewhere.example.",
        "round DNAME x.round",
        "toward CNAME er.moved",
    ),
    *("*.wild TXT any", "x.wild A 192.0.2.9", "child NS ns.child", "ns.child A 192.0.2.53"),
)
NAMES = (
    *("@", "www", "alias", "chain", "gone", "out", "below", "tree", "er.tree", "deep.er.tree", "nope", "not.nope"),
    *("wild", "any.wild", "*.wild", "x.wild", "y.x.wild", "child", "ns.child", "a.b.child", "WWW"),
    *("moved", "er.moved", "deep.er.moved", "no.moved", "a.away", "toward"),
)
TYPES = ("SOA", "NS", "A", "AAAA", "MX", "TXT", "CNAME", "DNAME", "DS")


def said(answer: Message) -> tuple[str, bool, set[str], set[str]]:
    """rcode, AA, the answer, and the delegation or denial, without regard to order and letters."""
    kinds = (RdataType.NS, RdataType.SOA)
    found = {f"{rrset.name} {rrset.rdtype} {rdata}".lower() for rrset in answer.answer for rdata in rrset}
    beside = {f"{r.name} {r.rdtype} {rdata}".lower() for r in answer.authority if r.rdtype in kinds for rdata in r}
    referral = not answer.answer and not answer.flags & dns.flags.AA
    denial = any(rrset.rdtype == RdataType.SOA for rrset in answer.authority)
    return (
        dns.rcode.to_text(answer.rcode()),
        bool(answer.flags & dns.flags.AA),
        found,
        beside if referral or denial else set(),
    )


@pytest.mark.parametrize("software", ["bind", "knot", "nsd"])
async def test_we_answer_as_real_servers_do(software: str) -> None:
    content = Content(ZONE, serial=7, records=RECORDS)
    with Lab() as lab:
        theirs = lab.primary(software, content)
        async with Pair({ZONE: content.text()}, now=now) as pair:
            await lab.started()
            different, kinds = [], set()
            for name in NAMES:
                full = dns.name.from_text(name, ORIGIN).to_text()
                for rdtype in TYPES:
                    real = said(await asyncio.to_thread(theirs.ask, full, rdtype))
                    ours = said(await ask(pair.primary, full, rdtype))
                    kinds.add((*real[:2], bool(real[2])))
                    if ours != real:
                        different.append((name, rdtype, ours, real))
            assert different == []
            assert len(kinds) == 5  # answers, denials of both kinds, a referral, an alias to nowhere
