"""soawatch diff: what is refused, what strangers send, and who gives no zone."""

from pathlib import Path

import pytest

from tests.support.misbehaviour import CONTROL, drip, transfer
from tests.support.misbehaviour import zone as messages
from tests.support.nameserver import TXT, Nameserver, name, rr, soa
from tests.support.speaking import say

ZONE = "example.net"
CONFIG = '[servers.ns1]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "example.net"\nservers = ["ns1"]\n'


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((ZONE, "192.0.2.1"), "Missing argument 'SERVER'"),
        ((ZONE, "192.0.2.1", "192.0.2.1:53"), "192.0.2.1 and 192.0.2.1:53 are the same server: name two"),
        ((ZONE, "192.0.2.1", "192.0.2.300"), '"192.0.2.300" is not an IP address (write for example "192.0.2.1"'),
        ((ZONE, "192.0.2.1", "ns2"), '"ns2" is not an address, and without -c servers have no names'),
        ((ZONE, "ns2=192.0.2.1", "ns3=x"), '"x" is not an IP address'),
        ((ZONE, "ns=192.0.2.1", "ns=192.0.2.2"), '"ns" is the name of both servers: name them differently'),
        ((ZONE, "a=192.0.2.1", "b=192.0.2.1:53"), "a and b are the same server: name two"),
        (("a..b", "192.0.2.1", "192.0.2.2"), "'a..b': "),
        ((ZONE, "192.0.2.1", "192.0.2.2", "--lines", "0"), "Invalid value for '--lines'"),
    ],
)
async def test_wrong_usage(arguments: tuple[str, ...], why: str) -> None:
    said = await say("diff", *arguments)
    assert (said.status, said.out) == (2, "")
    assert why in said.err


async def test_a_server_that_the_configuration_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(CONFIG)
    said = await say("diff", ZONE, "ns1", "ns1\x1b", "-c", path)
    assert said.status == 2
    assert 'there is no server "ns1\\u001b" in the configuration (did you mean "ns1"?)' in said.err
    assert said.plain
    path.write_text("[")
    assert (await say("diff", ZONE, "ns1", "ns2", "-c", path)).status == 78


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("ns1=192.0.2.9", '"ns1" is the name of both servers: name them differently'),
        ("192.0.2.1", "ns1 and 192.0.2.1 are the same server: name two"),
    ],
)
async def test_a_server_is_never_compared_with_itself(tmp_path: Path, other: str, why: str) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(CONFIG)
    said = await say("diff", ZONE, "ns1", other, "-c", path)
    assert (said.status, said.out) == (2, "")
    assert why in said.err


async def test_an_address_of_a_server_is_not_compared_with_the_server(tmp_path: Path) -> None:
    """Of several addresses any may be the one that answers first."""
    path = tmp_path / "soawatch.toml"
    path.write_text(CONFIG.replace('["192.0.2.1"]', '["192.0.2.1", "2001:db8::1"]'))
    for pair in (("ns1", "192.0.2.1"), ("x=[2001:db8::1]:53", "ns1")):
        said = await say("diff", ZONE, *pair, "-c", path)
        assert (said.status, said.out) == (2, "")
        assert "are at the same address: name two" in said.err


@pytest.mark.parametrize("called", ["ns1", ""])
async def test_a_zone_that_is_given_over_tls_is_not_asked_for_in_the_clear(tmp_path: Path, called: str) -> None:
    path = tmp_path / "soawatch.toml"
    async with Nameserver(None, transfer(lambda _: messages())) as one, Nameserver(None, None) as dead:
        tls = f"tls = {{ verify = false, port = {dead.address.port} }}\n[[zones]]"
        rule = 'transfer = [{ expect = "allowed", transport = "tls" }]\n'
        path.write_text(f"{CONFIG.replace('192.0.2.1', str(one.address)).replace('[[zones]]', tls)}{rule}")
        said = await say("diff", ZONE, called or one.address, "192.0.2.2", "-c", path)
        assert (said.status, one.asked_tcp) == (2, [])
    assert f"({one.address}) gives no zone: " in said.err if called else f"{one.address} gives no zone: " in said.err


async def test_what_strangers_write_is_shown_and_not_obeyed() -> None:
    evil = rr(bytes([len(CONTROL)]) + CONTROL + name("example.net."), TXT, bytes([len(CONTROL)]) + CONTROL)
    ours, theirs = messages(), [*messages()[:-1], [evil, *messages()[-1]]]
    async with (
        Nameserver(None, transfer(lambda _: ours)) as one,
        Nameserver(None, transfer(lambda _: theirs)) as other,
    ):
        said = await say("diff", ZONE, one.address, f"evil={other.address}")
    assert said.status == 1, said.err
    assert said.plain
    assert said.out.splitlines()[2].startswith("+ \\027[31m")
    assert f"0 records only at {one.address}, 1 only at evil" in said.out


async def test_a_record_of_any_length_is_one_line_of_bounded_length() -> None:
    long = rr(name("long.example.net."), TXT, (b"\xff" + b"x" * 255) * 100)
    async with (
        Nameserver(None, transfer(lambda _: messages())) as one,
        Nameserver(None, transfer(lambda _: [*messages()[:-1], [long], messages()[-1]])) as other,
    ):
        said = await say("diff", ZONE, other.address, one.address)
        data = (await say("diff", ZONE, other.address, one.address, "--json")).data
    assert max(map(len, said.out.splitlines())) < 1100
    assert "more)" in said.out
    assert len(data["removed"][0]) > 25_500


async def test_nobody_to_compare_with() -> None:
    async with Nameserver(None, transfer(lambda _: messages())) as one, Nameserver(None, None) as dead:
        said = await say("diff", ZONE, one.address, dead.address)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"soawatch: {dead.address} gives no zone: refused-connection")


async def test_a_zone_that_drips_is_given_up_by_the_limits_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(f'[probe.transfer]\ndeadline = "300ms"\n{CONFIG}')
    async with Nameserver(None, transfer(lambda _: messages())) as one, Nameserver(None, drip) as slow:
        said = await say("diff", ZONE, one.address, slow.address, "-c", path)
    assert (said.status, said.out) == (2, "")
    assert f"{slow.address} gives no zone: " in said.err


async def test_a_zone_that_changes_all_the_time_is_not_compared() -> None:
    serials = iter(range(10, 1000))

    def next_version(_: object) -> list[list[bytes]]:
        serial = next(serials)
        return [[soa(serial), rr(name("a.example.net."), TXT, b"\x01x"), soa(serial)]]

    async with (
        Nameserver(None, transfer(lambda _: messages())) as one,
        Nameserver(None, transfer(next_version)) as moving,
    ):
        said = await say("diff", ZONE, one.address, moving.address)
    assert (said.status, said.out) == (2, "")
    assert "went from serial" in said.err
