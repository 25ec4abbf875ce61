"""Whole zones and their steps, pulled by real clients: dnspython, dig, kdig."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import dns.exception
import dns.name
import dns.tsig
import dns.xfr
import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers, zone_text
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.client import ask, transfer
from tests.support.require import program

ZONE = "pair.example."
BIG = 1500


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with Pair([ZONE], now=now, timers=Timers(refresh=7200)) as pair:
        await pair.in_sync()
        yield pair


async def run(*command: str) -> str:
    """What the command prints; it must end well."""
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return (out + err).decode()


def at(pair: Pair, server: str) -> tuple[str, ...]:
    address = pair.server(server).address
    return (f"@{address.host}", "-p", str(address.port))


async def test_a_big_zone_comes_in_several_messages_each_of_them_signed() -> None:
    records = "".join(f"host{n} 300 TXT {'x' * 60}{n}\n" for n in range(BIG))
    async with Pair({ZONE: zone_text() + records}, now=now) as pair:
        await pair.in_sync()
        dig = program("dig", package="bind9-dnsutils")
        out = await run(dig, *at(pair, "ns2"), "-y", hmac(pair), ZONE, "AXFR")
        messages = out.count("ANY\tTSIG")
        assert messages > 5
        assert f"XFR size: {BIG + 15} records (messages {messages}," in out
        zone = await transfer(pair.secondary, ZONE, tsig.usable(pair.key))
        assert len(list(zone.iterate_rdatas())) == BIG + 14


async def test_a_record_longer_than_a_message_gets_one_of_its_own() -> None:
    long = " ".join(["x" * 250] * 100)
    async with Pair({ZONE: zone_text() + f"long 300 TXT {long}\n"}, now=now) as pair:
        await pair.in_sync()
        zone = await transfer(pair.secondary, ZONE, tsig.usable(pair.key))
        assert len(zone.find_rdataset(dns.name.from_text("long", zone.origin), "TXT")[0].strings) == 100


async def test_a_record_that_fits_no_message_ends_that_conversation_and_no_other() -> None:
    long = " ".join([*["x" * 255] * 255, "x" * 200])
    async with Pair({ZONE: zone_text() + f"long 300 TXT {long}\n"}, now=now) as pair:
        with pytest.raises(EOFError):
            await transfer(pair.primary, ZONE, tsig.usable(pair.key))
        assert pair.primary.counts["failed"] > 0
        assert (await ask(pair.primary, ZONE, "SOA", tcp=True)).answer


async def test_steps_lead_from_one_version_to_the_next(pair: Pair) -> None:
    key = tsig.usable(pair.key)
    zone = await transfer(pair.primary, ZONE, key)
    pair.change(ZONE, "www A 192.0.2.81", "new 60 TXT x")
    pair.change(ZONE, drop=["mail A", "new TXT"])
    zone = await transfer(pair.primary, ZONE, key, zone=zone)
    whole = await transfer(pair.primary, ZONE, key)
    assert set(zone.iterate_rdatas()) == set(whole.iterate_rdatas())
    assert not zone.get_rdataset(dns.name.from_text("mail", zone.origin), "A")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("transfer-refused", dns.xfr.TransferError),
        ("wrong-key", dns.tsig.PeerBadKey),
        ("wrong-secret", dns.tsig.PeerBadSignature),
        ("skewed-clock", dns.tsig.PeerBadTime),
        ("truncated-transfer", EOFError),
        ("unsigned-transfer", dns.exception.FormError),
        ("malformed-transfer", dns.exception.FormError),
        ("lame", dns.xfr.TransferError),
        ("servfail", dns.xfr.TransferError),
        ("tcp-dead", ConnectionRefusedError),
    ],
)
async def test_faults_of_transfers_and_their_mending(pair: Pair, fault: str, error: type[Exception]) -> None:
    pair.break_(fault, "ns1")
    with pytest.raises(error):
        await transfer(pair.primary, ZONE, tsig.usable(pair.key))
    pair.mend(fault)
    assert len(list((await transfer(pair.primary, ZONE, tsig.usable(pair.key))).iterate_rdatas())) == 14


def hmac(pair: Pair) -> str:
    return f"{pair.key.algorithm}:{pair.key.wire_name}:{pair.key.secret.reveal()}"


async def test_dig_understands_everything(pair: Pair, tmp_path: Path) -> None:
    dig = program("dig", package="bind9-dnsutils")
    pair.write(tmp_path)
    key = ("-k", str(tmp_path / pair.key_file))
    out = await run(dig, *at(pair, "ns2"), "+nsid", "+expire", *key, ZONE, "SOA")
    for said in (
        "status: NOERROR",
        "flags: qr aa rd;",
        '("ns2")',
        "EXPIRE: ",
        "ns1.pair.example. hostmaster",
        "NOERROR 0",
    ):
        assert said in out
    assert "WARNING: " not in out.replace("WARNING: recursion requested but not available", "")
    assert "XFR size: 15 records (messages 1" in await run(dig, *at(pair, "ns1"), *key, ZONE, "AXFR")
    assert "; Transfer failed." in await run(dig, *at(pair, "ns1"), ZONE, "AXFR")
    pair.change(ZONE, "www A 192.0.2.81")
    await pair.in_sync()
    out = await run(dig, *at(pair, "ns2"), *key, ZONE, "IXFR=1000")
    assert "XFR size: 6 records (messages 1" in out
    pair.break_("expired")
    out = await run(dig, *at(pair, "ns2"), ZONE, "SOA")
    assert "status: SERVFAIL" in out
    assert "EDE: 24 (Invalid Data): (zone has expired)" in out
    pair.break_("skewed-clock", "ns2")
    out = await run(dig, *at(pair, "ns2"), *key, ZONE, "SOA")
    assert "BADTIME" in out
    assert "clocks are unsynchronized" in out  # dig says so only once it believes the signature


async def test_kdig_understands_everything(pair: Pair) -> None:
    kdig = program("kdig", package="knot-dnsutils")
    out = await run(kdig, *at(pair, "ns2"), "+nsid", "-y", hmac(pair), ZONE, "SOA")
    assert "status: NOERROR" in out
    assert "TSIG" in out
    assert "WARNING" not in out
    out = await run(kdig, *at(pair, "ns1"), "+tcp", "-y", hmac(pair), ZONE, "AXFR")
    assert "15 records" in out
    assert "WARNING" not in out
