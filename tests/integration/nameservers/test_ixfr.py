"""IXFR from the version before: who has the differences, who gives the whole zone, and nobody is accused of either."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import dns.query
import dns.rcode
import dns.update
import pytest

from checks.evaluation import run_check
from checks.model import CheckResult, Expectation, Health, IxfrAnswer, TransferRule, Zone
from checks.model import Server as Watched
from checks.transfer import Transfer
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import ZoneState
from monitor.clock import now
from monitor.pair.config_template import config_text
from monitor.polling.earlier_serials import from_earlier
from monitor.polling.sweep import poll_zone
from monitor.probe.types import Prober
from monitor.state.ports import AddressHistoryRow
from tests.integration.nameservers.world import HOSTS
from tests.support.lab.model import XFR, Content, tsig
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.running import Running, running, until
from tests.support.speaking import say

ZONE, WATCHED = "ixfr.test.", "watched.test."
FIRST = 10
RECORDS = ("@ NS ns1", "ns1 A 192.0.2.53", *HOSTS)
SHAPES = {
    "bind": IxfrAnswer.INCREMENTAL,
    "knot": IxfrAnswer.INCREMENTAL,
    "nsd": IxfrAnswer.FULL_ZONE,
    "powerdns": IxfrAnswer.FULL_ZONE,
}
"""What each says as it is without further settings: an update is in the journal of BIND and Knot."""


@pytest.fixture(scope="module")
def primaries() -> Iterator[dict[str, tuple[Server, int]]]:
    """One of each software, which has another version by now; and its serial."""
    with Lab() as lab:
        servers = {software: lab.server(software, software) for software in SOFTWARE}
        for software, server in servers.items():
            for zone in (ZONE, WATCHED):
                server.serve(Content(zone, FIRST, records=RECORDS), dynamic=software != "nsd")
        lab.start()
        yield {software: (server, changed(server)) for software, server in servers.items()}


def changed(server: Server, zone: str = ZONE) -> int:
    """Another version, by an update where it takes such; its serial."""
    if server.software == "nsd":
        serial = server.bump(zone, *RECORDS, "new TXT new")
        server.wait(zone, serial)
        return serial
    update = dns.update.UpdateMessage(zone, keyring=tsig(XFR))
    update.add("new", 300, "TXT", "new")
    answer = dns.query.tcp(update, server.ipv4.host, port=server.ipv4.port, timeout=10)
    assert answer.rcode() == dns.rcode.NOERROR
    server.wait_for(f"new.{zone}", "TXT", '"new"')
    serial = server.serial(zone)
    assert serial is not None
    assert serial > FIRST
    return serial


async def transferred(server: Server, serials: Sequence[int], probe: Prober) -> CheckResult:
    """What the check says of the server, which was seen with these serials, one after the other."""
    rule = TransferRule(server.name, Expectation.ALLOWED, XFR.name, whole=True, ixfr=True)
    zone = Zone(ZONE, (Watched(server.name, server.setup.addresses),), server.name, transfers=(rule,))

    async def history(zone: str, _since: datetime, _limit: int) -> Sequence[AddressHistoryRow]:
        return [
            AddressHistoryRow(zone, server.name, str(address), serial, ANSWERED, now(), None)
            for serial in serials
            for address in server.setup.addresses
        ]

    check = Transfer()
    poll = await poll_zone(check, zone, lambda asked: from_earlier(asked, probe, history), check.cadence, now)
    return run_check(check, zone, poll, ZoneState(ZONE))


@pytest.mark.parametrize("software", SOFTWARE)
async def test_the_shape_of_the_answer_is_told(
    primaries: dict[str, tuple[Server, int]], probe: Prober, software: str
) -> None:
    server, serial = primaries[software]
    result = await transferred(server, (FIRST, serial), probe)
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ()), result
    assert {(one.address, one.answer, one.since, one.serial) for one in result.ixfr} == {
        (address, SHAPES[software], FIRST, serial) for address in server.setup.addresses
    }
    whole = {one.address: one for one in result.transfers}
    for one in result.ixfr:
        if one.answer is IxfrAnswer.INCREMENTAL:
            assert one.size is not None
            assert one.size.records == 5  # the new SOA, the old one, the new one, what is new, and the new one again
            assert one.size.octets < whole[one.address].octets / 10
            assert one.size.seconds > 0
        else:
            assert one.size is None


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_version_that_no_journal_reaches_back_to_accuses_nobody(
    primaries: dict[str, tuple[Server, int]], probe: Prober, software: str
) -> None:
    server, serial = primaries[software]
    result = await transferred(server, (FIRST - 5, serial), probe)
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ()), result
    assert {(one.answer, one.since) for one in result.ixfr} == {(IxfrAnswer.FULL_ZONE, FIRST - 5)}
    unknown = await transferred(server, (serial,), probe)
    assert (unknown.health, unknown.findings, unknown.unsure) == (Health.GOOD, (), ()), unknown
    assert {(one.answer, one.since) for one in unknown.ixfr} == {(IxfrAnswer.UP_TO_DATE, serial)}


async def test_what_an_address_was_seen_with_since_it_went_back_is_not_asked_from(
    primaries: dict[str, tuple[Server, int]], probe: Prober
) -> None:
    server, serial = primaries["bind"]
    result = await transferred(server, (FIRST, serial + 7, serial), probe)
    assert {(one.answer, one.since) for one in result.ixfr} == {(IxfrAnswer.INCREMENTAL, FIRST)}
    assert result.findings == ()


def configuration(room: Path, servers: Sequence[Server]) -> Path:
    settings = config_text(
        {server.name: [server.ipv4] for server in servers},
        key=XFR,
        service={"database": "soawatch.db", "log_format": "json"},
        probe={"timeout": "1s"},
    )
    names = ", ".join(f'"{server.name}"' for server in servers)
    row = '{ server = "*", key = "xfr", expect = "allowed", whole = true, ixfr = true }'
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    path.write_text(
        f'ignore_servers = ["*"]\n{settings}\n[[zones]]\nname = "{WATCHED}"\nservers = [{names}]\n'
        f'primary = "bind"\ntransfer = [{row}]\n'
    )
    return path


async def answers(service: Running) -> dict[str, tuple[str, int, int]]:
    """What each server answered to IXFR, as the API has it."""
    zone = await service.get(f"api/v1/zones/{WATCHED}")
    of = ((address["server"], one) for address in zone["addresses"] for one in address["ixfr"])
    return {server: (one["answer"], one["since"], one["serial"]) for server, one in of}


async def test_the_service_asks_from_what_it_saw_and_shows_it_at_once_after_a_restart(
    primaries: dict[str, tuple[Server, int]], tmp_path: Path
) -> None:
    servers = [primaries[software][0] for software in ("bind", "nsd")]
    path = configuration(tmp_path, servers)
    after = {"bind": ("incremental", FIRST, FIRST + 1), "nsd": ("full-zone", FIRST, FIRST + 1)}

    async def known(expected: dict[str, tuple[str, int, int]]) -> bool:
        return await answers(service) == expected

    async with running(path) as service:
        await service.up()
        await until(lambda: known(dict.fromkeys(after, ("up-to-date", FIRST, FIRST))), seconds=40)
        for server in servers:
            assert await asyncio.to_thread(changed, server, WATCHED) == FIRST + 1
        await until(lambda: known(after), seconds=40)
        assert (await service.get(f"api/v1/zones/{WATCHED}"))["findings"] == []
        where = f'{{zone="{WATCHED}",server="bind",address="{servers[0].ipv4}"}}'
        assert await service.metric(f"soawatch_zone_ixfr_incremental{where}") == 1
        said = await say("check", WATCHED, "-c", path)
        assert said.status == 0, said
        lines = [line for line in said.out.splitlines() if line.startswith("IXFR")]
        assert any("from serial 10 to 11: the differences: " in line and "bind" in line for line in lines), said
        assert any("from serial 10 to 11: the whole zone" in line and "nsd" in line for line in lines), said
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0
    for server in servers:
        server.pause()
    try:
        start = now()
        async with running(path) as service:
            await service.up()
            assert await answers(service) == after
            zone = await service.get(f"api/v1/zones/{WATCHED}")
            whole = [one for address in zone["addresses"] for one in address["transfers"]]
            assert len(whole) == len(servers)
            assert all(datetime.fromisoformat(one["at"]) < start for one in whole)
    finally:
        for server in servers:
            server.resume()
