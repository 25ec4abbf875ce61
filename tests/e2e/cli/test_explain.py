"""soawatch explain: every code in words; a zone with all that was asked, found, and who would hear of it."""

from pathlib import Path

import pytest

from alerting.finding_types import FINDING_TYPES
from monitor.clock import now
from monitor.pair.pair import Pair
from tests.support.speaking import say

ZONE = "pair.example."

RECEIVERS = """
[receivers.mail]
type = "email"
to = ["dns@example.com"]
smtp = { host = "127.0.0.1", tls = "none" }
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/dns"
"""


@pytest.mark.parametrize("code", FINDING_TYPES)
async def test_a_code(code: str) -> None:
    said = await say("explain", code)
    assert said.status == 0
    assert said.err == ""
    assert said.out.startswith(f"{code} ({FINDING_TYPES[code].severity}): {FINDING_TYPES[code].title}\n")
    for part in ("Causes, the likely ones first:", "What to do: ", "To see it:"):
        assert part in said.out
    assert said.plain
    assert "{" not in said.out.partition("To see it:")[2]


async def test_a_code_that_is_none() -> None:
    said = await say("explain", "serial-stuk")
    assert said.status == 2
    assert said.err == "soawatch: 'serial-stuk' is neither a code nor the name of a zone; did you mean serial-stuck?\n"
    said = await say("explain", "zzz\x1b[2J")
    assert said.status == 2
    assert all(code in said.err for code in FINDING_TYPES)
    assert said.plain
    assert (await say("explain", "Serial-STUCK")).status == 0


async def test_a_zone_whose_name_is_none() -> None:
    said = await say("explain", "a..b")
    assert said.status == 2
    assert "a DNS label is empty" in said.err


async def test_a_zone_and_who_hears_of_it(tmp_path: Path) -> None:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        config = pair.write(tmp_path)
        plain = config.read_text()
        said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
        assert said.status == 0
        ns1, ns2 = pair.primary.address, pair.secondary.address
        for line in (
            "pair.example.: all is well",
            f"  ns1 {ns1} pair.example. SOA udp: answered, NOERROR, AA, serial 1000, NSID ns1, EXPIRE",
            f"  ns2 {ns2} pair.example. SOA tcp: answered, NOERROR, AA, serial 1000",
            f"  ns1 {ns1} www.pair.example. A udp: answered, NOERROR, AA, 192.0.2.80",
            f"  ns1 {ns1} pair.example. AXFR tcp with key xfr: answered, NOERROR, AA, serial 1000, transfer allowed",
            f"  ns2 {ns2} pair.example. AXFR tcp: answered, REFUSED, transfer refused",
            "  → good",
        ):
            assert line in said.out
        assert "who hears of it" not in said.out

        pair.break_("transfer-open")
        pair.break_("ttl-changed")
        assert heard((await say("explain", ZONE, "-c", config, "--moment", "0.1")).out) == {
            "transfer-open at ns2": "nobody; there are no receivers",
            "ttl-differs at ns2": "nobody; what is of severity info is only shown",
        }
        config.write_text(plain + RECEIVERS)
        assert heard((await say("explain", ZONE, "-c", config, "--moment", "0.1")).out)["transfer-open at ns2"] == (
            "mail and hook, once it has stood for 1 s"
        )
        config.write_text(plain + RECEIVERS + '[[routes]]\nzones = ["pair.example"]\nreceivers = ["hook"]\n')
        assert heard((await say("explain", ZONE, "-c", config, "--moment", "0.1")).out)["transfer-open at ns2"] == (
            "hook, once it has stood for 1 s"
        )
        config.write_text(plain + RECEIVERS + '[[routes]]\nseverity = ["critical"]\nreceivers = ["hook"]\n')
        said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
        assert heard(said.out)["transfer-open at ns2"] == "nobody; no route matches"
        assert "  → warning transfer-open: ns2" in said.out


async def test_a_zone_of_no_configuration() -> None:
    said = await say("explain", ZONE, "--server", "ns1=127.0.0.1:1", "--moment", "0.1")
    assert said.status == 0
    assert "look 2" in said.out
    assert "refused-connection" in said.out
    assert "nobody: the zone is not in a configuration" in said.out


def heard(out: str) -> dict[str, str]:
    lines = out.partition("\nwho hears of it\n")[2].splitlines()
    return {about: who for about, _, who in (line.strip().partition(": ") for line in lines)}
