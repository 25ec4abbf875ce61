"""soawatch explain: every code in words; a zone with all that was asked, found, and who would hear of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from alerting.finding_types import FINDING_TYPES
from alerting.incident import Acknowledgement, Cause, Incident
from alerting.silences import Matchers, Silence
from checks.model.finding_type import Severity
from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.state.ports import Commit
from monitor.store.sqlite import SqliteStore
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
        await what_is_silenced_and_who_knows_of_it(tmp_path, config, plain + RECEIVERS)


async def what_is_silenced_and_who_knows_of_it(tmp_path: Path, config: Path, text: str) -> None:
    """By a maintenance window, by somebody at the service; and a database that cannot be read."""
    window = '[[maintenance]]\nname = "night"\nstart = "00:00"\nduration = "24h"\nservers = "ns2"\ncomment = "disk"\n'
    config.write_text(text + window)
    said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
    assert heard(said.out)["transfer-open at ns2"].startswith("nobody; silenced by configuration until ")
    assert "open incidents" not in said.out
    config.write_text(text)
    at = now()
    silence = Silence("s1", Matchers(zones=("pair.*",)), at, None, "anna", "new\x1b[2J disk", at)
    one = Incident(
        "i1", Cause("zone", ZONE), Severity.WARNING, "open", (ZONE,), ("ns2",), opened_at=at, began_at=at,
        codes=("transfer-open",), acknowledged=Acknowledgement(at, "bert", "mine"), silences=("s1",),
    )  # fmt: skip
    over = replace(one, id="i2", phase="resolved", resolved_at=at)
    store = await SqliteStore.open(tmp_path / "soawatch.db", now)
    await store.commit(Commit(incidents=(one, over), silences=(silence,)))
    await store.close()
    said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
    assert said.plain
    assert heard(said.out)["transfer-open at ns2"] == r"nobody; silenced by anna without an end: new\x1b[2J disk"
    first, *more = said.out.partition("\nopen incidents\n")[2].splitlines()
    assert first.startswith("  i1, warning since ")
    assert more == [
        f"    Acknowledged by bert, {at:%Y-%m-%d %H:%M:%S} UTC: mine; nobody is reminded of it",
        r"    Silenced by anna without an end: new\x1b[2J disk",
    ]
    (tmp_path / "soawatch.db").write_bytes(b"this is no database" * 1000)
    said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
    assert "note: what is silenced and who knows of what cannot be read: " in said.out
    assert said.status == 0


async def test_a_zone_of_no_configuration() -> None:
    said = await say("explain", ZONE, "--server", "ns1=127.0.0.1:1", "--moment", "0.1")
    assert said.status == 0
    assert "look 2" in said.out
    assert "refused-connection" in said.out
    assert "nobody: the zone is not in a configuration" in said.out


def heard(out: str) -> dict[str, str]:
    lines = out.partition("\nwho hears of it\n")[2].splitlines()
    return {about: who for about, _, who in (line.strip().partition(": ") for line in lines)}
