"""soawatch check that must end in time: whoever is silent has been waited for as long as always, or is not known.

The kind: a question without an answer, be it to a server or to the resolver, over whichever transport.
"""

import re
import socket
import time
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from tests.support.resolver import resolving
from tests.support.speaking import Said, run, say

ZONE = "pair.example."
PATIENCE = 'timeout = "400ms"\nattempts = 3'
"""1.2 seconds for somebody who is silent."""


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        yield pair


@pytest.fixture
def config(pair: Pair, tmp_path: Path) -> Path:
    path = pair.write(tmp_path)
    text = path.read_text()
    begin = text.index("[probe]")
    path.write_text(f"{text[:begin]}[probe]\n{PATIENCE}\n{text[text.index('[', begin + 1) :]}")
    return path


@pytest.fixture
def patient(config: Path) -> Path:
    """With more patience than a busy machine takes to begin."""
    text = config.read_text().replace(PATIENCE, 'timeout = "1500ms"\nattempts = 3')
    cadences, rest = text.partition("[probe]")[::2]
    config.write_text(re.sub(r'^([a-z-]+ = )"[24]s"$', r'\1"9s"', cadences, flags=re.MULTILINE) + "[probe]" + rest)
    return config


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """The time of these tests is what the command waits, not what a slow machine takes to load it."""
    for module in (
        "monitor.cli.nagios",
        "monitor.cli.zone_check.check_zone",
        "monitor.config.load",
        "monitor.store.reader",
    ):
        import_module(module)


async def within(seconds: float, *arguments: object) -> Said:
    """It ends in time; a loaded machine has two seconds more for what is no waiting."""
    begun = time.monotonic()
    said = await say("check", ZONE, *arguments)
    assert time.monotonic() - begun < seconds + 2
    return said


def both(pair: Pair) -> list[str]:
    return [f"--server={server.name}={server.address}" for server in pair.servers]


async def test_for_nagios_it_ends_before_nrpe_gives_up(pair: Pair) -> None:
    """With all settings as they are by default; to us a port that drops all is as one that hangs."""
    pair.break_("tcp-silent")
    said = await within(8, *both(pair), "--nagios")
    assert said.status == 1
    assert said.out.startswith(f"SOAWATCH WARNING - {ZONE} ns2 ({pair.secondary.address}) answers over UDP only")


@pytest.mark.parametrize(
    ("faults", "status", "words"),
    [
        ((), 0, "2 addresses serve 1000"),
        (("tcp-silent",), 1, "answers over UDP only: TCP is dropped or hangs"),
        (("udp-dead",), 1, "answers over TCP only: no answer over UDP"),
        (("udp-dead", "tcp-silent"), 2, "cannot be reached: no answer over UDP, TCP is dropped or hangs"),
        (("lame",), 2, "refuses"),
    ],
)
async def test_who_was_waited_for_as_long_as_always_is_judged(
    pair: Pair, config: Path, faults: tuple[str, ...], status: int, words: str
) -> None:
    for fault in faults:
        pair.break_(fault, "ns2")
    said = await within(6, "-c", config, *both(pair), "--timeout", "6", "--nagios")
    assert said.status == status, said.out
    assert words in said.out


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (("tcp-silent",), "has said nothing over TCP within 2.4 s, and may be slow or dead"),
        (("udp-dead",), "has said nothing over UDP within 2.4 s, and may be slow or dead"),
        (("udp-dead", "tcp-silent"), "has said nothing over TCP within 2.4 s"),
    ],
)
async def test_who_was_not_is_neither_well_nor_accused(
    pair: Pair, patient: Path, faults: tuple[str, ...], words: str
) -> None:
    for fault in faults:
        pair.break_(fault, "ns2")
    said = await within(2.4, "-c", patient, *both(pair), "--timeout", "2.4", "--nagios")
    assert said.status == 3
    assert said.out.startswith(f"SOAWATCH UNKNOWN - {ZONE} ")
    assert f" ns2 ({pair.secondary.address}) " in said.out
    assert words in said.out
    said = await within(2.4, "-c", patient, *both(pair), "--timeout", "2.4")
    assert (said.status, said.out.splitlines()[0]) == (1, f"{ZONE}: cannot tell")
    assert f"unknown: ns2 ({pair.secondary.address}) {words}" in said.out
    said = await within(2.4, "-c", patient, *both(pair), "--timeout", "2.4", "--json")
    assert (said.status, said.data["health"], said.data["findings"]) == (1, "unknown", [])
    assert words in " ".join(said.data["unknown"])


async def test_what_is_known_to_be_wrong_is_said_though_not_all_is_known(pair: Pair, patient: Path) -> None:
    pair.break_("lame", "ns1")
    pair.break_("tcp-silent", "ns2")
    said = await within(2.4, "-c", patient, *both(pair), "--timeout", "2.4", "--nagios")
    assert said.status == 2
    assert f"SOAWATCH CRITICAL - {ZONE} ns1 ({pair.primary.address}) refuses" in said.out
    assert f"; ns2 ({pair.secondary.address}) has said nothing over TCP within 2.4 s" in said.out


async def test_a_transfer_that_does_not_end(pair: Pair, patient: Path) -> None:
    pair.break_("tcp-silent", "ns2")
    said = await within(2.4, "-c", patient, "--timeout", "2.4", "--json")
    assert said.status == 1
    assert f"a zone transfer from ns2 ({pair.secondary.address}) takes longer than 2.4 s" in said.data["unknown"]


async def test_a_resolver_that_is_silent_is_not_waited_for_either(tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    async with resolving({}) as resolver:
        resolver.dead = True
        config.write_text(f'zones = ["{ZONE}"]\n[resolver]\naddresses = ["{resolver.address}"]\ntimeout = "30s"\n')
        said = await within(1, "-c", config, "--timeout", "1", "--nagios")
    assert said.status == 3
    assert "the resolver does not answer" in said.out


async def test_the_time_counts_from_the_beginning_of_the_process(pair: Pair) -> None:
    """NRPE does not know what a program does before it begins: what is loaded takes a second where much is going on."""
    pair.break_("tcp-silent")
    begun = time.monotonic()
    await run("--version")
    loaded = time.monotonic()
    said = await run("check", ZONE, *both(pair), "--timeout", "3", "--nagios")
    assert time.monotonic() - loaded < 3 + 1 + 2 * (loaded - begun), "a loaded machine has as long again"
    assert said.status in (1, 3), said.out


async def test_servers_of_other_zones_are_not_looked_for(pair: Pair, config: Path) -> None:
    """A resolver that says nothing of them takes its time for each name; nobody has asked about them."""
    others = "".join(f'[servers.other{n}]\nhost = "other{n}.invalid"\n' for n in range(40))
    config.write_text(f'{config.read_text()}\n{others}[resolver]\naddresses = ["127.0.0.1:1"]\ntimeout = "2s"\n')
    said = await within(6, "-c", config, "--timeout", "6", "--nagios")
    assert said.status == 0, said.out
    assert "other" not in said.out + said.err


async def test_a_resolver_that_is_asked_for_very_many_names_and_says_nothing_ends_it_in_time(tmp_path: Path) -> None:
    """A zone without listed servers: any server of the configuration may be one of its NS set."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind(("127.0.0.1", 0))
        hosts = "".join(f'[servers.s{n}]\nhost = "s{n}.example.net"\n' for n in range(300))
        path = tmp_path / "many.toml"
        path.write_text(
            f'{hosts}[[zones]]\nname = "pair.example"\n'
            f'[resolver]\naddresses = ["127.0.0.1:{silent.getsockname()[1]}"]\ntimeout = "2s"\n'
        )
        said = await within(4, "-c", path, "--timeout", "4", "--nagios")
    assert said.status == 3, said.out
    assert said.out.startswith("SOAWATCH UNKNOWN - ")
    assert "s1." not in said.out
