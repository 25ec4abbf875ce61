"""The lab itself: real servers start, follow each other, are broken, and leave nothing behind."""

import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.xfr
import dns.zone
import pytest

from checks.model import Family, Transport
from tests.support.lab.model import GUEST, XFR, Content, Setup, tsig
from tests.support.lab.ports import reserve
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually, until

ZONE = "lab.test."


def transfer(server: Server, zone: str = ZONE, key: object = XFR) -> dns.zone.Zone:
    """The whole zone by dnspython's own transfer code; raises what that raises."""
    got = dns.zone.Zone(zone, relativize=False)
    query, _ = dns.xfr.make_query(got, keyring=tsig(key) if key else None)
    dns.query.inbound_xfr(server.ipv4.host, got, query, port=server.ipv4.port, timeout=5, lifetime=10)
    return got


@pytest.mark.parametrize("software", SOFTWARE)
def test_it_answers_on_both_families_and_transports_and_says_its_name(software: str) -> None:
    with Lab() as lab:
        server = lab.primary(software, Content(ZONE, serial=7))
        lab.start()
        for family in Family:
            for transport in (Transport.UDP, Transport.TCP):
                answer = server.ask(ZONE, transport=transport, family=family)
                assert answer.answer[0][0].serial == 7
        until(lambda: server.serial(ZONE) == 7, "serial 7")
        assert server.bump(ZONE, "added A 192.0.2.7") == 8
        server.wait(ZONE, 8)
        # NSD's old process may answer one more question while the new one takes over.
        until(lambda: server.ask(f"added.{ZONE}", "A").answer, "the added record")
        assert str(server.ask(f"added.{ZONE}", "A").answer[0][0]) == "192.0.2.7"
        server.drop(ZONE)
        server.wait_rcode(ZONE, "REFUSED")


@pytest.mark.parametrize("software", SOFTWARE)
def test_transfers_are_given_to_whom_they_should(software: str) -> None:
    with Lab() as lab:
        server = lab.primary(software, Content(ZONE))
        lab.start()
        assert len(list(transfer(server).iterate_rdatas())) == 1 + len(server.content(ZONE).records)
        for key in (GUEST, None):
            with pytest.raises(dns.exception.DNSException):
                transfer(server, key=key)

        server.allow(ZONE, GUEST)
        until(lambda: _given(server, GUEST) and not _given(server, XFR), "only the other key is let in")
        server.allow(ZONE, everyone=True)
        until(lambda: _given(server, None), "no key is needed")
        server.allow(ZONE)
        until(lambda: not _given(server, None), "nobody is let in")


def _given(server: Server, key: object) -> bool:
    try:
        transfer(server, key=key)
    except (dns.exception.DNSException, OSError):  # OSError: the connection is dropped while it reloads
        return False
    return True


@pytest.mark.parametrize("software", SOFTWARE)
def test_a_frozen_secondary_stays_where_it_is_until_it_thaws(software: str) -> None:
    with Lab() as lab:
        primary = lab.primary("knot", Content(ZONE, serial=4294967295))
        frozen = lab.secondary(software, of=primary, name="frozen")
        free = lab.secondary("knot", of=primary, name="free", over=Family.IPV6)
        lab.start()
        for secondary in (frozen, free):
            secondary.wait(ZONE, 4294967295)
        frozen.freeze(ZONE)
        primary.bump(ZONE)
        free.wait(ZONE, 0)
        assert frozen.serial(ZONE) == 4294967295
        frozen.thaw(ZONE)
        frozen.catch_up(ZONE, 0)


@pytest.mark.parametrize("software", SOFTWARE)
def test_a_server_stops_hangs_and_comes_back_with_what_it_had(software: str) -> None:
    with Lab() as lab:
        primary = lab.primary("bind", Content(ZONE, serial=3))
        secondary = lab.secondary(software, of=primary)
        lab.start()
        secondary.wait(ZONE, 3)
        secondary.stop()
        with pytest.raises(OSError):  # noqa: PT011 - refused
            secondary.ask(ZONE, transport=Transport.TCP)
        secondary.start()
        secondary.wait(ZONE, 3)
        secondary.pause()
        for transport in (Transport.UDP, Transport.TCP):
            with pytest.raises(dns.exception.Timeout):
                secondary.ask(ZONE, transport=transport, timeout=0.2)
        secondary.resume()
        secondary.wait(ZONE, 3)


def test_nothing_outlives_a_killed_test_run(tmp_path: Path) -> None:
    story = (
        "import pathlib, sys\n"
        "from tests.support.lab.topology import Lab\n"
        "lab = Lab(pathlib.Path(sys.argv[1]))\n"
        "server = lab.server('nsd')\n"
        "lab.start()\n"
        "print(server.ipv4.port, flush=True)\n"
        "sys.stdin.read()\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", story, str(tmp_path)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        port = int(run.stdout.readline())
        query = dns.message.make_query("ready.invalid.", "SOA")
        dns.query.udp(query, "127.0.0.1", port=port, timeout=2)
        run.send_signal(signal.SIGKILL)

    def silent() -> bool:
        try:
            dns.query.tcp(query, "127.0.0.1", port=port, timeout=0.5)
        except OSError:
            return True
        return False

    until(silent, f"port {port} is closed")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("software", SOFTWARE)
def test_a_server_whose_port_is_taken_for_a_moment_still_starts(software: str, kind: socket.SocketKind) -> None:
    with Lab() as lab, socket.socket(socket.AF_INET6, kind) as other:
        server = lab.primary(software, Content(ZONE))
        other.bind((server.ipv6.host, server.ipv6.port))
        if kind is socket.SOCK_STREAM:
            other.listen()
        server.launch()
        until(lambda: server.clashed, lambda: f"it notices\n{server.last_words()}")
        other.close()
        server.ready()
        assert server.ask(ZONE, family=Family.IPV6).answer[0][0].serial == 1


def test_a_port_is_one_labs_alone() -> None:
    claims = [reserve() for _ in range(20)]
    assert len({port for port, _ in claims}) == 20
    for _, claim in claims:
        claim.close()


async def test_it_can_be_used_from_a_running_event_loop() -> None:
    async with Lab() as lab:
        primary = lab.primary("knot", Content(ZONE))
        secondary = lab.secondary("nsd", of=primary)
        await lab.started()
        await eventually(lambda: secondary.serial(ZONE) == 1, "the first transfer")
        serial = primary.bump(ZONE)
        await eventually(lambda: secondary.serial(ZONE) == serial, "the second transfer")


def test_a_setup_is_told_apart_by_what_is_in_it() -> None:
    content = Content(ZONE, records=("@ NS ns1", "www A 192.0.2.1"))
    assert replace(content, serial=2**32 - 1).next().serial == 0
    assert content.parsed().get_soa().serial == 1
    with Lab() as lab:
        server = lab.primary("nsd", content)
        setup = server.setup
        server.allow(ZONE, XFR)
        assert server.setup == setup
        server.drop(ZONE)
        assert server.setup == Setup(setup.name, setup.ipv4, setup.ipv6)
