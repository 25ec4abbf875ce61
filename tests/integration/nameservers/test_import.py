"""``soawatch import`` asks real servers, and what it writes is a configuration that says what they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.model import Address
from monitor.config.load import load
from monitor.config.model import Config
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab
from tests.support.resolver import resolving
from tests.support.speaking import Said, say

ZONE = "example.test."
NOBODY = Address("127.0.0.1", 1)
"""Nothing listens there."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A primary that is in the NS set by name, ns1; a secondary; one that gives the zone away and has an old copy."""
    with Lab() as lab:
        bind = lab.primary("bind", Content(ZONE, 7), Content("other.test.", 3, mname="hidden.other.test."))
        lab.secondary("knot", of=bind)
        nsd = lab.primary("nsd", Content(ZONE, 5))
        nsd.allow(ZONE, everyone=True)
        lab.start()
        for zone, serial in ((ZONE, 7), ("other.test.", 3)):
            lab.servers[1].wait(zone, serial)
        yield lab


async def imported(place: Path, *words: object, status: int = 0) -> tuple[str, Config, Said]:
    """The configuration with its text, on one line for each comment, as it was written to a file."""
    path = place / "made.toml"
    async with resolving({}) as resolver:
        said = await say("import", *words, "--resolver", resolver.address, "-o", path)
    assert (said.status, said.out) == (status, "")
    checked = await say("check-config", path)
    assert checked.status == 0, checked.err
    text = path.read_text()
    return text.replace("\n# ", " # "), load(path, {}), said


def given(lab: Lab, *names: str) -> list[str]:
    return [f"--server={name}={server.ipv4}" for name, server in zip(names, lab.servers, strict=False)]


async def test_what_three_servers_say(tmp_path: Path, lab: Lab) -> None:
    bind, knot, nsd = lab.servers
    text, config, said = await imported(tmp_path, ZONE, *given(lab, "ns1", "ns2", "ns3"), f"--server=ns1={bind.ipv6}")
    assert said.err == ""
    assert {name: one.addresses for name, one in config.servers.items()} == {
        "ns1": (bind.ipv4, bind.ipv6), "ns2": (knot.ipv4,), "ns3": (nsd.ipv4,),
    }  # fmt: skip
    entry = config.zones[ZONE]
    assert (entry.servers, entry.primary) == (("ns1", "ns2", "ns3"), "ns1")
    withheld = "serial 7, over UDP and TCP; gives no transfer to this machine without a key (not allowed"
    assert f"# ns1 ({bind.ipv4}): {withheld}" in text
    assert f"# ns1 ({bind.ipv6}): {withheld}" in text
    assert f"# ns2 ({knot.ipv4}): {withheld}" in text
    assert f"# ns3 ({nsd.ipv4}): serial 5, over UDP and TCP; GIVES the zone to this machine without a key" in text
    assert "2 serials at one time" in text
    assert "ns1 is the primary that the SOA names, and nobody serves a newer version." in text
    assert '# transfer = [{ server = "ns3", expect = "allowed" }]' in text
    assert not config.servers["ns3"].hidden  # the resolver knows no address of ns1 and ns2
    assert entry.transfers == ()


async def test_what_is_offered_for_a_transfer_that_is_meant_is_taken(tmp_path: Path, lab: Lab) -> None:
    await imported(tmp_path, ZONE, *given(lab, "ns1", "ns2", "ns3"))
    path = tmp_path / "made.toml"
    path.write_text(path.read_text().replace("# transfer =", "transfer ="))
    assert [rule.server for rule in load(path, {}).zones[ZONE].transfers] == ["ns3"]


async def test_a_primary_that_is_none_of_them_and_a_server_that_is_silent(tmp_path: Path, lab: Lab) -> None:
    _, knot, nsd = lab.servers
    words = ["other.test", f"--server=a={knot.ipv4}", f"--server=b={nsd.ipv4}", f"--server=c={NOBODY}"]
    text, config, _ = await imported(tmp_path, *words)
    assert config.zones["other.test."].primary is None
    assert "No primary: the SOA names hidden.other.test" in text
    assert "found by nobody, name it with --server" in text.replace(" # ", " ")
    assert f"# b ({nsd.ipv4}): not with authority: refuses" in text
    assert f"# c ({NOBODY}): the connection is refused" in text or f"# c ({NOBODY}): no answer" in text
    assert "The NS set also names ns1.other.test and ns2.other.test" in text


async def test_hidden_is_said_where_the_ns_set_is_known(tmp_path: Path, lab: Lab) -> None:
    bind, knot, _ = lab.servers
    path = tmp_path / "made.toml"
    known = {
        ("ns1.other.test.", "A"): [knot.ipv4.host], ("ns2.other.test.", "A"): ["192.0.2.7"],
        ("hidden.other.test.", "A"): [bind.ipv4.host],
    }  # fmt: skip
    words = ["other.test", f"--server=hidden={bind.ipv6}", f"--server=ns1={knot.ipv4}"]
    async with resolving(known) as resolver:
        said = await say("import", *words, "--resolver", resolver.address, "-o", path)
    assert said.status == 0
    config = load(path, {})
    assert [config.servers[name].hidden for name in ("hidden", "ns1")] == [True, False]
    assert config.zones["other.test."].primary == "hidden"


async def test_a_zone_that_nobody_has_is_written_and_told(tmp_path: Path, lab: Lab) -> None:
    text, config, said = await imported(tmp_path, "gone.test", *given(lab, "a", "b"), status=1)
    assert said.err == "nobody answered with authority for gone.test.\n"
    assert config.zones["gone.test."].servers == ("a", "b")
    assert "No primary: nobody answered with authority" in text


async def test_without_servers_the_ns_set_is_looked_up(tmp_path: Path, lab: Lab) -> None:
    """Its addresses have no port, so nobody is there: nothing is known of the zone but who ought to have it."""
    path = tmp_path / "made.toml"
    known = {("a.test.", "NS"): ["ns1.a.test.", "ns2.a.test."], ("ns1.a.test.", "A"): ["127.0.0.77"]}
    async with resolving(known) as resolver:
        said = await say("import", "a.test", "--resolver", resolver.address, "-o", path)
    assert said.status == 1
    text, config = path.read_text(), load(path, {})
    assert "# ns1.a.test (127.0.0.77): " in text
    assert "# ns2.a.test: no address is known, so it was not asked" in text
    assert "# Not found: ns2.a.test does not resolve" in text
    assert (config.zones["a.test."].servers, config.servers) == ((), {})
    said = await say("import", "a.test", "--resolver", NOBODY, "-o", tmp_path / "b.toml")
    assert said.status == 1
    assert "No server of it was found" in (tmp_path / "b.toml").read_text()


@pytest.mark.parametrize("software", [one for one in SOFTWARE if one != "powerdns"])
async def test_a_list_is_the_servers_own_configuration(tmp_path: Path, software: str) -> None:
    zones = [f"z{n}.test." for n in range(25)]
    with Lab() as lab:
        server = lab.primary(software, *(Content(zone, 3) for zone in zones), name="one")
        await lab.started()
        name = {"bind": "named.conf", "knot": "knot.conf", "nsd": "nsd.conf"}[software]
        text, config, _ = await imported(tmp_path, "--list", server.room / name, f"--server=ns1={server.ipv4}")
    assert set(config.zones) == set(zones)
    assert config.lists[0].format == name
    assert "25 zones, of which 10 were asked about:" in text
    assert "z0.test. ns1 with authority" in text
    assert {(entry.servers, entry.primary) for entry in config.zones.templates} == {(("ns1",), "ns1")}


HOSTILE = '\\"\\034\\010[[zones]]\\010name\\061x\\027.evil.test.'


async def test_names_that_are_made_to_break_out_stay_in_their_comment(tmp_path: Path) -> None:
    """An SOA and an NS set of quotes, line ends and escapes."""
    records = (f"@ NS {HOSTILE}", "@ NS ns2")
    with Lab() as lab:
        server = lab.primary("nsd", Content("evil.test.", mname=HOSTILE, records=records))
        await lab.started()
        text, config, _ = await imported(tmp_path, "evil.test", f"--server=a={server.ipv4}")
    assert list(config.zones) == ["evil.test."]
    assert config.zones["evil.test."].primary is None
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\n[[zones]]" in text
    assert text.count("\n[[zones]]") == 1


async def test_a_file_is_never_written_over(tmp_path: Path, lab: Lab) -> None:
    path = tmp_path / "there.toml"
    path.write_text("mine")
    said = await say("import", ZONE, *given(lab, "a"), "-o", path)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"soawatch: {path}: there already; it is not written over\n"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.toml")
    said = await say("import", ZONE, *given(lab, "a"), "-o", path)
    assert said.status == 1
    assert not (tmp_path / "elsewhere.toml").exists()


async def test_without_a_file_it_is_printed(lab: Lab) -> None:
    said = await say("import", ZONE, f"--server={lab.servers[0].ipv4}", "--resolver", NOBODY)
    assert said.status == 0
    assert f'servers = ["{lab.servers[0].ipv4}"]' in said.out


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "name a zone, or a file of zones by --list"),
        (["a..test"], 2, "not a domain name"),
        (["a.test", "--server=ns1=x"], 2, "is not an IP address"),
        (["a.test", "--server==192.0.2.1"], 2, "a server is written NAME=ADDRESS[:PORT], ADDRESS or HOST"),
        (["a.test", "--server=not a host"], 2, "not a domain name"),
        (["a.test", "--resolver=x"], 2, "--resolver: "),
        (["--list=/nowhere/named.conf"], 78, 'soawatch: --list: "/nowhere/named.conf" cannot be read: no such file'),
        (["--list=/dev"], 78, 'soawatch: --list: "dev" is a directory\n'),
        (["--list=/dev/null", "--format=bind9"], 78, "\n--format: must be "),
        ([f"z{n}.test" for n in range(101)], 2, "101 zones are named, at most 100 may be"),
    ],
)
async def test_what_cannot_be_meant(words: list[str], status: int, told: str) -> None:
    said = await say("import", *words)
    assert (said.status, said.out) == (status, "")
    assert told in said.err
