"""Signatures on real servers: good, expiring, ended, older on an equal serial, tampered with, and none at all."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import pytest

from checks.model import CheckResult, Health, Transport, WantedRecord, Zone
from checks.model import Server as Watched
from monitor.clock import now
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import SHORT, Content
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import until
from tests.support.signed_zones import signed, without_signatures, zone_key
from tests.support.speaking import say

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

KEY = zone_key()


def made(zone: str, *, since: timedelta, left: timedelta, **fields: object) -> Content:
    """A zone that was signed so long ago, and is for so long from now."""
    content = Content(**{"zone": zone, "serial": 10, "expire": 86400, **fields})  # type: ignore[arg-type]
    return signed(content, KEY, now() - since, now() + left)


LARGE = tuple(f"large TXT {'x' * 200}{number:02}" for number in range(20))
"""With its signature more than a datagram takes."""

GOOD = made("good.test.", since=DAY, left=29 * DAY, records=(*SHORT, *LARGE))
PLAIN = Content("plain.test.", serial=10)
ENDED = made("ended.test.", since=90 * DAY, left=-60 * DAY)
SOON = made("soon.test.", since=27 * DAY, left=2 * DAY)
BRIEF = made("short.test.", since=6 * HOUR, left=42 * HOUR)
"""Signed for two days: more than a quarter of that is left."""
BEFORE = made("before.test.", since=DAY, left=13 * DAY, expire=14 * 86400)
EARLY = made("early.test.", since=-12 * HOUR, left=29 * DAY)
EDITED = made("edited.test.", since=DAY, left=29 * DAY)
EDITED = replace(EDITED, records=(*EDITED.records, "@ NS ns3.example.net."))
RESIGNED = made("resigned.test.", since=9 * DAY, left=20 * DAY)
BARE = made("bare.test.", since=DAY, left=29 * DAY)
ALL = (GOOD, PLAIN, ENDED, SOON, BRIEF, BEFORE, EARLY, EDITED, RESIGNED, BARE)


def watched(zone: str, *servers: Server, records: tuple[WantedRecord, ...] = ()) -> Zone:
    every = tuple(Watched(server.name, server.setup.addresses) for server in servers)
    return Zone(zone, every, servers[0].name, records=records, ignored=("*",))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A primary that is given signed zones as they are, with secondaries of all four softwares."""
    with Lab() as lab:
        primary = lab.primary("bind", *ALL, name="primary")
        for software in SOFTWARE:
            lab.secondary(software, of=primary, name=software).use_dnssec()
        lab.start()
        for server in lab.servers:
            for content in ALL:
                server.wait(content.zone, 10)
        yield lab


async def judged(probe: Prober, zone: Zone) -> CheckResult:
    return await Watch(probe, zone).look("signatures")


EVERYBODY = ("primary", *SOFTWARE)


def all_have(code: str, *names: str) -> dict[str, set[str]]:
    return {name: {code} for name in names or EVERYBODY}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GOOD, {}),
        (PLAIN, {}),
        (ENDED, all_have("signature-expired")),
        (SOON, all_have("signature-expiring")),
        (BRIEF, {}),
        (BEFORE, all_have("signature-before-expire", *SOFTWARE)),
        (EARLY, all_have("signature-invalid")),
        (EDITED, all_have("signature-invalid")),
    ],
    ids=lambda one: one.zone if isinstance(one, Content) else "",
)
async def test_what_is_said_is_what_was_signed(
    lab: Lab, probe: Prober, content: Content, expected: dict[str, set[str]]
) -> None:
    result = await judged(probe, watched(content.zone, *lab.servers))
    assert codes(result) == expected
    assert result.unsure == ()
    assert result.health is (Health.BAD if expected else Health.GOOD)


async def test_what_takes_more_than_a_datagram_is_verified_too(lab: Lab, probe: Prober) -> None:
    watch = Watch(probe, watched(GOOD.zone, *lab.servers, records=(WantedRecord(f"large.{GOOD.zone}", "TXT"),)))
    result = await watch.look("signatures")
    assert (codes(result), result.unsure) == ({}, ())
    large = [seen for seen in watch.seen if seen.query.qtype == "TXT"]
    assert len(large) == 2 * len(lab.servers)
    assert all(seen.transport is Transport.TCP and len(seen.signatures) == 1 for seen in large)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (GOOD, 0, "all is well"),
        (ENDED, 1, "have ended, the first 60 d ago (SOA, "),
        (SOON, 1, "end soon, the first in 1 d 23 h (SOA, "),
        (BEFORE, 0, "would serve the zone for 14 d without its primary"),
    ],
    ids=lambda one: one.zone if isinstance(one, Content) else "",
)
async def test_one_look_without_a_service(lab: Lab, content: Content, status: int, words: str) -> None:
    servers = [f"--server={one.name}={one.ipv4}" for one in lab.servers[:3]]
    said = await say("check", content.zone, *servers, "--moment", "0.1")
    assert said.status == status, said.out + said.err
    every = " ".join(said.out.split())
    assert words in every
    assert re.search(r"signatures: the first (ends in|ended) \d+ d .*UTC \(SOA at primary, 127", every)


async def test_a_zone_that_is_signed_anew_on_the_same_serial(lab: Lab, probe: Prober) -> None:
    """Its secondaries never take the new signatures, and are told of long before theirs end."""
    primary, zone = lab.servers[0], watched(RESIGNED.zone, *lab.servers)
    assert codes(await judged(probe, zone)) == {}
    anew = made(RESIGNED.zone, since=HOUR, left=29 * DAY)
    primary.put(anew)
    newest = next(one for one in anew.records if one.startswith(f"{RESIGNED.zone} RRSIG NS ")).split()[-1]
    until(lambda: newest in str(ask(primary, RESIGNED.zone, "NS")), "the primary loads it")
    result = await judged(probe, zone)
    assert codes(result) == all_have("signatures-differ", *SOFTWARE)
    assert "has serial 10 like others, but older signatures of SOA, NS and DNSKEY" in result.findings[0].text


async def test_a_server_that_takes_signatures_out(lab: Lab, probe: Prober) -> None:
    primary, zone = lab.servers[0], watched(BARE.zone, *lab.servers)
    primary.put(without_signatures(BARE))
    until(lambda: "RRSIG" not in str(ask(primary, BARE.zone, "SOA")), "the primary loads it")
    assert codes(await judged(probe, zone)) == {}, "it may be that another signs what the primary has"
    turned = replace(zone, primary="nsd")
    result = await judged(probe, turned)
    assert codes(result) == all_have("signature-missing", "primary")
    assert result.findings[0].text.endswith(
        "gives no signatures of SOA, NS and DNSKEY, others on serial 10 do: bind, knot, nsd and powerdns"
    )


def ask(server: Server, zone: str, qtype: str) -> dns.message.Message:
    query = dns.message.make_query(zone, qtype, want_dnssec=True, flags=0)
    return dns.query.udp(query, server.ipv4.host, port=server.ipv4.port, timeout=2)


def gives_signatures(server: Server, zone: str) -> bool:
    try:
        return any(one.rdtype == dns.rdatatype.RRSIG for one in ask(server, zone, "SOA").answer)
    except dns.exception.Timeout:
        return False


SIGNERS = ("bind", "knot", "powerdns")


def live(software: str) -> str:
    return f"by-{software}.test."


@pytest.fixture(scope="module")
def signers() -> Iterator[Lab]:
    """Those that sign by themselves, each as it does by default, with secondaries of all four."""
    with Lab() as lab:
        for software in SIGNERS:
            signer = lab.server(software, f"{software}-signer")
            signer.use_dnssec()
            signer.serve(Content(live(software), serial=10, expire=86400), signs=True)
        for software in SOFTWARE:
            secondary = lab.server(software, software)
            secondary.use_dnssec()
            for signer in lab.servers[: len(SIGNERS)]:
                secondary.follow(signer, live(signer.software))
        for signer in lab.servers[: len(SIGNERS)]:
            signer.launch()
        for signer in lab.servers[: len(SIGNERS)]:
            signer.ready()
            if signer.software == "powerdns":
                order(signer, f"pdnsutil secure-zone {live('powerdns')} && pdnsutil rectify-zone {live('powerdns')}")
            until(lambda signer=signer: gives_signatures(signer, live(signer.software)), f"{signer!r} signs")
        lab.start()
        yield lab


@pytest.mark.parametrize("software", SIGNERS)
async def test_signers_and_their_secondaries_are_well(signers: Lab, probe: Prober, software: str) -> None:
    zone = live(software)
    signer = next(one for one in signers.servers if one.name == f"{software}-signer")
    secondaries = [one for one in signers.servers if one.name in SOFTWARE]

    def in_sync() -> bool:
        for one in secondaries:
            if one.serial(zone) != signer.serial(zone) or not gives_signatures(one, zone):
                one.nudge(zone)
                return False
        return True

    until(in_sync, f"all take {zone}")
    watch = Watch(probe, watched(zone, signer, *secondaries, records=(WantedRecord(f"www.{zone}", "A"),)))
    result = await watch.look("signatures")
    assert (result.findings, result.unsure) == ((), ())
    assert all(seen.signatures for seen in watch.seen if seen.query.qtype in ("SOA", "NS", "DNSKEY", "A"))


RENEWED = {"bind": 5 * DAY, "knot": 65 * MINUTE, "powerdns": 7 * DAY}
"""What is left of signatures when they are renewed by default; with Knot DNS an hour and the greatest TTL."""
TOLD = {"bind": 69 * HOUR, "knot": 55 * MINUTE, "powerdns": 69 * HOUR}
"""What is left of them when that they have not been is told."""


@pytest.mark.parametrize("software", SIGNERS)
async def test_signers_as_they_are_by_default_are_never_told_of(signers: Lab, probe: Prober, software: str) -> None:
    """Not even at the last moment before they renew what they have signed, but soon after."""
    signer = next(one for one in signers.servers if one.name == f"{software}-signer")
    watch = Watch(probe, watched(live(software), signer, records=(WantedRecord(f"www.{live(software)}", "A"),)))
    first = await watch.look("signatures")
    (ends,) = {end.at for end in first.ends if end.address == signer.ipv4}
    assert (first.findings, first.unsure) == ((), ())
    for left in (RENEWED[software], TOLD[software] + MINUTE):
        assert codes(await watch.look("signatures", after=ends - left - now())) == {}
    late = await watch.look("signatures", after=ends - TOLD[software] + MINUTE - now())
    assert codes(late) == all_have("signature-expiring", signer.name)


async def test_an_alias_is_signed_too(probe: Prober) -> None:
    content = made("alias.test.", since=DAY, left=29 * DAY, records=(*SHORT, "alias CNAME www"))
    with Lab() as lab:
        primary = lab.primary("bind", content, name="primary")
        for software in SOFTWARE:
            lab.secondary(software, of=primary, name=software).use_dnssec()
        lab.start()
        for server in lab.servers:
            server.wait(content.zone, 10)
        watch = Watch(probe, watched(content.zone, *lab.servers, records=(WantedRecord(f"alias.{content.zone}", "A"),)))
        result = await watch.look("signatures")
    assert (result.findings, result.unsure) == ((), ())
    given = [seen for seen in watch.seen if seen.query.qname == f"alias.{content.zone}"]
    assert len(given) == 2 * len(EVERYBODY)
    assert all(len(seen.signatures) == 1 for seen in given)


async def test_who_changes_the_letters_of_a_name_breaks_its_signature(probe: Prober) -> None:
    """Names in SVCB and HTTPS records are signed in the letters they are written in (RFC 3597 section 7), and NSD 4.6
    has them in lower case.
    """
    target = "1 WWW.Upper.Example."
    content = made("upper.test.", since=DAY, left=29 * DAY, records=(*SHORT, f"h HTTPS {target}"))
    with Lab() as lab:
        primary = lab.primary("bind", content, name="primary")
        for software in ("knot", "nsd"):
            lab.secondary(software, of=primary, name=software)
        lab.start()
        for server in lab.servers:
            server.wait(content.zone, 10)
        given = {one.name: str(ask(one, f"h.{content.zone}", "HTTPS").answer[0][0]) for one in lab.servers}
        zone = watched(content.zone, *lab.servers, records=(WantedRecord(f"h.{content.zone}", "HTTPS"),))
        result = await judged(probe, zone)
    changed = [name for name, text in given.items() if text != target]
    assert set(changed) <= {"nsd"}
    assert codes(result) == {name: {"signature-invalid"} for name in changed}


async def test_two_that_sign_with_the_same_keys_on_the_fly(probe: Prober) -> None:
    """PowerDNS with a database that is replicated: signatures differ, when they begin and end does not."""
    zone = live("powerdns")
    with Lab() as lab:
        pair = [lab.primary("powerdns", Content(zone, serial=10, expire=86400)) for _ in range(2)]
        for one in pair:
            one.use_dnssec()
        lab.start()
        order(pair[0], f"pdnsutil secure-zone {zone}")
        with closing(sqlite3.connect(pair[0].room / "pdns.db")) as db:
            keys = db.execute("SELECT flags, active, published, content FROM cryptokeys").fetchall()
        with closing(sqlite3.connect(pair[1].room / "pdns.db", isolation_level=None)) as db:
            domain = db.execute("SELECT id FROM domains").fetchone()
            db.executemany(
                "INSERT INTO cryptokeys (domain_id, flags, active, published, content) VALUES (?, ?, ?, ?, ?)",
                [(*domain, *key) for key in keys],
            )
        order(pair[1], f"pdns_control rediscover && pdnsutil rectify-zone {zone}")
        for one in pair:
            until(lambda one=one: gives_signatures(one, zone), f"{one!r} signs")
        result = await judged(probe, watched(zone, *pair))
    assert (result.findings, result.unsure) == ((), ())
