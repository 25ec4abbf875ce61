"""The records that a finding tells of are shown one by one, whatever is in them, and none of a hidden server."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerting.model import Alert
from checks.content import Content
from checks.evaluation import run_check
from checks.model import Observation, Query, RecordDifference, TransferResult, ZoneContent
from checks.model.content import BUCKETS
from checks.zone_state.model import ZoneState
from monitor.store.codec import decode, encode
from monitor.web.kept_difference import kept_difference
from monitor.web.redaction import public
from tests.support.fakes.zones import FakeZones
from tests.support.observations import SOA, gather, pulled
from tests.support.observations import zone as zone_of
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, HIDDEN_ADDRESS, SERVERS, bad, finding, stage, status, troubled
from tests.support.web_status import zone as status_of

HEAD = "ns2 (192.0.2.2) is on serial 7 as ns1 (192.0.2.1) is, with other records"
A = "www.example.com. 300 IN A 192.0.2.80"
CHANGED = "www.example.com. 300 IN A 192.0.2.81"
JOINED = 'a.example.com. 300 IN TXT "x; + forged.example.com. 300 IN A 192.0.2.1" "\\"; - y"'
MARKUP = 'm.example.com. 300 IN TXT "<img src=x onerror=alert(1)>"'
LONG = f'long.example.com. 300 IN TXT "{"x" * 400}"'
TOLD = RecordDifference(HEAD, "ns1", (A,), (JOINED, CHANGED, MARKUP), 4)


def given(query: Query, lines: Sequence[str]) -> Observation:
    """All records are in one part."""
    buckets = ("".join(sorted(lines)).encode(), *(b"",) * (BUCKETS - 1))
    content = ZoneContent(len(lines), buckets, (b"",) * BUCKETS, tuple(lines) if query.content else ())
    return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=7), content=content)


def test_the_check_content_tells_of_them_as_its_sentence_does() -> None:
    watched, check, seen = zone_of(content=True), Content(), ()
    has = {"ns1": (A, LONG), "ns2": (CHANGED, JOINED, MARKUP)}
    for _ in range(2):
        seen += tuple(given(query, has[query.server]) for query in check.queries(watched, seen))
    (told,) = run_check(check, watched, gather(watched, "content", *seen), ZoneState(watched.name)).findings
    one = told.difference
    assert one is not None
    cut = f"{LONG[:160]}... ({len(LONG) - 160} more)"
    assert one == RecordDifference(HEAD, "ns1", (cut, A), (JOINED, MARKUP, CHANGED))
    lines = [*(f"- {line}" for line in one.removed), *(f"+ {line}" for line in one.added)]
    assert told.text == f"{HEAD}: 2 records missing, 3 more: {'; '.join(lines)}"


def test_they_are_grouped_by_owner_and_type() -> None:
    found = kept_difference(TOLD)
    assert found is not None
    assert (found.head, found.reference, found.more) == (HEAD, "ns1", 4)
    assert [(group.owner, group.kind, [one.data for one in group.records]) for group in found.groups] == [
        ("www.example.com.", "changed", ["192.0.2.80", "192.0.2.81"]),
        ("a.example.com.", "added", [JOINED.split(" ", 4)[4]]),
        ("m.example.com.", "added", [MARKUP.split(" ", 4)[4]]),
    ]
    assert kept_difference(None) is None


def alert(difference: RecordDifference | None = TOLD, text: str = HEAD) -> Alert:
    one = finding("content-differs", text, "ns2", SERVERS["ns2"][0], check="content")
    return replace(one, difference=difference)


@pytest.mark.parametrize(("more", "said"), [(30, "and at least 30 more"), (0, "and more, in parts of the zone")])
async def test_of_a_zone_that_was_not_looked_at_whole_more_is_said_to_differ(more: int, said: str) -> None:
    one = alert(replace(TOLD, more=more, is_complete=False))
    assert decode(Alert, encode(one)).difference == one.difference
    shown = replace(troubled(), zones=FakeZones([bad(status_of("example.com."), one)]))
    async with client(await stage(shown)) as http:
        assert said in (await http.get("/zones/example.com.")).text


def test_they_come_back_after_a_restart() -> None:
    assert decode(Alert, encode(alert())).difference == TOLD
    assert decode(Alert, encode(alert(None))).difference is None


async def test_the_page_shows_them_one_by_one() -> None:
    shown = replace(troubled(), zones=FakeZones([bad(status_of("example.com."), alert())]))
    async with client(await stage(shown)) as http:
        page = (await http.get("/zones/example.com")).text
        (told,) = (await http.get("/api/v1/zones/example.com")).json()["findings"]
    assert page.count('<ul class="differing">') == 1
    assert f"<p>{HEAD}.</p>" in page
    assert "Changed" in page
    assert "Only at ns2" in page
    assert "and 4 more" in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert told["difference"] == {
        "reference": "ns1", "removed": [A], "added": [JOINED, CHANGED, MARKUP], "more": 4, "is_complete": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reference": HIDDEN}, HEAD),
        ({"summary": f"as {HIDDEN} has"}, HEAD),
        ({"removed": (f"www.example.com. 300 IN A {HIDDEN_ADDRESS}",)}, HEAD),
        ({"added": (f"@ 300 IN NS {HIDDEN}",)}, HEAD),
        ({}, f"as {HIDDEN} has"),
    ],
)
def test_what_names_a_hidden_server_is_not_public(changes: dict[str, object], text: str) -> None:
    of = replace(TOLD, **changes)  # type: ignore[arg-type]

    def shown(one: Alert) -> RecordDifference | None:
        (found,) = public(status([bad(status_of("example.com."), one)])).public.zones["example.com."].findings
        return found.difference

    assert shown(alert(of, text)) is None
    assert shown(alert()) == TOLD
