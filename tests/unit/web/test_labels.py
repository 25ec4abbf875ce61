"""Labels of zones on pages and in the API: shown, and looked for, but not by the public."""

from urllib.parse import parse_qs

import pytest

from monitor.state.label_search import MAX_SOUGHT, SoughtLabel, split_labels
from tests.support.web_client import client
from tests.support.web_status import stage, troubled

INCIDENT = "20261120T100430-a1b2c3"
WEB = "team=web shop"


@pytest.mark.parametrize(
    ("text", "rest", "labels"),
    [
        ("example", "example", []),
        ("label:team=web", "", [SoughtLabel("team", "web")]),
        (" ex  label:team", "ex", [SoughtLabel("team")]),
        ("label:team=web shop label:tier=a=b", "", [SoughtLabel("team", "web shop"), SoughtLabel("tier", "a=b")]),
        ("label:team=", "", [SoughtLabel("team", "")]),
        ("nolabel:team=web", "nolabel:team=web", []),
        ("Label:team", "Label:team", []),
        ("label:a " * 30, "", [SoughtLabel("a")] * MAX_SOUGHT),
    ],
)
def test_what_is_written_into_the_field_for_the_name(text: str, rest: str, labels: list[SoughtLabel]) -> None:
    assert split_labels(text) == (rest, labels)


async def test_zones_are_found_by_their_labels() -> None:
    async with client(await stage(troubled())) as http:

        async def names(**asked: object) -> list[str]:
            answer = await http.get("/api/v1/zones", params=asked)
            assert answer.headers["X-Total-Count"] == str(len(answer.json()))
            return [row["name"] for row in answer.json()]

        assert await names(label=WEB) == ["example.com."]
        assert await names(label="team") == ["example.com."]
        assert await names(label=["tier=gold", WEB]) == ["example.com."]
        assert await names(label=["tier=gold", "team=mail"]) == []
        assert await names(q=f"example label:{WEB}") == ["example.com."]
        assert await names(q=f"shop label:{WEB}") == []
        assert await names(q="label:tier=gold", label="team=mail") == []
        assert await names(label=WEB, health="good") == []
        assert (await http.get("/api/v1/zones", params={"label": ["a"] * 17})).status_code == 400
        (shown,) = (await http.get("/api/v1/zones", params={"label": WEB})).json()
        assert shown["labels"] == {"team": "web shop", "tier": "gold"}


async def test_the_next_part_is_of_the_same_labels() -> None:
    async with client(await stage(troubled())) as http:
        answer = await http.get("/api/v1/incidents?label=team&label=tier&limit=1")
    query = parse_qs(answer.links["next"]["url"].partition("?")[2])
    assert (query["label"], query["limit"]) == (["team", "tier"], ["1"])


async def test_incidents_are_found_by_the_labels_of_their_zones() -> None:
    async with client(await stage(troubled())) as http:
        for phase in ({}, {"phase": "open"}):

            async def names(*labels: str, phase: dict[str, str] = phase) -> list[str]:
                answer = await http.get("/api/v1/incidents", params={"label": labels, **phase})
                return [row["id"] for row in answer.json()]

            assert await names(WEB) == [INCIDENT]
            assert await names("tier", WEB) == [INCIDENT]
            assert await names("team=mail") == []


async def test_the_page_of_a_zone_leads_to_all_that_have_the_same_label() -> None:
    async with client(await stage(troubled())) as http:
        page = (await http.get("/zones/example.com")).text
        assert '<a href="/zones?q=label%3Ateam%3Dweb+shop">team=web shop</a>' in page
        found = (await http.get("/zones?q=label%3Ateam%3Dweb+shop")).text
        assert 'href="/zones/example.com."' in found
        assert 'href="/zones/shop.example."' not in found
        assert 'value="label:team=web shop"' in found
        assert "No zone matches “label:team=x”" in (await http.get("/zones?q=label:team=x")).text
        assert 'aria-label="Labels"' not in (await http.get("/zones/shop.example")).text


async def test_the_page_of_an_incident_leads_to_all_that_have_the_same_label() -> None:
    async with client(await stage(troubled())) as http:
        page = (await http.get(f"/incidents/{INCIDENT}")).text
        assert '<a href="/incidents?label=team%3Dweb+shop">team=web shop</a>' in page
        found = (await http.get("/incidents?label=team%3Dweb+shop")).text
        assert f'id="incident-{INCIDENT}"' in found
        assert found.count('id="incident-') == 1
        assert "label “team=web shop”" in found
        nothing = (await http.get("/incidents?label=<b>")).text
        assert "No incident with this label is open." in nothing
        assert "<b>" not in nothing


async def test_the_public_sees_no_label_and_finds_nothing_by_one() -> None:
    async with client(await stage(troubled(), public=True)) as http:
        for path in ("/zones/example.com", f"/incidents/{INCIDENT}", "/incidents", "/metrics", "/api/v1/zones"):
            assert "web shop" not in (await http.get(path)).text, path
        for path in (
            "zones?label=team",
            "zones?q=label:team",
            "incidents?label=team",
            "incidents?label=team&phase=open",
        ):
            assert (await http.get(f"/api/v1/{path}")).json() == [], path
        assert 'id="incident-' not in (await http.get("/incidents?label=team")).text
