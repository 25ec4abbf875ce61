"""Transfers are given, refused and explained as each software does it, whoever is its primary."""

from datetime import datetime, timedelta

import pytest

from checks.model import Expectation, Health, IxfrAnswer, Outcome, Query, TransferResult, TransferRule, Transport
from monitor.clock import monotonic, now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe, TransferLimits
from monitor.probe.types import Prober, TsigKey
from tests.integration.nameservers.keys import KEYS, STRANGER, WRONG_ALGORITHM, WRONG_SECRET
from tests.integration.nameservers.world import BIG, BIG_COUNT, HOSTS, NEVER, SYNC, Watch, World, ask, codes
from tests.support.lab.model import GUEST, XFR, Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

REFUSED, NOTAUTH = TransferResult.REFUSED, TransferResult.NOTAUTH
BADKEY, BADSIG, BADTIME = TransferResult.BADKEY, TransferResult.BADSIG, TransferResult.BADTIME
ALLOWED = TransferResult.ALLOWED

#                                                BIND      Knot      NSD       PowerDNS
REASONS = {
    ("the key that is allowed", XFR.name):      (ALLOWED,  ALLOWED,  ALLOWED,  ALLOWED),
    ("no key", None):                           (REFUSED,  NOTAUTH,  REFUSED,  NOTAUTH),
    ("a key that is not allowed", GUEST.name):  (REFUSED,  BADKEY,   REFUSED,  NOTAUTH),
    ("a key of no known name", STRANGER.name):  (BADKEY,   BADKEY,   BADKEY,   NOTAUTH),
    ("another secret", WRONG_SECRET.name):      (BADSIG,   BADSIG,   BADSIG,   NOTAUTH),
    ("another algorithm", WRONG_ALGORITHM.name):(BADKEY,   BADKEY,   REFUSED,  NOTAUTH),
}  # fmt: skip

COLUMN = {"bind": 0, "knot": 1, "nsd": 2, "powerdns": 3}


def axfr(server: Server, zone: str, key: str | None, *, whole: bool = False) -> list[Query]:
    """To both addresses of the server."""
    return [
        Query(zone, server.name, address, zone, "AXFR", Transport.TCP, key, whole) for address in server.setup.addresses
    ]


@pytest.mark.parametrize(("words", "key"), REASONS)
async def test_the_reason_is_typed(world: World, probe: Prober, words: str, key: str | None) -> None:
    for server in world.servers:
        expected = REASONS[words, key][COLUMN[server.software]]
        for seen in await ask(probe, *axfr(server, SYNC, key)):
            assert (seen.outcome, seen.transfer) == (Outcome.ANSWERED, expected), f"{server!r}: {seen}"


@pytest.mark.parametrize("minutes", [-20, 20])
async def test_a_skewed_clock_is_named_and_measured(world: World, minutes: int) -> None:
    """Ours is wrong by so much; PowerDNS alone does not say so."""

    def wrong() -> datetime:
        return now() + timedelta(minutes=minutes)

    skewed = DnsClient(Probe(), KEYS, wrong)
    try:
        for server in world.servers:
            for seen in await ask(skewed, *axfr(server, SYNC, XFR.name)):
                if server.software == "powerdns":
                    assert seen.transfer is NOTAUTH
                    assert seen.skew is None
                else:
                    assert seen.transfer is BADTIME, f"{server!r}: {seen}"
                    assert seen.skew == pytest.approx(-60 * minutes, abs=5)
    finally:
        await skewed.close()


async def test_a_whole_zone_is_counted_right(world: World, probe: Prober) -> None:
    """With TSIG on every message, in the shape of each software's stream; the SOA comes twice."""
    for server in world.servers:
        for seen in await ask(probe, *axfr(server, BIG, XFR.name, whole=True)):
            assert seen.transfer is ALLOWED, f"{server!r}: {seen}"
            assert seen.soa is not None
            assert seen.soa.serial == 10
            assert seen.records == BIG_COUNT + 1
            assert seen.octets > 20 * BIG_COUNT


async def test_the_matrix_is_judged(world: World, probe: Prober) -> None:
    """What is allowed and given, refused and not given, is good; and each the other way round is not."""
    right = (TransferRule("*", Expectation.ALLOWED, XFR.name), TransferRule("*", Expectation.REFUSED))
    result = await Watch(probe, world.zone(SYNC, transfers=right)).look("transfer")
    assert result.health is Health.GOOD, result

    wrong = (
        TransferRule("*", Expectation.REFUSED, XFR.name),
        TransferRule("*", Expectation.ALLOWED),
        TransferRule("*", Expectation.ALLOWED, WRONG_SECRET.name),
    )
    result = await Watch(probe, world.zone(SYNC, transfers=wrong)).look("transfer")
    assert codes(result) == {server.name: {"transfer-open", "transfer-refused"} for server in world.servers}
    assert {finding.address for finding in result.findings if finding.code == "transfer-refused"} >= {
        address for server in world.servers for address in server.setup.addresses
    }


async def test_all_answer_ixfr_from_the_serial_they_have_with_their_soa(world: World, probe: Prober) -> None:
    """And the monitor does not take that for more than it is."""
    rule = TransferRule("*", Expectation.ALLOWED, XFR.name, ixfr=True)
    watch = Watch(probe, world.zone(BIG, transfers=(rule,)))
    result = await watch.look("transfer")
    assert (result.health, result.unsure) == (Health.GOOD, ()), result
    answers = [one.ixfr for one in watch.seen if one.query.qtype == "IXFR"]
    assert len(answers) == sum(len(server.setup.addresses) for server in world.servers)
    assert set(answers) == {IxfrAnswer.UP_TO_DATE}


async def test_a_transfer_pulled_whole_is_good(world: World, probe: Prober) -> None:
    rule = TransferRule("*", Expectation.ALLOWED, XFR.name, whole=True)
    result = await Watch(probe, world.zone(BIG, transfers=(rule,))).look("transfer")
    assert result.health is Health.GOOD, result
    addresses = [(server.name, address) for server in world.servers for address in server.setup.addresses]
    assert {(one.server, one.address) for one in result.transfers} == set(addresses)
    for one in result.transfers:
        assert one.records == result.transfers[0].records > BIG_COUNT
        assert one.octets > 12 * one.records
        assert one.messages > 1
        assert one.seconds > 0


async def test_a_transfer_that_passes_our_limits_is_ended_by_us(world: World) -> None:
    few = DnsClient(Probe(transfer=TransferLimits(max_records=BIG_COUNT // 4)), KEYS, now)
    try:
        for server in world.servers:
            for seen in await ask(few, *axfr(server, BIG, XFR.name, whole=True)):
                assert seen.transfer is TransferResult.LIMIT, f"{server!r}: {seen}"
    finally:
        await few.close()


async def test_a_refusal_proves_nothing_where_the_zone_is_not_served(world: World, probe: Prober) -> None:
    """Every server refuses transfers of what it does not have, in the words in which it refuses public viewers."""
    rule = TransferRule("*", Expectation.REFUSED)
    result = await Watch(probe, world.zone(NEVER, *world.secondaries, transfers=(rule,))).look("transfer")
    assert (result.health, result.findings) == (Health.UNKNOWN, ())
    assert "not served" in result.reason


async def test_what_is_refused_and_then_given_away_is_seen_at_the_next_look(world: World, probe: Prober) -> None:
    """The access list of the primary is opened and closed while we watch."""
    rule = TransferRule("primary", Expectation.REFUSED)
    watch = Watch(probe, world.zone(SYNC, transfers=(rule,)))
    assert (await watch.look("transfer")).health is Health.GOOD
    world.primary.allow(SYNC, XFR, everyone=True)
    try:
        await settled(watch, {"primary": {"transfer-open"}})
    finally:
        world.primary.allow(SYNC, XFR)
    await settled(watch, {})


async def settled(watch: Watch, expected: dict[str, set[str]]) -> None:
    """Servers take up a changed access list in their own time."""
    deadline = monotonic() + 10
    while (found := codes(await watch.look("transfer"))) != expected:
        assert monotonic() < deadline, f"still {found}"


ALGORITHMS = ("hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")


def keys_of_all_kinds(wrong: bool = False) -> dict[str, TsigKey]:
    secret = XFR.secret if not wrong else GUEST.secret
    return {kind: TsigKey(kind, f"{kind}-key.", kind, secret) for kind in ALGORITHMS}


@pytest.mark.parametrize("software", SOFTWARE)
async def test_every_algorithm_signs_what_every_server_verifies(software: str) -> None:
    """A zone in many messages, so that signatures are chained; then the same with other secrets."""
    right, wrong = keys_of_all_kinds(), keys_of_all_kinds(wrong=True)
    content = Content(BIG, records=("@ NS ns1", "ns1 A 192.0.2.53", *HOSTS))
    async with Lab() as lab:
        server = lab.server(software)
        server.serve(content, allow=tuple(right.values()))
        await lab.started()
        for keys, expected in ((right, ALLOWED), (wrong, NOTAUTH if software == "powerdns" else BADSIG)):
            probe = DnsClient(Probe(), keys, now)
            queries = [Query(BIG, server.name, server.ipv4, BIG, "AXFR", Transport.TCP, key, True) for key in keys]
            for seen in await ask(probe, *queries):
                assert seen.transfer is expected, seen
                assert seen.records == (BIG_COUNT + 1 if keys is right else 0)
            await probe.close()
