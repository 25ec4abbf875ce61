"""Two teams with zones on the same servers, one told by a webhook and one by mail; then nobody can tell either."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.e2e.test_incidents import Scene, opened, scene
from tests.support.running import until

TEAMS = "".join(
    f'[[zones]]\nname = "{team}{n}.example.net"\nservers = ["ns1", "ns2", "ns3"]\nlabels = {{ team = "{team}" }}\n'
    for team in "ab"
    for n in (1, 2)
) + "".join(
    f'[[routes]]\nreceivers = "{receiver}"\nlabels = {{ team = "{team}" }}\n'
    for team, receiver in (("a", "hook"), ("b", "mail"))
)


async def test_each_team_reads_of_its_own_zones_and_of_what_it_missed_how_it_stands(tmp_path: Path) -> None:
    """A webhook hears the last state of each incident, who reads mail what came and went, in one."""
    async with scene(tmp_path, TEAMS, "ns1", "ns2", "ns3", timeout="250ms") as on:
        on.farm.dead.add("ns3")
        await on.told(hook=1, mail=1)
        on.farm.dead.clear()
        await on.told(hook=2, mail=2)
        assert [(each["type"], each["data"]["zones"] or each["data"]["past_zones"]) for _, each in on.hook.heard] == [
            ("incident.opened", ["a1.example.net.", "a2.example.net."]),
            ("incident.resolved", ["a1.example.net.", "a2.example.net."]),
        ]
        assert on.subjects() == [
            "[FIRING critical] ns3, 2 zones: ns3 cannot be reached",
            "[RESOLVED] ns3, 2 zones: ns3 cannot be reached",
        ]
        for mail in map(text_of, on.box.mails):
            assert names(mail) == {"b1", "b2"}
        for _, said in on.hook.heard:
            assert names(str(said)) == {"a1", "a2"}
        await both_are_away(on)


async def both_are_away(on: Scene) -> None:
    """Two incidents come and go meanwhile."""
    on.hook.status, on.box.answer = 503, "451 later"
    on.farm.refusing = {"ns1": {b"\x02a1", b"\x02b1"}, "ns2": {b"\x02a2", b"\x02b2"}}
    await until(lambda: owed(on, "open", ["incident.opened"]))
    ids = [each["id"] for each in await opened(on)]
    on.farm.refusing.clear()
    await until(lambda: owed(on, "resolved", ["incident.opened", "incident.resolved"], ids))
    on.hook.status, on.box.answer = 204, "250 taken"
    on.reload(on.text.replace('tls = "none"', 'tls = "none", helo = "here"').replace("/told", "/told?again"))
    await on.told(hook=4, mail=3)
    first, second = (said for _, said in on.hook.heard[2:])
    assert (first["type"], second["type"]) == ("incident.resolved",) * 2
    assert {first["data"]["id"], second["data"]["id"]} == set(ids)
    assert names(str(first)) | names(str(second)) == {"a1", "a2"}
    assert on.subjects()[-1] == "[RESOLVED] 2 incidents came and went before you could be told"
    digest = text_of(on.box.mails[-1])
    assert names(digest) == {"b1", "b2"}
    assert digest.count("It was over before this could be delivered, so you hear of it only now.") == 2
    await until(lambda: nothing_waits(on, ids))


def names(text: str) -> set[str]:
    """The zones that it names."""
    return set(re.findall(r"\b([ab]\d)\.example", text))


def text_of(mail: Any) -> str:
    return str(mail["Subject"]) + str(mail.get_body(("plain",)).get_content()) + str(mail.get_body(("html",)))


async def records(on: Scene, ids: Collection[str]) -> list[dict[str, Any]]:
    return [await on.service.get(f"api/v1/incidents/{id}") for id in ids]


async def owed(on: Scene, phase: str, kinds: list[str], ids: Collection[str] = ()) -> bool:
    """Both incidents are so, and each receiver waits for that of each."""
    found = await records(on, ids or [each["id"] for each in await opened(on)])
    return len(found) == 2 and all(
        one["phase"] == phase
        and {each["receiver"]: each["state"] for each in one["deliveries"]} == {"hook": "waiting", "mail": "waiting"}
        and [each["type"] for each in one["deliveries"] if each["receiver"] == "mail"] == kinds
        for one in found
    )


async def nothing_waits(on: Scene, ids: Collection[str]) -> bool:
    return not any(each["state"] == "waiting" for one in await records(on, ids) for each in one["deliveries"])
