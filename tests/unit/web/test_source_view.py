"""Sources of zones on the page, in the API and in the metrics: what each names, and why it is not believed."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from monitor.config.zone_sources import SourceTrouble
from monitor.state.source_status import SourceStatus
from monitor.web import metrics
from monitor.web.metrics import MAX_SOURCES, select_zones
from monitor.web.source_view import source_rows
from tests.support.fakes.zones import FakeZones
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, NOW, SOURCES, TOKEN, Counters, ago, stage, status, troubled


def test_what_is_not_believed_comes_first_and_since_when_it_is_not() -> None:
    rows = source_rows(troubled().sources)
    assert [(row.word, row.kind, row.source.zones) for row in rows] == [
        ("Not believed", "PowerDNS API", 2), ("Believed", "List", 3), ("Believed", "Catalog", 7),
    ]  # fmt: skip
    assert [row.word for row in source_rows(SOURCES)] == ["Not read", "Believed", "Believed"]


def test_a_source_keeps_since_when_it_is_not_believed_and_when_it_last_was() -> None:
    failing = SourceTrouble.failing("catalog c.example.", "silent")
    source = SourceStatus("catalog c.example.").after_look(ago(hours=3), 5, None, 1)
    for hours, trouble in ((2, failing), (1, replace(failing, text="refused"))):
        source = source.after_look(ago(hours=hours), 5, trouble, 1)
        assert (source.read_at, source.trouble_since) == (ago(hours=3), ago(hours=2))
    source = source.after_look(ago(minutes=5), 5, SourceTrouble.broken("catalog c.example.", "version 3"), 1)
    assert source.trouble_since == ago(minutes=5)
    source = source.after_look(NOW, 6, None, 2)
    assert (source.read_at, source.trouble_since, source.serial) == (NOW, None, 2)


async def test_the_page_has_a_place_for_them_only_where_there_are_any() -> None:
    async with client(await stage(troubled())) as http:
        page = (await http.get("/sources")).text
        assert '<a href="/sources" aria-current="page">' in page
        assert "zone-source-failing" in page
        assert f"it cannot be asked: {HIDDEN} is silent" in page
        assert "2026112003" in page
    async with client(await stage(status(sources=()))) as http:
        assert "/sources" not in (await http.get("/")).text
        assert "All zones are written in the configuration." in (await http.get("/sources")).text


async def test_a_zone_says_which_catalog_it_is_from_or_was_removed_from() -> None:
    seen = status()
    gone = FakeZones(replace(seen.zones[name], removed=name == "mail.example.") for name in seen.zones)
    async with client(await stage(replace(seen, zones=gone))) as http:
        pages = [(await http.get(f"/zones/{name}")).text for name in ("shop.example", "mail.example", "example.com")]
        zones = [(await http.get(f"/api/v1/zones/{name}")).json() for name in ("shop.example", "mail.example")]
    assert [" · from catalog" in page for page in pages] == [True, False, False]
    assert [" · removed from catalog" in page for page in pages] == [False, True, False]
    assert [(zone["catalog"], zone["removed"]) for zone in zones] == [
        ("catalog.example.", False), ("catalog.example.", True),
    ]  # fmt: skip


async def test_the_public_sees_none() -> None:
    async with client(await stage(troubled(), token=True, public=True)) as http:
        assert (await http.get("/api/v1/sources")).json() == []
        assert "/etc/soawatch" not in (await http.get("/sources")).text
        assert "soawatch_zone_source_up{" not in (await http.get("/metrics")).text
        whole = {"Authorization": f"Bearer {TOKEN}"}
        assert [one["kind"] for one in (await http.get("/api/v1/sources", headers=whole)).json()] == [
            "list", "catalog", "powerdns",
        ]  # fmt: skip


def test_very_many_sources_make_no_more_series_than_may_be_and_the_bad_ones_have_theirs() -> None:
    many = [SourceStatus(f"catalog c{number}.", read_at=NOW, refresh=timedelta(1)) for number in range(MAX_SOURCES + 7)]
    many[-1] = many[-1].after_look(NOW, 0, SourceTrouble.failing(many[-1].source, "silent"))
    seen = status(sources=tuple(many))
    selection = asyncio.run(select_zones(seen.zones, 1000))
    text = metrics.render(seen, selection, Counters().registry, NOW)[0].decode()
    assert text.count("soawatch_zone_source_up{") == MAX_SOURCES
    assert f'soawatch_zone_source_up{{kind="catalog",source="c{MAX_SOURCES + 6}."}} 0.0' in text
    assert "soawatch_metrics_zone_sources_omitted 7.0" in text


def test_of_a_source_that_was_not_read_yet_no_series_says_that_it_is_down() -> None:
    seen = status(sources=SOURCES)
    text = metrics.render(seen, asyncio.run(select_zones(seen.zones, 1000)), Counters().registry, NOW)[0].decode()
    assert 'soawatch_zone_source_up{kind="catalog",source="catalog.example."} 1.0' in text
    assert 'soawatch_zone_source_up{kind="powerdns"' not in text
