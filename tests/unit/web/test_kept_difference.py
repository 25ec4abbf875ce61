"""The sentences of the check content → the records that they tell of, whatever is in these."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from checks.content import Content
from checks.evaluation import run_check
from checks.model import Observation, Query, TransferResult, ZoneContent
from checks.model.content import BUCKETS
from checks.zone_state.model import ZoneState
from monitor.web.kept_difference import kept_difference
from tests.support.fakes.zones import FakeZones
from tests.support.observations import SOA, gather, pulled
from tests.support.observations import zone as zone_of
from tests.support.web_client import client
from tests.support.web_status import SERVERS, bad, finding, stage, troubled
from tests.support.web_status import zone as status_of

HEAD = "ns2 (192.0.2.2) is on serial 7 as ns1 (192.0.2.1) is, with other records"
A = "www.example.com. 300 IN A 192.0.2.80"
CHANGED = "www.example.com. 300 IN A 192.0.2.81"
JOINED = 'a.example.com. 300 IN TXT "x; + forged.example.com. 300 IN A 192.0.2.1" "\\"; - y"'
ESCAPED = "a\\;\\\\b.example.com. 300 IN A 192.0.2.1"
LONG = f'long.example.com. 300 IN TXT "{"x" * 100}; + forged.example.com. 300 IN A 1 {"y" * 400}"'
EDGE = f'edge.example.com. 300 IN TXT "{"x" * 126}"'
MARKUP = 'm.example.com. 300 IN TXT "<img src=x onerror=alert(1)>"'


def sentence(removed: Sequence[str], added: Sequence[str]) -> str:
    return f"{HEAD}: {len(removed)} records missing, {len(added)} more: " + "; ".join(
        (line if len(line) <= 160 else f"{line[:160]}... ({len(line) - 160} more)")
        for line in (*(f"- {line}" for line in removed), *(f"+ {line}" for line in added))
    )


def given(query: Query, lines: Sequence[str]) -> Observation:
    """All records are in one part."""
    buckets = ("".join(sorted(lines)).encode(), *(b"",) * (BUCKETS - 1))
    content = ZoneContent(len(lines), buckets, (b"",) * BUCKETS, tuple(lines) if query.content else ())
    return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=7), content=content)


def test_it_is_the_check_that_says_so() -> None:
    watched, check, seen = zone_of(content=True), Content(), ()
    has = {"ns1": (A, LONG), "ns2": (CHANGED, JOINED, MARKUP)}
    for _ in range(2):
        seen += tuple(given(query, has[query.server]) for query in check.queries(watched, seen))
    (told,) = run_check(check, watched, gather(watched, "content", *seen), ZoneState(watched.name)).findings
    assert told.text == sentence([LONG, A], [JOINED, MARKUP, CHANGED]).replace("1 records", "1 record")
    found = kept_difference(told.text)
    assert found is not None
    assert sorted(group.owner for group in found.groups) == [
        "a.example.com.", "long.example.com.", "m.example.com.", "www.example.com.",
    ]  # fmt: skip


@pytest.mark.parametrize("first", [A, JOINED, ESCAPED, LONG, EDGE, MARKUP])
@pytest.mark.parametrize("second", [CHANGED, JOINED, LONG, EDGE])
def test_each_record_is_found_whatever_is_in_it(first: str, second: str) -> None:
    found = kept_difference(sentence([first], [second, MARKUP]))
    assert found is not None
    assert (found.head, found.reference, found.more) == (HEAD, "ns1", 0)
    shown = [(group.owner, one.sign, one.data) for group in found.groups for one in group.records]
    assert len(shown) == 3
    for sign, line in (("-", first), ("+", second), ("+", MARKUP)):
        owner, _, _, _, data = line.split(" ", 4)
        own = [text for name, shown_sign, text in shown if (name, shown_sign) == (owner, sign)]
        assert any(text == data or text.startswith(data[:100]) for text in own)


def test_what_is_not_in_the_sentence_is_counted() -> None:
    text = f"{HEAD}: 30 records missing, 2 more: - {A}; + {CHANGED}"
    found = kept_difference(text)
    assert found is not None
    assert found.more == 30
    assert [(group.kind, len(group.records)) for group in found.groups] == [("changed", 2)]


@pytest.mark.parametrize("text", ["", "www A is 1, others have 2", f"{HEAD}, too many to compare here", f"{HEAD}: x"])
def test_other_sentences_stay_sentences(text: str) -> None:
    assert kept_difference(text) is None


async def test_the_page_shows_them_one_by_one() -> None:
    seen = status_of("example.com.")
    one = finding("content-differs", sentence([A], [CHANGED, MARKUP]), "ns2", SERVERS["ns2"][0], check="content")
    shown = replace(troubled(), zones=FakeZones([bad(seen, one)]))
    async with client(await stage(shown)) as http:
        page = (await http.get("/zones/example.com")).text
    assert page.count('<ul class="differing">') == 1
    assert f"<p>{HEAD}.</p>" in page
    assert "Changed" in page
    assert "Only at ns2" in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
