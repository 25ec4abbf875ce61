"""soawatch wait: on the bundled pair while a change comes, and on servers that will never have it."""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import dns.edns
import dns.message
import dns.rcode
import pytest

from monitor.cli.errors import Failure
from monitor.cli.zone_wait.output import reporter
from monitor.cli.zone_wait.run import wait_for
from monitor.cli.zone_wait.target import WaitOrder
from monitor.pair.pair import Pair
from tests.support import nameserver
from tests.support.nameserver import SERIAL, Asked, Nameserver, good, name, opt, reply, rr, soa
from tests.support.resolver import resolving
from tests.support.speaking import PATIENCE, Said, process, python, say
from tests.support.terminal import terminal

ZONE = "pair.example."
NET = nameserver.ZONE
UNWATCHED = '[servers.other]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "other.example"\nservers = ["other"]\n'


def both(pair: Pair) -> list[str]:
    return [f"--server={server.name}={server.address}" for server in pair.servers]


async def wait(pair: Pair, *more: object) -> Said:
    return await say("wait", ZONE, *both(pair), "--interval", "0.1", *more)


def events(said: Said) -> list[dict[str, object]]:
    return [json.loads(line) for line in said.out.splitlines()]


# --- what all have already ---


async def test_all_have_it(pair: Pair) -> None:
    said = await wait(pair, "--serial", "999")
    assert said.status == 0
    assert re.fullmatch(r"pair\.example\.: all 2 addresses serve 999 or newer, after \d\.\d s\n", said.out)
    title, *steps = said.err.splitlines()
    assert title == "pair.example.: waiting for up to 5 min until all 2 addresses serve 999 or newer"
    assert [step[-5:] for step in steps] == ["[1/2]", "[2/2]"]
    for server in pair.servers:
        assert any(f"{server.name} ({server.address}) serves 1000, newer than 999" in step for step in steps)


@pytest.mark.parametrize(
    ("condition", "questions"),
    [
        (("--serial", str(SERIAL)), 1),
        ((), 1),
        (("--absent", "www A"), 1),
        (("--serial", str(SERIAL), "--absent", "www A", "--absent", "www AAAA"), 3),
    ],
)
async def test_a_change_that_all_have_takes_one_look_at_each(condition: tuple[str, ...], questions: int) -> None:
    def answer(query: Asked) -> list[bytes]:
        return [good(query) if query.type == nameserver.SOA else reply(query, authority=[soa()])]

    async with Nameserver(udp=answer) as one, Nameserver(udp=answer) as two:
        servers = [f"--server={each.address}={each.address}" for each in (one, two)]
        said = await say("wait", NET, *servers, *condition)
        assert said.status == 0, said.err
        assert [len(each.asked) for each in (one, two)] == [questions, questions]


async def test_where_no_file_is_read_nothing_is_loaded_that_only_others_need() -> None:
    """Loading it would take longer than the answers."""
    async with Nameserver(udp=lambda query: [good(query)]) as one:
        said = await python(
            "import sys\nfrom monitor.cli.main import main\n"
            f"try:\n    main(['wait', {NET!r}, '--server={one.address}', '--serial', '{SERIAL}'])\n"
            "finally:\n    print(*sys.modules, file=sys.stderr)"
        )
    assert said.status == 0, said.err
    loaded = set(said.err.split())
    assert "monitor.polling.wait" in loaded
    assert not {"pydantic", "cryptography", "dns.asyncresolver", "rich", "sqlite3"} & loaded


async def test_several_good_looks_in_a_row_are_so_many_looks() -> None:
    """The second is a bad one of another machine behind that address: counting begins anew, and it must come along."""
    machines = iter([("fra", SERIAL), ("ams", SERIAL - 1), ("fra", SERIAL), ("ams", SERIAL), ("fra", SERIAL)])

    def answer(query: Asked) -> list[bytes]:
        machine, serial = next(machines)
        return [reply(query, [soa(serial)], additional=[opt((3, machine.encode()))])]

    async with Nameserver(udp=answer) as one:
        arguments = (
            "wait",
            NET,
            f"--server=ns1={one.address}",
            "--serial",
            SERIAL,
            "--looks",
            "3",
            "--interval",
            "0.1",
        )
        said = await say(*arguments)
        assert said.status == 0, said.err
        assert len(one.asked) == 5
    rows = re.findall(r"\d of 3 looks", said.err)
    assert rows == ["1 of 3 looks", "1 of 3 looks", "2 of 3 looks", "3 of 3 looks"]
    older = f"serves {SERIAL - 1}, older than {SERIAL}"
    assert f"{older} (of 2 machines there, this is NSID ams)" in said.err


# --- a change that comes while it waits ---


async def lines_until(process: asyncio.subprocess.Process, text: str) -> str:
    """What is said on stderr, up to a line with this text."""
    assert process.stderr is not None
    heard = ""
    async with asyncio.timeout(PATIENCE):
        while text not in heard:
            line = await process.stderr.readline()
            assert line, heard
            heard += line.decode()
    return heard


async def arriving(pair: Pair, until: str, then: Callable[[], object], *condition: object) -> tuple[int, str, str]:
    """The wait for a change that is made once ``until`` is said: how it ends."""
    async with process("wait", ZONE, *both(pair), "--interval", "0.1", *condition) as waiting:
        before = await lines_until(waiting, until)
        then()
        async with asyncio.timeout(PATIENCE):
            out, err = await waiting.communicate()
        assert waiting.returncode is not None
        return waiting.returncode, out.decode(), before + err.decode()


async def test_a_serial_that_comes(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)

    def thaw() -> None:
        pair.mend()
        pair.change(ZONE)

    status, out, err = await arriving(pair, "ns2 (", thaw, "--serial", "1001")
    assert status == 0, err
    assert "all 2 addresses serve 1001 or newer" in out
    assert f"ns2 ({pair.secondary.address}) serves 1000, older than 1001  [" in err
    assert f"ns2 ({pair.secondary.address}) serves 1002, newer than 1001  [2/2]" in err


async def test_the_same_version_everywhere(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)

    def thaw() -> None:
        pair.mend()
        pair.change(ZONE)

    status, out, err = await arriving(pair, "serves 1000, older than 1001", thaw)
    assert status == 0, err
    assert "all 2 addresses serve the same version (1002)" in out


async def test_a_record_that_comes_and_one_that_goes(pair: Pair) -> None:
    def publish() -> None:
        pair.change(ZONE, '_acme-challenge TXT "one"', '_acme-challenge TXT "two"')

    async with process(
        "wait", ZONE, *both(pair), "--interval", "0.1", "--record", "_ACME-challenge TXT two"
    ) as waiting:
        assert "has nothing (NXDOMAIN) for _acme-challenge.pair.example. TXT" in await lines_until(waiting, "ns2 (")
        publish()
        async with asyncio.timeout(PATIENCE):
            out, _ = await waiting.communicate()
        assert waiting.returncode == 0
        assert b'all 2 addresses have "two" for _acme-challenge.pair.example. TXT' in out
    said = await wait(pair, "--record", "_acme-challenge TXT two", "--exact", "--timeout", "1")
    assert said.status == 1
    assert "ns1 (" in said.out
    assert 'has "one" and "two" for _acme-challenge.pair.example. TXT' in said.out
    assert (await wait(pair, "--record", "_acme-challenge TXT", "--absent", "_acme-challenge TXT three")).status == 0

    def clean() -> None:
        pair.change(ZONE, drop=["_acme-challenge TXT"])

    status, out_text, err = await arriving(pair, "ns2 (", clean, "--absent", "_acme-challenge TXT")
    assert status == 0, err
    assert "all 2 addresses lack _acme-challenge.pair.example. TXT" in out_text


# --- what does not come ---


async def test_the_time_is_over_and_who_is_late_is_named(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)
    said = await wait(pair, "--serial", "1001", "--timeout", "1s")
    assert said.status == 1
    title, late = said.out.splitlines()
    assert title.startswith("pair.example.: the time is over after 1.")
    assert title.endswith("1 of 2 addresses does not yet serve 1001 or newer")
    assert late == f"  ns2 ({pair.secondary.address}) serves 1000, older than 1001"
    quiet = await wait(pair, "--serial", "1001", "--timeout", "1s", "-q")
    assert (quiet.status, quiet.err) == (1, "")
    assert quiet.out.splitlines()[1] == late
    assert await wait(pair, "--serial", "1000", "-q") == Said(0, "", "")


async def test_the_same_for_programs(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)
    said = await wait(pair, "--serial", "1001", "--timeout", "1s", "--json")
    assert (said.status, said.err) == (1, "")
    *steps, end = events(said)
    assert {step["event"] for step in steps} == {"progress"}
    assert (end["event"], end["done"], end["of"]) == ("timeout", 1, 2)
    assert end["late"] == [f"ns2 ({pair.secondary.address}) serves 1000, older than 1001"]
    found = {one["server"]: (one["is_done"], one["serial"]) for one in end["addresses"]}  # type: ignore[attr-defined]
    assert found == {"ns1": (True, 1001), "ns2": (False, 1000)}
    (end,) = [event for event in events(await wait(pair, "--serial", "1000", "--json")) if event["event"] == "done"]
    assert (end["done"], end["of"], end["late"]) == (2, 2, [])


def refusing(query: Asked) -> list[bytes]:
    return [reply(query, rcode=nameserver.REFUSED)]


def alias(query: Asked) -> list[bytes]:
    return [reply(query, [rr(b"\xc0\x0c", nameserver.CNAME, name("elsewhere.example.org."))])]


def resolver_answer(query: Asked) -> list[bytes]:
    return [reply(query, [rr(b"\xc0\x0c", nameserver.TXT, b"\x05token")], aa=False)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (refusing, "refuses: not configured for the zone"),
        (alias, "has a CNAME to elsewhere.example.org. for x.example.net. TXT"),
        (resolver_answer, "answers without authority (AA=0): a resolver or forwarder"),
        (None, "refuses the connection"),
    ],
)
@pytest.mark.parametrize("condition", [("--record", "x TXT token"), ("--absent", "x TXT")])
async def test_who_says_neither_yes_nor_no_is_late(
    answer: Callable[[Asked], Iterable[bytes]] | None, text: str, condition: tuple[str, str]
) -> None:
    async with Nameserver(udp=answer) as one:
        said = await say("wait", NET, f"--server=ns1={one.address}", *condition, "--timeout", "1", "-q")
    assert said.status == 1
    assert text in said.out


async def test_an_answer_that_only_tcp_carries_and_one_without_edns_count() -> None:
    token = b"\x05token"

    def truncated(query: Asked) -> list[bytes]:
        return [reply(query, tc=True)]

    async def whole(query: Asked, connection: nameserver.Connection) -> None:
        await connection.send(reply(query, [rr(b"\xc0\x0c", nameserver.TXT, token)]))

    def no_edns(query: Asked) -> list[bytes]:
        if query.edns:
            return [reply(query, rcode=nameserver.FORMERR)]
        return [reply(query, [rr(b"\xc0\x0c", nameserver.TXT, token)])]

    async with Nameserver(udp=truncated, tcp=whole) as one, Nameserver(udp=no_edns, tcp=whole) as two:
        servers = [f"--server=ns{number}={each.address}" for number, each in enumerate((one, two))]
        said = await say("wait", NET, *servers, "--record", 'x TXT "token"', "--timeout", "20", "-q")
        assert said == Said(0, "", "")


async def test_an_interrupt_ends_it_and_names_who_is_late(pair: Pair) -> None:
    async with process("wait", ZONE, *both(pair), "--serial", "1001") as waiting:
        await lines_until(waiting, "[0/2]")
        await lines_until(waiting, "[0/2]")
        waiting.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            out, _ = await waiting.communicate()
        assert waiting.returncode == 130
        title, *late = out.decode().splitlines()
        assert "interrupted after" in title
        assert "2 of 2 addresses do not yet serve 1001 or newer" in title
        assert len(late) == 2


# --- what cannot be meant ---


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "one address alone always serves the same version as itself"),
        (("--serial", "4294967296"), '"4294967296" is not a serial (a whole number from 0 to 4294967295)'),
        (("--serial", "-1"), '"-1" is not a serial'),
        (("--record", "www"), '"www" is not a name, a type and a value (write for example "www A 192.0.2.1"'),
        (("--record", "www 300 A 192.0.2.1"), "300 is a TTL, and a type is wanted"),
        (("--record", "www IN A 192.0.2.1"), "IN is a class, and a type is wanted"),
        (("--record", "www.example.org. A 192.0.2.1"), '"www.example.org." is not in the zone example.net.'),
        (("--record", "www A 192.0.2"), '"192.0.2" is not a value of A records'),
        (("--record", "www AAA 192.0.2.1"), 'did you mean "AAAA"?'),
        (("--record", "@ SOA"), "for the SOA its serial is waited for"),
        (("--record", "@ DS 1 8 2 ab"), "the DS records of example.net. are in its parent zone"),
        (("--record", 'x TXT "open'), "is not a value of TXT records"),
        (("--record", "www A 192.0.2.1", "--absent", "www A"), "cannot be there and be absent"),
        (("--record", "www A", "--record", "www A 192.0.2.1"), "is there twice, with a value and without"),
        (("--exact", "--serial", "1"), "there is no record that could be exact"),
        (("--exact", "--record", "www A"), "has no value that could be exact"),
        (("--serial", "1", "--address", "192.0.2.7"), "192.0.2.7 is not an address of a server of example.net."),
        (("--serial", "1", "--address", "nonsense"), '--address: "nonsense" is not an IP address'),
        (("--serial", "1", "-6"), "none of the addresses of example.net. that could be waited for is chosen"),
        (("--serial", "1", "-4", "-6"), "-4 and -6 together leave no address"),
        (("--serial", "1", "--server", "ns2"), '"ns2" is not an IP address'),
        (("--serial", "1", "--timeout", "soon"), "not a duration"),
        (("--serial", "1", "--timeout", "0"), "0 is not between 0.1 s and one day"),
        (("--serial", "1", "--interval", "2d"), "2d is not between 0.1 s and one day"),
        (("--serial", "1", "--looks", "0"), "0 is not in the range"),
    ],
)  # fmt: skip
async def test_what_cannot_be_meant(arguments: tuple[str, ...], why: str) -> None:
    async with Nameserver(udp=lambda query: [good(query)]) as one:
        said = await say("wait", NET, f"--server=ns1={one.address}", *arguments)
        assert said.status == 2, said.err
        assert why in re.sub(r"\s+", " ", said.err)
        assert said.out == ""
        assert one.asked == []


@pytest.mark.parametrize("zone", ["192.0.2.1", "", "evil\x1b[31m.example", "x" * 64 + ".example"])
async def test_what_is_no_name(zone: str) -> None:
    for form in (), ("--find-zone",):
        said = await say("wait", zone, "--serial", "1", *form)
        assert said.status == 2
        assert said.plain


# --- where the servers are ---


def config(room: Path, resolver: object, pair: Pair) -> Path:
    """What a resolver says, but for the ports, which it cannot: they are those of servers with that name."""
    path = room / "soawatch.toml"
    servers = "".join(
        f'[servers."{server.name}.pair.example"]\naddresses = ["{server.address}"]\n' for server in pair.servers
    )
    path.write_text(f'[resolver]\naddresses = ["{resolver}"]\ntimeout = "1s"\n{servers}{UNWATCHED}')
    return path


NS_SET = {(ZONE, "NS"): ["ns1.pair.example.", "ns2.pair.example."]}


async def test_the_servers_of_an_ns_set_and_a_choice_of_them(pair: Pair, tmp_path: Path) -> None:
    async with resolving(NS_SET) as resolver:
        path = config(tmp_path, resolver.address, pair)
        said = await say("wait", ZONE, "-c", path, "--serial", "1000")
        assert said.status == 0
        assert "all 2 addresses serve 1000 or newer" in said.out
        assert "pair.example. is not in" in said.err
        said = await say("wait", ZONE, "-c", path, "--serial", "1000", "--server", "NS2.pair.example.", "--json")
        assert [one["server"] for one in events(said)[-1]["addresses"]] == ["ns2.pair.example"]  # type: ignore[attr-defined]
        said = await say("wait", ZONE, "-c", path, "--serial", "1000", "--address", pair.primary.address, "--json")
        assert [one["server"] for one in events(said)[-1]["addresses"]] == ["ns1.pair.example"]  # type: ignore[attr-defined]
        said = await say("wait", ZONE, "-c", path, "--server", "ns3")
        assert said.status == 2
        assert "ns3 is not a server of pair.example.; they are ns1.pair.example and ns2.pair.example" in said.err


async def test_the_zone_that_a_name_is_in(pair: Pair, tmp_path: Path) -> None:
    pair.change(ZONE, '_acme-challenge.www TXT "token"')
    await pair.in_sync()
    async with resolving({**NS_SET, ("www.pair.example.", "A"): ["192.0.2.1"]}) as resolver:
        path = config(tmp_path, resolver.address, pair)
        record = ("--record", "_acme-challenge TXT token", "--timeout", "20")
        said = await say("wait", "www.pair.example", "--find-zone", "-c", path, *record)
        assert said.status == 0, said.err
        assert "note: www.pair.example. is in the zone pair.example." in said.err
        assert 'have "token" for _acme-challenge.www.pair.example. TXT' in said.out
        said = await say("wait", "www.pair.example", "-c", path, *record)
        assert said.status == 1
        assert "there is no such zone, or it has no NS records" in said.err
        said = await say("wait", "www.nowhere.test", "--find-zone", "-c", path, *record)
        assert said.status == 1
        assert "the zone of www.nowhere.test. cannot be found: nothing from there up has NS records" in said.err
        assert ("test.", "NS") not in resolver.asked
        resolver.servfail.add("www.pair.example.")
        said = await say("wait", "www.pair.example", "--find-zone", "-c", path, *record)
        assert said.status == 1
        assert "cannot be found: the resolver says SERVFAIL" in said.err
        resolver.dead = True
        said = await say("wait", ZONE, "-c", path, "--serial", "1", "--timeout", "0.3")
        assert said.status == 1
        assert "the resolver has not said within 0.3 s where the servers are" in said.err


async def test_a_zone_of_the_configuration_has_its_primary_from_there(pair: Pair, tmp_path: Path) -> None:
    path = pair.write(tmp_path)
    pair.break_("frozen")
    pair.change(ZONE)
    said = await say("wait", ZONE, "-c", path, "--server", "ns2", "--timeout", "1", "--json")
    assert said.status == 1
    end = events(said)[-1]
    assert end["of"] == 1
    assert end["late"] == [f"ns2 ({pair.secondary.address}) serves 1000, older than 1001"]
    said = await say("wait", f"www.{ZONE}", "--find-zone", "-c", path, "--serial", "1001", "--server", "ns1")
    assert said.status == 0, said.err
    path.write_text("[nonsense]\n")
    assert (await say("wait", ZONE, "-c", path)).status == 78


# --- how it looks ---


async def test_a_serial_is_not_waited_for_across_a_signer(pair: Pair, tmp_path: Path) -> None:
    """A newer one of the signer's may well be without the change."""
    path = pair.write(tmp_path)
    path.write_text(path.read_text().replace('primary = "ns1"\n', 'primary = "ns1"\nsigner = "ns2"\n'))
    said = await say("wait", ZONE, "-c", path, "--serial", "1")
    assert (said.status, said.out) == (2, "")
    assert "no one serial can be waited for at servers that count apart (ns1; ns2): choose by --server" in said.err
    for more in ("--serial", "1", "--server", "ns2"), ("--record", "www A"):
        assert (await say("wait", ZONE, "-c", path, *more)).status == 0


async def test_a_time_that_is_over_before_anybody_is_asked_accuses_nobody() -> None:
    order = WaitOrder("example.com", serial="1", servers=("ns1=127.0.0.1:1",))
    with pytest.raises(Failure, match=r"^the 0 s were over before anybody could be asked: "):
        await wait_for(order, reporter(0.0, quiet=True, as_json=False), 5.0, 0.0)


async def test_on_a_terminal_a_table_changes_in_place(pair: Pair) -> None:
    pair.break_("frozen")
    pair.change(ZONE)
    arguments = ("wait", ZONE, *both(pair), "--interval", "0.1", "--serial", "1001", "--timeout", "60")
    async with terminal(*arguments) as shown:
        await shown.shows("1 of 2 addresses")
        pair.mend()
        pair.change(ZONE)
        assert await shown.ended() == 0
        screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.screen)
        assert "serves 1000, older than 1001" in screen
        last = screen.splitlines()[-3:]
        assert [line.split()[:2] for line in last[:2]] == [["✓", "ns1"], ["✓", "ns2"]]
        assert "all 2 addresses serve 1001 or newer" in last[2]
        assert "\x1b[32m✓" in shown.screen
        assert shown.screen.endswith("s\r\n")
        assert shown.screen.count("\x1b[?25l") == shown.screen.count("\x1b[?25h") == 1
    async with terminal(*arguments, NO_COLOR="1") as shown:
        assert await shown.ended() == 0
        assert "\x1b[32m" not in shown.screen
    async with terminal(*arguments, TERM="dumb") as shown:
        assert await shown.ended() == 0
        assert "\x1b" not in shown.screen


def hostile(query: Asked) -> Iterable[bytes]:
    """Refuses, with all that a terminal or a log might take for something else."""
    answer = dns.message.make_response(dns.message.from_wire(query.wire))
    answer.set_rcode(dns.rcode.REFUSED)
    text = "\x1b[2J\x1b]0;owned\x07\r\n \u202eevil\u2028\x9b31m"
    answer.use_edns(0, options=[dns.edns.EDEOption(20, text), dns.edns.NSIDOption(text.encode())])
    return [answer.to_wire()]


async def test_hostile_text_reaches_no_terminal() -> None:
    async with Nameserver(udp=hostile) as one:
        for form in (), ("--json",), ("-q",):
            said = await say(
                "wait", NET, f"--server=\x1b[31m={one.address}", "--serial", "1", "--timeout", "0.5", *form
            )
            assert said.status == 1
            assert said.plain
