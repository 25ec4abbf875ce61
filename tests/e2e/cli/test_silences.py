"""soawatch silence and maintenance: what is made, listed and ended at a running service, and what windows come next."""

from dataclasses import replace
from pathlib import Path

from tests.e2e.cli.test_incidents import ZONE, service
from tests.support.speaking import say
from tests.support.web_status import silenced

WINDOW = '[[maintenance]]\nname = "night"\nstart = "02:00"\nduration = "2h"\nservers = "ns1"\ncomment = "backup"\n'


async def test_one_is_made_listed_and_ended(tmp_path: Path) -> None:
    async with service(tmp_path) as (config, _, seen):
        assert (await say("silence", "list", "-c", config)).out == "Nothing is silenced.\n"
        made = await say(
            "silence", "add", "-c", config, "--server", "ns2", "--server", "ns3", "--severity", "warning",
            "--for", "2h", "--comment", "new disk",
        )  # fmt: skip
        assert (made.status, made.err) == (0, "")
        said = "s1: servers ns2 or ns3, severity warning silenced by anna until 2026-11-20 12:24:30 UTC\n"
        assert made.out == said
        (one,) = seen.status.silences.made
        assert (one.matchers.servers, one.comment) == (("ns2", "ns3"), "new disk")
        listed = await say("silence", "list", "-c", config)
        assert listed.out.splitlines()[2].split()[:4] == ["s1", "active", "servers", "ns2"]
        assert (await say("silence", "list", "-c", config, "--json")).data[0]["id"] == "s1"
        ended = await say("silence", "end", "s1", "-c", config)
        assert ended.out == "s1: ended by anna (servers ns2 or ns3, severity warning)\n"
        assert (await say("silence", "list", "-c", config)).out == "Nothing is silenced.\n"
        again = await say("silence", "end", "s1", "-c", config)
        assert (again.status, "the silence is over" in again.err) == (1, True)


async def test_those_without_an_end_are_first_and_those_that_are_over_are_listed_when_they_are_asked_for(
    tmp_path: Path,
) -> None:
    async with service(tmp_path) as (config, _, seen):
        seen.show(replace(seen.status, silences=silenced()))
        shown = (await say("silence", "list", "-c", config, "--all")).out.splitlines()[2:]
        assert [row.split()[:2] for row in shown if row.strip()] == [
            ["s2", "active"], ["s1", "active"], ["s3", "expired"],
        ]  # fmt: skip
        assert "never" in shown[0]
        later = ("--zone", "a*", "--endless", "--from", "2026-12-01T02:00:00Z", "--comment", "move")
        made = await say("silence", "add", "-c", config, *later)
        of_labels = ("--label", "team=web", "--label", "tier", "--label", "team=m*")
        labelled = await say("silence", "add", "-c", config, *of_labels, "--endless", "--comment", "move")
        assert labelled.out == "s5: label team web or m*, label tier * silenced by anna until somebody ends it\n"
        assert made.out == "s4: zones a* silenced by anna from 2026-12-01 02:00:00 UTC until somebody ends it\n"


async def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    async with service(tmp_path) as (config, _, seen):
        for how, why in (
            (("--for", "2h"), "matches everything"),
            (("--server", "ns2"), "says nothing of its end"),
            (("--server", "ns2", "--for", "2 hours"), 'did you mean "2h"?'),
            (("--code", "serial-lag", "--for", "2h"), 'did you mean "serial-late"?'),
        ):
            said = await say("silence", "add", "-c", config, "--comment", "x", *how)
            assert (said.status, said.out, why in said.err) == (1, "", True), said.err
        assert seen.status.silences.made == ()


async def test_windows_of_the_configuration_and_when_they_come_next(tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    config.write_text(ZONE)
    assert (await say("maintenance", "-c", config)).out == "There is no [[maintenance]] in the configuration.\n"
    over = '[[maintenance]]\nname = "move"\nstart = "2020-01-01 02:00"\nduration = "2h"\nzones = "*"\n'
    config.write_text(ZONE + WINDOW + over)
    rows = (await say("maintenance", "-c", config)).out.splitlines()
    assert rows[2].startswith("  night   servers ns1  every day at 02:00 UTC, for 2h  ")
    assert rows[5].split() == ["move", "zones", "*", "once", "over"]
    night, move = (await say("maintenance", "-c", config, "--json")).data
    assert (len(night["next"]), move["next"]) == (3, [])
    checked = await say("check-config", config)
    assert "\n".join(rows[1:3]) in checked.out


async def test_what_the_database_does_not_take_is_said_not_to_be_done(tmp_path: Path) -> None:
    async with service(tmp_path) as (config, _, seen):
        seen.show(replace(seen.status, silences=silenced()))
        seen.full = True
        (incident, *_) = (name for name, one in seen.status.incidents.items() if one.phase == "open")
        new = ("silence", "add", "--server", "ns2", "--for", "2h", "--comment", "x")
        for command in (new, ("silence", "end", "s1"), ("ack", incident), ("ack", incident, "--undo")):
            said = await say(*command, "-c", config)
            assert (said.status, said.out) == (1, "")
            assert "it was not done, since the database does not take it: soawatch.db: the disk is full" in said.err
