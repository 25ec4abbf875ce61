"""Servers that are asked over TLS (RFC 7858, RFC 9103), with certificates good and bad: as BIND and NSD serve them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.runbook import explain
from checks.model import Expectation, Health, Query, TransferRule, Transport, Zone
from checks.model import Server as Watched
from checks.model.tls import TlsFault
from monitor.clock import monotonic, now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe, TlsSettings
from tests.integration.nameservers.keys import KEYS, WRONG_SECRET
from tests.integration.nameservers.world import Watch, ask, codes
from tests.support.certificates import Authority, Certificate
from tests.support.lab.model import XFR, Content
from tests.support.lab.orders import order
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.speaking import say

ZONE, NAME = "private.test.", "ns1.private.test"
SOFTWARE = ("bind", "nsd")
"""Those of Debian that have TLS: Knot has it from 3.5 on, PowerDNS has none."""

LONG_AGO = datetime(2021, 1, 1, tzinfo=UTC)

Issue = Callable[[Authority], Certificate]
Settings = Callable[[Authority, Certificate, int], TlsSettings]


def good(authority: Authority) -> Certificate:
    return authority.issue(NAME)


def ended(authority: Authority) -> Certificate:
    return authority.issue(NAME, until=LONG_AGO)


def another_name(authority: Authority) -> Certificate:
    return authority.issue("ns2.private.test")


def not_yet(authority: Authority) -> Certificate:
    return authority.issue(NAME, since=now() + timedelta(days=1))


def ending(authority: Authority) -> Certificate:
    return authority.issue(NAME, until=now() + timedelta(days=5, hours=1))


def its_own(authority: Authority) -> Certificate:
    return authority.self_signed(NAME)


def trusting(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, NAME, authority.file)


def trusting_itself(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, NAME, certificate.chain)


def trusting_the_system(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, NAME)


def pinned(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, pins=(certificate.pin,))


def pinned_to_another(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, pins=(authority.issue(NAME).pin,))


def trusting_anybody(authority: Authority, certificate: Certificate, port: int) -> TlsSettings:
    return TlsSettings(port, verify=False)


INVALID = "tls-certificate-invalid"
CASES: dict[str, tuple[Issue, Settings, TlsFault | None, str]] = {
    "all is well": (good, trusting, None, ""),
    "its key is pinned": (its_own, pinned, None, ""),
    "it is its own authority, and trusted": (its_own, trusting_itself, None, ""),
    "any will do": (ended, trusting_anybody, None, ""),
    "it ends in five days": (ending, trusting, None, "tls-certificate-expiring"),
    "it has ended": (ended, trusting, TlsFault.EXPIRED, "tls-certificate-expired"),
    "it is not valid yet": (not_yet, trusting, TlsFault.NOT_YET_VALID, INVALID),
    "it is for another name": (another_name, trusting, TlsFault.NAME, INVALID),
    "it signed itself": (its_own, trusting, TlsFault.UNTRUSTED, INVALID),
    "nobody knows its authority": (good, trusting_the_system, TlsFault.UNTRUSTED, INVALID),
    "another key is pinned": (good, pinned_to_another, TlsFault.PIN, INVALID),
}


def watched(server: Server, *rules: TransferRule) -> Zone:
    return Zone(ZONE, (Watched(server.name, server.setup.addresses, tls=True),), server.name, transfers=rules)


ALLOWED = TransferRule("*", Expectation.ALLOWED, XFR.name, whole=True, transport="tls")
MATRIX = (
    ALLOWED,
    TransferRule("*", Expectation.REFUSED, transport="tls"),
    TransferRule("*", Expectation.REFUSED, WRONG_SECRET.name, transport="tls"),
)


@pytest.mark.parametrize("words", CASES)
@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_certificate_is_judged_and_the_matrix_over_tls(software: str, words: str, tmp_path: Path) -> None:
    issue, settings, fault, code = CASES[words]
    authority = Authority(tmp_path)
    certificate = issue(authority)
    async with Lab() as lab:
        server = lab.primary(software, Content(ZONE, 7))
        port = server.use_tls(certificate)
        await lab.started()
        probe = DnsClient(Probe(timeout=1), KEYS, now, tls={server.name: settings(authority, certificate, port)})
        try:
            zone = watched(server, *MATRIX)
            asked = [Query(ZONE, server.name, one, ZONE, "SOA", Transport.TLS) for one in server.setup.addresses]
            for seen in await ask(probe, *asked, *asked):  # the second time over the connection that is kept
                assert seen.tls is not None
                assert seen.tls.fault is fault, seen
                assert (seen.serial, seen.transport) == ((7, Transport.TLS) if fault is None else (None, None))
            found = await Watch(probe, zone).look("tls")
            assert codes(found) == ({server.name: {code}} if code else {}), found
            rows = await Watch(probe, zone).look("transfer")
        finally:
            await probe.close()
    if fault is None:
        assert (rows.health, rows.unsure) == (Health.GOOD, ()), rows
        return
    assert codes(rows) == {server.name: {"transfer-failed"}}, rows
    assert {one.subject for one in rows.findings} == {f"key {XFR.name}, must be allowed over TLS"}
    assert all("certificate" in one.text for one in rows.findings), rows


async def test_what_has_ended_says_when(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with Lab() as lab:
        server = lab.primary("bind", Content(ZONE))
        port = server.use_tls(ended(authority))
        await lab.started()
        probe = DnsClient(Probe(timeout=1), KEYS, now, tls={server.name: TlsSettings(port, NAME, authority.file)})
        try:
            found = await Watch(probe, watched(server)).look("tls")
        finally:
            await probe.close()
    assert all(one.text.endswith("(2021-01-01 00:00 UTC)") for one in found.findings), found


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_server_without_tls_is_no_refusal_and_no_transfer(software: str, tmp_path: Path) -> None:
    """Nothing listens at the port: what must be refused is, what must be allowed fails, and the check says why."""
    async with Lab() as lab:
        server = lab.primary(software, Content(ZONE))
        await lab.started()
        spare = lab.server("bind", "spare").setup.ipv4.port
        settings = TlsSettings(spare, verify=False)
        probe = DnsClient(Probe(timeout=1), KEYS, now, tls={server.name: settings})
        try:
            found = await Watch(probe, watched(server)).look("tls")
            rows = await Watch(probe, watched(server, *MATRIX)).look("transfer")
        finally:
            await probe.close()
    assert codes(found) == {server.name: {"tls-unreachable"}}, found
    assert codes(rows) == {server.name: {"transfer-failed"}}, rows
    assert rows.unsure == ()


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_renewed_certificate_is_served_after_what_the_runbook_says(software: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old, new = ended(authority), good(authority)
    async with Lab() as lab:
        server = lab.primary(software, Content(ZONE))
        port = server.use_tls(old)
        await lab.started()
        probe = DnsClient(Probe(timeout=1), KEYS, now, tls={server.name: TlsSettings(port, NAME, authority.file)})
        watch = Watch(probe, watched(server))
        try:
            assert codes(await watch.look("tls")) == {server.name: {"tls-certificate-expired"}}
            for before, after in ((old.chain, new.chain), (old.key, new.key)):
                before.write_bytes(after.read_bytes())
            assert codes(await watch.look("tls")) == {server.name: {"tls-certificate-expired"}}
            fixes = dict(explain("tls-certificate-expired").fixes(ZONE.rstrip(".")))
            if software == "bind":
                assert "rndc reconfig" in fixes["BIND"]
                order(server, "rndc reconfig")
            else:
                assert "systemctl restart nsd" in fixes["NSD"]
                server.stop()
                server.start()
            deadline = monotonic() + 10
            while (found := await watch.look("tls")).health is not Health.GOOD:
                assert monotonic() < deadline, f"still {found}"
        finally:
            await probe.close()


async def test_a_transfer_may_be_asked_for_from_another_address(tmp_path: Path) -> None:
    """Who gives it to anybody gives it to either, at the addresses of that family."""
    rules = (
        TransferRule("*", Expectation.ALLOWED, source="127.0.0.1"),
        TransferRule("*", Expectation.REFUSED, source="127.0.0.9"),
    )
    async with Lab() as lab:
        server = lab.server("bind")
        server.serve(Content(ZONE), everyone=True)
        await lab.started()
        probe = DnsClient(Probe(timeout=1), KEYS, now)
        try:
            rows = await Watch(probe, watched(server, *rules)).look("transfer")
            only = Query(ZONE, server.name, server.ipv4, ZONE, "AXFR", Transport.TCP, source="192.0.2.77")
            (seen,) = await ask(probe, only)
        finally:
            await probe.close()
    assert codes(rows) == {server.name: {"transfer-open"}}, rows
    assert {(one.address, one.subject) for one in rows.findings} == {
        (server.ipv4, "no key, must be refused from 127.0.0.9")
    }
    assert (seen.transfer, "192.0.2.77" in seen.detail) == (None, True)


async def test_what_is_given_over_tls_is_compared_over_tls(tmp_path: Path) -> None:
    """By the names of the configuration, and by an address of them: neither gives the zone otherwise."""
    authority = Authority(tmp_path)
    async with Lab() as lab:
        servers = [lab.primary(software, Content(ZONE, 7)) for software in SOFTWARE]
        ports = [server.use_tls(good(authority)) for server in servers]
        await lab.started()
        path = tmp_path / "soawatch.toml"
        path.write_text(
            f'[keys.xfr]\nname = "{XFR.wire_name}"\nsecret = "{XFR.secret.reveal()}"\n'
            + "".join(
                f'[servers.{server.name}]\naddresses = ["{server.ipv4}", "{server.ipv6}"]\n'
                f'tls = {{ name = "{NAME}", port = {port}, ca_file = "{authority.file}" }}\n'
                for server, port in zip(servers, ports, strict=True)
            )
            + f'[[zones]]\nname = "{ZONE}"\nservers = ["{servers[0].name}", "{servers[1].name}"]\n'
            '[[zones.transfer]]\nkey = "xfr"\nexpect = "allowed"\ntransport = "tls"\n'
        )
        for one, other in (servers[0].name, servers[1].name), (servers[0].ipv6, servers[1].name):
            said = await say("diff", ZONE, one, other, "-c", path)
            assert said.status == 0, said
        said = await say("diff", ZONE, servers[0].ipv4, servers[1].ipv4)
        assert (said.status, said.out) == (2, "")
