"""soawatch check against the bundled pair, and against servers that behave worse than any pair."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import dns.edns
import dns.message
import dns.rcode
import pytest

from checks.common.multi_signer import OTHERS_KEYS
from checks.common.rrset_compare import PROPAGATING
from checks.model import CheckResult, Health, Inconclusive
from checks.model.signing import with_signer
from checks.zone_state.model import ZoneState
from monitor.cli import nagios
from monitor.cli.output import as_data, heading
from monitor.cli.zone_alerting import ZoneAlerting
from monitor.cli.zone_check.check_zone import ZoneReport, check_zone
from monitor.cli.zone_check.in_motion import in_motion
from monitor.cli.zone_check.target import parse_target
from monitor.cli.zone_report import zone_text
from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.probe.message.names import unicode
from tests.support import nameserver
from tests.support.configuration import off
from tests.support.load_balancer import LoadBalancer
from tests.support.observations import server as watched_server
from tests.support.observations import story
from tests.support.observations import zone as watched
from tests.support.resolver import resolving
from tests.support.speaking import Said, run, say
from tests.support.terminal import terminal

ZONE = "pair.example."
MOMENT = "0.1"

UNWATCHED = '[servers.other]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "other.example"\nservers = ["other"]\n'
"""A configuration must have a zone, but it need not be the one that is asked for."""


def specs(pair: Pair) -> list[str]:
    return [f"{server.name}={server.address}" for server in pair.servers]


def both(pair: Pair) -> list[str]:
    return [f"--server={spec}" for spec in specs(pair)]


async def check(pair: Pair, *more: object, zone: str = ZONE) -> Said:
    return await say("check", zone, *both(pair), "--moment", MOMENT, *more)


async def test_all_is_well(pair: Pair) -> None:
    said = await check(pair)
    assert said.status == 0
    assert said.err == ""
    title, head, *rows = said.out.splitlines()
    assert title == "pair.example.: all is well"
    assert head.split() == ["server", "address", "serial", "state", "lag", "answer", "time", "expires"]
    for server, row in zip(pair.servers, rows, strict=True):
        assert row.split()[:6] == [server.name, str(server.address), "1000", "in-sync", "0", "answered"]
    assert all(line == line.rstrip() for line in said.out.splitlines())


async def test_the_same_for_programs(pair: Pair) -> None:
    said = await check(pair, "--json")
    assert said.status == 0
    assert said.data["name"] == ZONE
    assert said.data["health"] == "good"
    assert said.data["reference_serial"] == 1000
    assert said.data["findings"] == said.data["in_motion"] == said.data["problems"] == []
    assert said.data["looks"] == 1
    assert said.data["memory"] is None
    for server, address in zip(pair.servers, said.data["addresses"], strict=True):
        assert address["server"] == server.name
        assert address["address"] == str(server.address)
        assert (address["serial"], address["lag_seconds"], address["state"]) == (1000, 0, "in-sync")
        assert address["outcome"] == "answered"
        assert address["rtt_ms"] > 0


async def test_the_same_for_nagios(pair: Pair) -> None:
    said = await check(pair, "--nagios")
    assert said.status == 0
    assert said.out.startswith("SOAWATCH OK - pair.example. 2 addresses serve 1000 | ")
    measured = perfdata(said)
    for server in pair.servers:
        assert measured[f"{server.name}/{server.address} lag"] == ("0.000", "s", "600", "90", "0", "")
        assert float(measured[f"{server.name}/{server.address} time"][0]) > 0


def perfdata(said: Said) -> dict[str, tuple[str, ...]]:
    """Label → value, unit, warning, critical, least, most, as the guidelines write them; nothing else is in it."""
    assert said.out.endswith("\n")
    assert said.out.count("\n") == 1
    assert said.out.count("|") == 1
    text = said.out.rstrip("\n").partition(" | ")[2]
    one = r"'([^'=|]+)'=(-?[0-9.]+)(s|ms|%|B|c|)((?:;[-0-9.:@~]*){0,4})"
    assert re.fullmatch(f"{one}(?: {one})*", text), text
    return {
        label: (value, unit, *limits.removeprefix(";").split(";"))
        for label, value, unit, limits in re.findall(one, text)
    }


async def test_behind_is_in_motion_for_as_long_as_max_lag_may_still_allow_it(pair: Pair) -> None:
    """The kind: who looks for seconds cannot know that a server has been behind for minutes, and accuses nobody."""
    pair.break_("frozen")
    pair.change(ZONE)
    said = await check(pair)
    assert (said.status, said.out.splitlines()[0]) == (0, "pair.example.: a change is in motion")
    assert "looking again" in said.err
    assert "serves 1000 and others 1001, for how long is not known without memory; max_lag allows 10 min" in said.out
    said = await check(pair, "--json")
    assert (said.status, said.data["health"], said.data["findings"]) == (0, "good", [])
    assert [(f["code"], f["server"]) for f in said.data["in_motion"]] == [("serial-late", "ns2")]
    said = await check(pair, "--nagios")
    assert said.status == 0
    assert said.out.startswith("SOAWATCH OK - pair.example. 2 addresses: a change is in motion, to 1001: ns2 (")
    assert float(perfdata(said)[f"ns2/{pair.secondary.address} lag"][0]) > 0


async def test_strictly_what_is_in_motion_is_not_well(pair: Pair) -> None:
    assert (await check(pair, "--strict")).status == 0
    pair.break_("frozen")
    pair.change(ZONE)
    said = await check(pair, "--strict")
    assert (said.status, said.out.splitlines()[0]) == (1, "pair.example.: a change is in motion")
    said = await check(pair, "--strict", "--json")
    assert (said.status, said.data["health"], said.data["findings"]) == (1, "unknown", [])
    said = await check(pair, "--strict", "--nagios")
    assert said.status == 3
    assert said.out.startswith("SOAWATCH UNKNOWN - pair.example. 2 addresses: a change is in motion, to 1001: ns2 (")
    pair.break_("lame", "ns2")
    assert (await check(pair, "--strict", "--nagios")).status == 2


async def test_behind_for_longer_than_max_lag_is_accused_though_nobody_remembers(pair: Pair, tmp_path: Path) -> None:
    """Two looks are a memory of as many seconds as lie between them."""
    config = pair.write(tmp_path)
    config.write_text(config.read_text().replace('max_lag = "3s"', 'max_lag = "50ms"'))
    pair.break_("frozen")
    pair.change(ZONE)
    said = await say("check", ZONE, "-c", config, "--moment", MOMENT)
    assert said.status == 1
    assert "warning serial-late: ns2" in said.out
    assert "longer than max_lag" in said.out
    assert "soawatch explain serial-late" in said.out
    said = await say("check", ZONE, "-c", config, "--moment", MOMENT, "--nagios")
    assert said.status == 1
    assert said.out.startswith("SOAWATCH WARNING - pair.example. ns2 (")


async def meanwhile(pair: Pair, deed: Callable[[], object], *more: str) -> ZoneReport:
    """Two looks at the pair, and a deed between them that has all the time it needs."""
    return await check_zone(parse_target(ZONE, [*specs(pair), *more], None), 1.0, again=deed)


async def test_what_moves_between_the_looks_is_in_motion(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)
    asked = await meanwhile(pair, pair.mend)
    assert len(asked.looks) == 2
    assert asked.health is Health.GOOD
    assert asked.findings == ()
    assert [a.serial for a in asked.status.addresses] == [1001, 1001]
    assert nagios.line(asked)[1] == 0


async def test_a_server_that_is_a_step_behind_at_both_looks_but_moves_is_in_motion(pair: Pair) -> None:
    """It gets the first change between the looks, and the second change is on its way then."""

    def deed() -> None:
        pair.mend("frozen")
        catching_up.append(asyncio.create_task(one_step()))

    async def one_step() -> None:
        await pair.in_sync()
        pair.break_("frozen")
        pair.change(ZONE)

    catching_up: list[asyncio.Task[None]] = []
    pair.break_("frozen")
    pair.change(ZONE)
    asked = await meanwhile(pair, deed)
    assert [a.serial for a in asked.status.addresses] == [1002, 1001]
    assert asked.health is Health.GOOD
    assert [f.code for f in asked.in_motion] == ["serial-late"]
    assert heading(asked) == "pair.example.: a change is in motion"
    assert {c["check"]: c["health"] for c in as_data(asked)["checks"]}["soa-serial"] == "good"
    assert as_data(asked)["in_motion"][0]["server"] == "ns2"
    line, status = nagios.line(asked)
    assert status == 0
    assert line.startswith("SOAWATCH OK - pair.example. 2 addresses: a change is in motion, to 1002: ns2 (")
    assert "in motion, so nobody is accused: ns2" in zone_text(asked, ZoneAlerting(), now())


async def test_who_is_late_of_several_machines_behind_one_address_is_named(pair: Pair) -> None:
    """The stale one answers at the first look; at the second, which that brings about, the other one does."""
    pair.break_("frozen")
    pair.change(ZONE)
    turn = 1
    async with LoadBalancer([server.address for server in pair.servers], lambda: turn) as balancer:

        def deed() -> None:
            nonlocal turn
            turn = 0

        what = parse_target(ZONE, [specs(pair)[0], f"any={balancer.address}"], None)
        asked = await check_zone(what, float(MOMENT), again=deed)
    assert asked.health is Health.GOOD
    assert [f.code for f in asked.in_motion] == ["serial-late"]
    text = asked.in_motion[0].text
    assert text.startswith(f"any ({balancer.address}) has several machines behind it, and the one with NSID ")
    assert text.endswith(" served 1000 where the next served 1001; one more look would tell")


def test_so_it_is_where_the_stale_one_answers_last() -> None:
    page = story(watched(), {"ns1": "11 11", "ns2": "11@fra 10@ams"})[-1]
    (found,) = in_motion(watched(), page.zone_state, [page.result], page.at, "soawatch.db")
    assert found.text == (
        "ns2 (192.0.2.2) has several machines behind it, and the one with NSID ams serves 10 and others 11, "
        "1 min behind; max_lag allows 10 min"
    )


async def test_a_change_that_comes_between_the_looks_accuses_nobody(pair: Pair) -> None:
    """At the first look somebody else is dead, which makes for a second one; the change is new then."""

    def deed() -> None:
        pair.break_("frozen")
        pair.change(ZONE)

    asked = await meanwhile(pair, deed, "ns3=127.0.0.1:1")
    assert [f.code for f in asked.findings] == ["server-unreachable"]
    assert [(f.code, f.server) for f in asked.in_motion] == [("serial-late", "ns2")]


async def test_a_dead_server_and_one_that_is_well(pair: Pair) -> None:
    said = await say("check", ZONE, "--server=ns1=127.0.0.1:1", both(pair)[1], "--moment", MOMENT, "--nagios")
    assert said.status == 2
    assert said.out.startswith("SOAWATCH CRITICAL - pair.example. ns1 (127.0.0.1:1) cannot be reached")
    assert f"ns2/{pair.secondary.address} lag" in perfdata(said)
    assert not any(label.startswith("ns1") for label in perfdata(said))


@pytest.fixture
def deaf() -> Iterator[str]:
    """Over IPv6 nobody ever says anything: every packet and every connection is taken, and that is all."""
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("::1", 0))
        tcp.listen(128)
        udp.bind(("::1", tcp.getsockname()[1]))
        yield f"[::1]:{udp.getsockname()[1]}"


@pytest.fixture
def quick(tmp_path: Path) -> list[str]:
    """A configuration that waits little for those who say nothing."""
    config = tmp_path / "quick.toml"
    config.write_text(f'[probe]\ntimeout = "100ms"\nattempts = 2\n{UNWATCHED}')
    return ["-c", str(config), "--moment", MOMENT]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("udp-dead", "answers over TCP only"), ("elsewhere", "answers come from ")],
)
async def test_what_comes_back_over_tcp_or_from_elsewhere_is_heard_in_its_family(
    pair: Pair, quick: list[str], fault: str, words: str
) -> None:
    """One IPv6 server beside one of IPv4: its UDP is dead, and no check that asks over UDP alone hears it."""
    async with Pair([ZONE], now=now, hosts=("::1",)) as other:
        await other.in_sync()
        other.break_(fault, "ns2")
        servers = [f"--server=ns1={pair.primary.address}", f"--server=ns2={other.secondary.address}"]
        said = await say("check", ZONE, *servers, *quick)
    assert said.status == 1, said.out
    assert words in said.out
    assert "not judged" not in said.out


def test_a_key_that_a_provider_may_yet_be_given_is_told_as_in_motion() -> None:
    where, at = watched("ns1", watched_server("ns2", group="b"), primary=None), now()
    lacking = Inconclusive("ns1", where.servers[0].addresses[0], OTHERS_KEYS, PROPAGATING)
    result = CheckResult(where.name, "signatures", at, Health.GOOD, unsure=(lacking,))
    (told,) = in_motion(where, ZoneState(where.name), (result,), at, "")
    assert (told.code, told.server) == ("provider-key-missing", "ns1")
    assert told.text == ("ns1 (192.0.2.1) lacks a key that another group has begun to sign with; max_lag allows 10 min")


def test_what_a_signer_may_yet_sign_is_told_as_in_motion() -> None:
    """Once the service's memory says since when; a look alone does not know what came after what."""
    bare = tuple(watched_server(name) for name in ("ns1", "ns2", "ns3"))
    signed = watched(*with_signer(bare, "ns1", "ns2"), signer="ns2")
    *_, before, page = story(signed, {"ns1": "10 10 11*3", "ns2": "500*5", "ns3": "500*5"})
    (told,) = in_motion(signed, page.zone_state, (page.result,), page.at, "memory")
    assert (told.code, told.server) == ("serial-late", "ns2")
    assert told.text == (
        "ns2 (192.0.2.2) signs the zone and has published nothing since ns1 came to 11, 2 min ago; "
        "max_lag allows 10 min"
    )
    assert len(list(in_motion(signed, before.zone_state, (before.result,), before.at, ""))) == 1
    (first, *_) = story(signed, {"ns1": "11", "ns2": "500", "ns3": "500"})
    assert list(in_motion(signed, first.zone_state, (first.result,), first.at, "")) == []


async def test_over_a_family_in_which_nothing_answers_nobody_is_accused(
    pair: Pair, deaf: str, quick: list[str]
) -> None:
    """The kind: silence over a family of which nothing is heard, while another works, is no word about a server."""
    asked = [*both(pair), f"--server=ns1={deaf}", *quick]
    said = await say("check", ZONE, *asked)
    assert (said.status, said.out.splitlines()[0]) == (0, "pair.example.: all is well")
    assert "not judged: nothing answers over ipv6, where only ns1 is asked, while ipv4 works" in said.out
    said = await say("check", ZONE, *asked, "--nagios")
    assert said.status == 0
    assert said.out.startswith("SOAWATCH OK - pair.example. 2 addresses serve 1000; nothing answers over ipv6, where ")
    assert not any("::1" in label for label in perfdata(said))
    said = await say("check", ZONE, *asked, "--strict", "--json")
    assert (said.status, said.data["health"], len(said.data["offline"])) == (1, "unknown", 1)
    pair.break_("dead", "ns2")
    said = await say("check", ZONE, *asked, "--nagios")
    assert said.status == 2
    assert said.out.startswith(f"SOAWATCH CRITICAL - pair.example. ns2 ({pair.secondary.address}) cannot be reached")
    assert "::1" not in said.out


async def test_a_server_that_is_dead_over_both_families_is_accused_of_both(
    pair: Pair, deaf: str, quick: list[str]
) -> None:
    said = await say("check", ZONE, both(pair)[0], "--server=ns2=127.0.0.1:1", f"--server=ns2={deaf}", *quick, "--json")
    assert said.status == 1
    assert said.data["offline"] != []  # a closed port is a word: ns2's machine lives, and its IPv6 may be ours
    pair.break_("udp-dead", "ns2")
    pair.break_("tcp-silent", "ns2")
    said = await say("check", ZONE, *both(pair), f"--server=ns2={deaf}", *quick, "--json")
    assert [(f["code"], f["address"]) for f in said.data["findings"]] == [
        ("server-unreachable", str(pair.secondary.address)),
        ("server-unreachable", deaf),
    ]
    assert said.data["offline"] == []


async def test_a_witness_tells_servers_that_are_all_dead_from_a_monitor_that_is_cut_off(tmp_path: Path) -> None:
    def silent(query: nameserver.Asked) -> list[bytes]:
        return []

    path = tmp_path / "soawatch.toml"
    async with (
        nameserver.Nameserver(silent, deaf=True) as ns1,
        nameserver.Nameserver(silent, deaf=True) as ns2,
        nameserver.Nameserver(lambda query: [nameserver.reply(query, rcode=5, aa=False)]) as witness,
        nameserver.Nameserver(silent, deaf=True) as dark,
    ):
        text = f'''{off(but=("reachable",))}[probe]\ntimeout = "100ms"\nattempts = 1
            [[zones]]\nname = "{ZONE}"\nservers = ["ns1", "ns2"]
            [servers]\nns1 = {{ addresses = ["{ns1.address}"] }}\nns2 = {{ addresses = ["{ns2.address}"] }}\n'''
        path.write_text(f'[alerting]\nwitness = ["{witness.address}"]\n[cadence]\n{text}')
        said = await say("check", ZONE, "-c", path, "--json")
        assert (said.status, said.data["offline"]) == (1, [])
        assert {(f["code"], f["server"]) for f in said.data["findings"]} >= {
            ("server-unreachable", "ns1"),
            ("server-unreachable", "ns2"),
        }
        path.write_text(f'[alerting]\nwitness = ["{dark.address}"]\n[cadence]\n{text}')
        said = await say("check", ZONE, "-c", path, "--json")
        (offline,) = said.data["offline"]
        assert offline.startswith(f"no server answers over ipv4 (2 are asked), nor does the witness {dark.address}: ")
        assert said.data["findings"] == []


async def test_whom_the_monitor_itself_could_not_ask_is_unknown(pair: Pair, quick: list[str]) -> None:
    """One network that there is no way to, while others answer; from loopback there is none to others."""
    config = Path(quick[1])
    config.write_text(config.read_text().replace("[probe]", '[probe]\nsource = ["127.0.0.1"]'))
    asked = [*both(pair), "--server=ns3=192.0.2.9", *quick]
    said = await say("check", ZONE, *asked)
    assert (said.status, said.out.splitlines()[0]) == (1, "pair.example.: cannot tell")
    assert "unknown: ns3 (192.0.2.9) could not be asked: " in said.out
    said = await say("check", ZONE, *asked, "--nagios")
    assert said.status == 3
    assert said.out.startswith("SOAWATCH UNKNOWN - pair.example. ns3 (192.0.2.9) could not be asked: ")
    pair.break_("lame", "ns2")
    assert (await say("check", ZONE, *asked, "--nagios")).status == 2


async def test_nobody_answers() -> None:
    said = await say("check", ZONE, "--server=ns1=127.0.0.1:1", "--server=ns2=[::1]:1", "--moment", MOMENT)
    assert said.status == 1
    assert "critical server-unreachable: ns1" in said.out
    assert "Traceback" not in said.err


async def test_a_zone_that_is_not_served(pair: Pair) -> None:
    said = await check(pair, "--nagios", zone="other.example")
    assert said.status == 2
    assert said.out.startswith("SOAWATCH CRITICAL - other.example. ns1 (")
    assert "refuses: not configured for the zone" in said.out
    assert perfdata(said)


async def test_an_internationalised_name_in_both_forms() -> None:
    async with Pair(["bücher.example"], now=now) as pair:
        await pair.in_sync()
        for name in "bücher.example", "BÜCHER.example.", "xn--bcher-kva.example":
            said = await check(pair, zone=name)
            assert said.out.splitlines()[0] == "xn--bcher-kva.example. (bücher.example.): all is well"
        said = await check(pair, "--json", zone="bücher.example")
        assert said.data["unicode"] == unicode("xn--bcher-kva.example.") == "bücher.example."


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("192.0.2.1",), "an address, not a domain name (the reverse zone is called 2.0.192.in-addr.arpa.)"),
        (("a..b",), "a DNS label is empty"),
        (("",), "empty"),
        (("x" * 64 + ".example",), "63"),
        (("evil\x1b[31m.example",), "control character"),
        (("example.com", "--server", "ns1"), '"ns1" is not an IP address'),
        (("example.com", "--server", "ns1=192.0.2.1:99999"), "--server"),
        (("example.com", "--server", "ns1="), "write --server NAME=ADDRESS[:PORT]"),
    ],
)
async def test_what_cannot_be_meant(arguments: tuple[str, ...], why: str) -> None:
    said = await say("check", *arguments)
    assert said.status == 2
    assert why in said.err
    assert said.out == ""
    assert said.plain


async def test_no_servers_can_be_found(tmp_path: Path) -> None:
    async with resolving({("known.example.", "A"): ["192.0.2.1"]}) as resolver:
        config = tmp_path / "soawatch.toml"
        config.write_text(f'[resolver]\naddresses = ["{resolver.address}"]\ntimeout = "300ms"\n{UNWATCHED}')
        said = await say("check", "nowhere.example", "-c", config)
        assert said.status == 1
        assert said.out.splitlines()[0] == "nowhere.example.: cannot tell"
        assert "there is no such zone, or it has no NS records" in said.out
        assert "nowhere.example. is not in" in said.out
        assert "--server NAME=ADDRESS" in said.out
        assert "nothing was asked" not in said.out
        resolver.dead = True
        said = await say("check", "nowhere.example", "-c", config)
        assert said.status == 1
        assert "the resolver does not answer" in said.out
        said = await say("check", "nowhere.example", "-c", config, "--nagios")
        assert said.status == 3
        assert "the resolver does not answer" in said.out
        said = await say("check", "nowhere.example", "-c", config, "--json")
        assert said.status == 1
        assert said.data["health"] == "unknown"
        assert said.data["addresses"] == []


async def test_the_servers_of_an_ns_set(pair: Pair, tmp_path: Path) -> None:
    """As where there is no configuration but the resolver: names, addresses, and port 53, where nobody is."""
    known = {
        (ZONE, "NS"): ["ns1.pair.example."],
        ("ns1.pair.example.", "A"): ["127.0.0.123"],
    }
    async with resolving(known) as resolver:
        config = tmp_path / "soawatch.toml"
        config.write_text(
            f'[resolver]\naddresses = ["{resolver.address}"]\n[probe]\ntimeout = "200ms"\nattempts = 1\n{UNWATCHED}'
        )
        said = await say("check", ZONE, "-c", config, "--moment", MOMENT, "--json")
        assert said.status == 1
        assert [(a["server"], a["address"]) for a in said.data["addresses"]] == [("ns1.pair.example", "127.0.0.123")]


async def test_a_name_in_the_ns_set_that_leads_nowhere(pair: Pair, tmp_path: Path) -> None:
    """A fact is a finding; what the resolver cannot tell is unknown, and neither well nor anybody's fault."""
    known = {(ZONE, "NS"): ["ns1.pair.example.", "gone.example."], ("ns2.pair.example.", "A"): ["127.0.0.1"]}
    words = "gone.example is a nameserver of the zone, but "
    async with resolving(known) as resolver:
        config = tmp_path / "soawatch.toml"
        config.write_text(
            f'[resolver]\naddresses = ["{resolver.address}"]\n'
            f'[servers."ns1.pair.example"]\naddresses = ["{pair.primary.address}"]\n{UNWATCHED}'
        )
        arguments = ("check", ZONE, "-c", config, "--moment", MOMENT)
        said = await say(*arguments)
        assert said.status == 1
        assert f"warning ns-unresolvable: {words}there is no such name" in said.out
        said = await say(*arguments, "--nagios")
        assert said.status == 1
        assert said.out.startswith(f"SOAWATCH WARNING - {ZONE} {words}there is no such name")
        resolver.data["gone.example.", "TXT"] = ["x"]
        said = await say(*arguments, "--json")
        assert [(f["code"], f["server"]) for f in said.data["findings"]] == [("ns-unresolvable", "gone.example")]
        assert "it has no address" in said.data["findings"][0]["text"]
        resolver.servfail.add("gone.example.")
        said = await say(*arguments, "--json")
        assert (said.status, said.data["health"], said.data["findings"]) == (1, "unknown", [])
        assert said.data["unknown"] == [
            "gone.example was not asked, because its name could not be resolved: the resolver says SERVFAIL"
        ]
        said = await say(*arguments, "--nagios")
        assert said.status == 3
        assert "gone.example was not asked" in said.out


async def test_a_server_of_the_ns_set_that_nobody_listed(pair: Pair, tmp_path: Path) -> None:
    """Not where servers are named on the command line: then these are meant, and no others."""
    async with resolving({("ns2.pair.example.", "A"): ["127.0.0.9"]}) as resolver:
        config = tmp_path / "soawatch.toml"
        text = (
            f'[resolver]\naddresses = ["{resolver.address}"]\n[servers.ns1]\naddresses = ["{pair.primary.address}"]\n'
            f'[[zones]]\nname = "{ZONE}"\nservers = ["ns1"]\n'
        )
        config.write_text(text)
        arguments = ("check", ZONE, "-c", config, "--moment", MOMENT)
        said = await say(*arguments)
        assert said.status == 1
        assert "warning unwatched-server: ns2.pair.example (127.0.0.9) is in the NS set, but not among" in said.out
        said = await say(*arguments, "--nagios")
        assert said.status == 1
        assert (await say(*arguments, "--server", "ns1")).status == 0
        assert (await say("check", ZONE, both(pair)[0], "--moment", MOMENT)).status == 0
        resolver.data["ns2.pair.example.", "A"] = ["127.0.0.1"]  # another name of the one that is listed
        assert (await say(*arguments)).status == 0
        resolver.data["ns2.pair.example.", "A"] = ["127.0.0.9"]
        config.write_text(f'{text}ignore_servers = ["ns2.pair.example"]\n')
        assert (await say(*arguments)).status == 0


async def test_with_a_configuration_its_rules_are_checked(pair: Pair, tmp_path: Path) -> None:
    config = pair.write(tmp_path)
    assert (await say("check", ZONE, "-c", config)).status == 0
    pair.break_("transfer-open")
    said = await say("check", ZONE, "-c", config, "--moment", MOMENT)
    assert said.status == 1
    assert "warning transfer-open: ns2" in said.out
    assert (await say("check", ZONE, "-c", config, "--server", "ns1", "--moment", MOMENT)).status == 0


async def test_what_is_given_to_anybody_is_told_without_any_rule(pair: Pair, tmp_path: Path) -> None:
    assert "transfer-open" not in (await say("check", ZONE, *both(pair), "--moment", MOMENT)).out
    pair.break_("transfer-open")
    said = await say("check", ZONE, *both(pair), "--moment", MOMENT)
    assert said.status == 1
    assert "warning transfer-open: ns2" in said.out
    assert "as asked from this monitor's address, and no rule says that it may" in said.out
    config = pair.write(tmp_path)
    text = config.read_text()
    config.write_text(text.replace('server = "*", expect = "refused"', 'server = "*", expect = "allowed"'))
    assert "transfer-open" not in (await say("check", ZONE, "-c", config, "--moment", MOMENT)).out
    rules = text[text.index("transfer = [") : text.index("]\n", text.index("transfer = [")) + 2]
    config.write_text(text.replace(rules, 'cadence = { open-transfer = "off" }\n'))
    assert (await say("check", ZONE, "-c", config, "--moment", MOMENT)).status == 0


async def test_records_that_are_named(pair: Pair, tmp_path: Path) -> None:
    """With a value they must be just that, without one the same everywhere; nothing else is said of the zone."""
    pair.change(ZONE, "www A 192.0.2.1", "www A 192.0.2.2", '_acme-challenge TXT "token"')
    await pair.in_sync()
    there = ("--record", "www A 192.0.2.2", "--record", "www A 192.0.2.1", "--record", "_ACME-challenge TXT token")
    assert (await check(pair, *there, "--record", "@ MX")).status == 0
    said = await check(pair, "--record", "www A 192.0.2.1", "--record", "gone AAAA 2001:db8::1")
    assert said.status == 1
    assert said.out.count("critical record-unexpected: ns") == 4
    assert "has 192.0.2.1 and 192.0.2.2 for www.pair.example. A, expected is 192.0.2.1" in said.out
    assert "has nothing for gone.pair.example. AAAA, expected is 2001:db8::1" in said.out
    said = await check(pair, "--record", "gone AAAA 2001:db8::1", "--nagios")
    assert said.status == 2
    said = await check(pair, "--record", "gone AAAA 2001:db8::1", "--json")
    assert {finding["code"] for finding in said.data["findings"]} == {"record-unexpected"}
    config = pair.write(tmp_path)
    assert (await say("check", ZONE, "-c", config, "--record", "www A", "--moment", MOMENT)).status == 0
    said = await say("check", ZONE, "-c", config, "--record", "www A 192.0.2.9", "--moment", MOMENT)
    assert said.status == 1


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("www", '"www" is not a name, a type and a value'),
        ("www 300 A 192.0.2.1", '"www 300 A 192.0.2.1": 300 is a TTL, and a type is wanted'),
        ("www.example.org. A 192.0.2.1", '"www.example.org." is not in the zone pair.example.'),
        ("www A 192.0.2", '"192.0.2" is not a value of A records'),
    ],
)
async def test_records_that_cannot_be_meant(record: str, why: str) -> None:
    said = await say("check", ZONE, "--server", "ns1=127.0.0.1:1", "--record", record)
    assert said.status == 2
    assert f"--record: {why}" in said.err


async def test_the_configuration_is_broken(pair: Pair, tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    config.write_text(f"[nonsense]\n[probe]\ntimeout = 3\n{UNWATCHED}")
    said = await say("check", ZONE, "-c", config)
    assert said.status == 78
    assert said.err.count("soawatch.toml:") == 2


def hostile(query: nameserver.Asked) -> Iterable[bytes]:
    """Refuses, with all that a terminal, a log or a page might take for something else."""
    asked = dns.message.from_wire(query.wire)
    answer = dns.message.make_response(asked)
    answer.set_rcode(dns.rcode.REFUSED)
    text = "\x1b[2J\x1b]0;owned\x07\r\n| 'x'=1;;;; <script>alert(1)</script> \u202eevil\u2028\x9b31m"
    answer.use_edns(0, options=[dns.edns.EDEOption(20, text), dns.edns.NSIDOption(text.encode())])
    return [answer.to_wire()]


async def test_hostile_text_reaches_no_terminal() -> None:
    async with nameserver.Nameserver(udp=hostile) as server:
        for form in (), ("--json",), ("--nagios",):
            arguments = ("check", ZONE, f"--server=n|s'=<1>=\x1b[31m={server.address}", "--moment", MOMENT, *form)
            said = await say(*arguments)
            assert said.plain, form
            assert said.status == (2 if form == ("--nagios",) else 1)
            if form == ("--nagios",):
                assert not set("<>") & set(said.out)
                perfdata(said)
        said = await say("explain", ZONE, f"--server=ns1={server.address}", "--moment", MOMENT)
        assert said.status == 0
        assert said.plain
        assert "REFUSED" in said.out


async def test_colours_only_on_a_terminal_that_wants_them(pair: Pair) -> None:
    assert "\x1b" not in (await run("check", ZONE, *both(pair))).out
    assert "\x1b[32min-sync" in await on_terminal(pair, 200)
    plain = await on_terminal(pair, 200, NO_COLOR="1")
    assert "in-sync" in plain
    assert "\x1b[32m" not in plain


async def test_a_narrow_terminal_loses_what_matters_least(pair: Pair) -> None:
    said = await on_terminal(pair, 60)
    head, *rows = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in said.splitlines()[1:4])
    assert head.split() == ["server", "address", "serial", "state", "lag", "expires"]
    assert all(len(line) <= 60 and "in-sync" in line for line in rows)


async def on_terminal(pair: Pair, columns: int, **env: str) -> str:
    async with terminal("check", ZONE, *both(pair), columns=columns, **env) as shown:
        assert await shown.ended() == 0
        return shown.screen


async def test_a_pipe_has_no_width(pair: Pair) -> None:
    """Names of any length come through whole, each address on one line."""
    name = "a-name-that-is-quite-long." * 9 + "example"
    said = await say(
        "check", ZONE, f"--server={name}={pair.primary.address}", "--server=x=127.0.0.1:1", "--moment", MOMENT
    )
    row = next(line for line in said.out.splitlines() if line.startswith(name))
    assert str(pair.primary.address) in row
    assert "1000" in row
    finding = next(line for line in said.out.splitlines() if line.startswith("critical server-unreachable"))
    assert finding.endswith(("rejects it", "answers"))


async def test_of_two_forms_one_is_chosen() -> None:
    said = await say("check", "example.net", "--server=ns1=192.0.2.1", "--json", "--nagios")
    assert said.status == nagios.UNKNOWN
    assert "--json and --nagios are two forms of one result: choose one" in said.out + said.err
