"""Zones that real servers give away are found without any rule, and the runbook's cure, carried out, ends it."""

import re
from collections.abc import Callable

import pytest

from alerting.runbook import explain
from checks.model import Health, Zone
from checks.model import Server as Watched
from monitor.clock import monotonic
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content
from tests.support.lab.orders import order
from tests.support.lab.process import Process
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.writing import rewrite

ZONE = "given.test."
NAMES = {"bind": "BIND", "knot": "Knot DNS", "nsd": "NSD", "powerdns": "PowerDNS"}


def printed(software: str, pattern: str) -> str:
    """The line of the runbook that begins so, as it would be typed here."""
    text = dict(explain("transfer-open").fixes(ZONE.rstrip(".")))[NAMES[software]]
    (line,) = re.findall(rf"^({pattern}.*)$", text, re.MULTILINE)
    return re.sub(r"(?<= )xfr\b", XFR.wire_name.rstrip("."), line)


def edit(server: Server, name: str, *changes: tuple[str, str]) -> None:
    """Put other text in place of what stands in a file of the server's."""
    text = (server.room / name).read_text()
    for old, new in changes:
        assert old in text, f"{old} is not in {name}"
        text = text.replace(old, new)
    rewrite(server.room / name, text)


def bind(server: Server) -> None:
    edit(server, "named.conf", ("allow-transfer { any; };", printed("bind", "allow-transfer")))
    order(server, printed("bind", "rndc"))


def knot(server: Server) -> None:
    edit(server, "knot.conf", ("acl: [ everyone, ", "acl: [ "))
    order(server, "knotc reload")


def nsd(server: Server) -> None:
    line = printed("nsd", "provide-xfr").replace("192.0.2.2", "127.0.0.1")  # NSD takes names of keys to the letter
    line = f"{line}."
    edit(
        server, "nsd.conf",
        ("    provide-xfr: 127.0.0.1 NOKEY\n", f"    {line}\n"), ("    provide-xfr: ::1 NOKEY\n", ""),
    )  # fmt: skip
    order(server, printed("nsd", "nsd-control"))


def powerdns(server: Server) -> None:
    order(server, printed("powerdns", "pdnsutil set-meta given.test TSIG"))
    order(server, printed("powerdns", "pdnsutil set-meta given.test ALLOW"))


CURES: dict[str, Callable[[Server], None]] = {"bind": bind, "knot": knot, "nsd": nsd, "powerdns": powerdns}


async def until_closed(watch: Watch) -> None:
    """Servers take up a changed access list in their own time."""
    deadline = monotonic() + 10
    while (result := await watch.look("open-transfer")).health is not Health.GOOD:
        assert monotonic() < deadline, f"still {result}"


@pytest.mark.parametrize("software", SOFTWARE)
async def test_it_is_found_and_the_cure_ends_it(software: str, probe: Prober) -> None:
    async with Lab() as lab:
        server = lab.server(software)
        server.serve(Content(ZONE), everyone=True)
        await lab.started()
        watch = Watch(probe, Zone(ZONE, (Watched(server.name, server.setup.addresses),), server.name))
        result = await watch.look("open-transfer")
        assert codes(result) == {server.name: {"transfer-open"}}
        assert len(result.findings) == len(server.setup.addresses)
        CURES[software](server)
        await until_closed(watch)
        assert {seen.given for seen in watch.seen} == {0}
        assert server.ask(ZONE, key=XFR).rcode() == 0


async def test_what_powerdns_gives_to_its_own_machine_by_default_is_found_and_ended(probe: Prober) -> None:
    async with Lab() as lab:
        server = lab.server("powerdns")
        server.serve(Content(ZONE))
        await lab.started()
        watch = Watch(probe, Zone(ZONE, (Watched(server.name, server.setup.addresses),), server.name))
        assert (await watch.look("open-transfer")).health is Health.GOOD
        closed = printed("powerdns", "allow-axfr-ips")
        server.stop()
        (server.room / "pdns.conf").write_text((server.room / "pdns.conf").read_text().replace(f"{closed}\n", ""))
        process = Process(server.driver.command(server.room), room=server.room, log=server.log)
        try:
            server.ready()
            assert codes(await watch.look("open-transfer")) == {server.name: {"transfer-open"}}
        finally:
            process.kill()
        server.start()  # with the line that the runbook prints
        assert (await watch.look("open-transfer")).health is Health.GOOD


async def test_bind_without_any_list_gives_to_anybody_or_to_nobody_by_its_version(probe: Prober) -> None:
    """Before 9.20 to anybody; and ``none`` for all zones, as printed, ends it."""
    async with Lab() as lab:
        server = lab.server("bind")
        server.serve(Content(ZONE), everyone=True)
        await lab.started()
        watch = Watch(probe, Zone(ZONE, (Watched(server.name, server.setup.addresses),), server.name))
        none = printed("bind", "options").removeprefix("options { ").removesuffix(" };")
        edit(server, "named.conf", (none, ""), ("allow-transfer { any; };", ""))
        order(server, printed("bind", "rndc"))
        version = str(server.ask("version.bind.", "TXT", rdclass="CH").answer[0][0]).strip('"')
        major, minor = map(int, version.split(".")[:2])
        given = {} if (major, minor) >= (9, 20) else {server.name: {"transfer-open"}}
        assert codes(await watch.look("open-transfer")) == given
        edit(server, "named.conf", ("    recursion no;", f"    recursion no;\n    {none}"))
        order(server, printed("bind", "rndc"))
        await until_closed(watch)
