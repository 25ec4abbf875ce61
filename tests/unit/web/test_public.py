"""The public view keeps hidden servers out of everything."""

from dataclasses import replace

import pytest

from alerting.incident import IncidentChange
from alerting.timeline import TimelineEvent, entry
from checks.model import Address, Health
from checks.model.finding_type import Severity
from monitor.probe.server_series import OTHER_HIDDEN
from monitor.state.ports import Commit
from monitor.web.redaction import Redaction, public, redaction_of
from monitor.web.snapshot import SnapshotCache, View
from tests.support.fakes.zones import FakeZones
from tests.support.web_client import client
from tests.support.web_status import (
    HIDDEN,
    HIDDEN_ADDRESS,
    HIDDEN_ADDRESS6,
    LEAKS,
    NAMES,
    NOW,
    PAST,
    SERVERS,
    TOKEN,
    bad,
    finding,
    leaky,
    stage,
    status,
    statuses,
    zone,
)

SECRETS = (HIDDEN, HIDDEN_ADDRESS, HIDDEN_ADDRESS6, "2001:DB8:77:0::53", "oncall", "/var/lib/soawatch")
ZONES = [name.replace("/", "%2F") for name in NAMES]
PATHS = (
    "/", "/?q=hush", f"/?q={HIDDEN_ADDRESS}", "/servers", "/servers/ns1", "/servers/ns2", "/incidents", "/metrics",
    "/incidents/leaky", "/api/v1/incidents/leaky", "/incidents/past", "/api/v1/incidents?phase=open",
    "/checks", "/api/v1/checks", "/sources", "/api/v1/sources", "/api/v1/servers/ns1/propagation",
    "/api/v1/zones/example.com/propagation?since=2020-01-01T00:00:00Z",
    "/api/v1/zones?limit=1000", "/api/v1/incidents", "/api/v1/servers", "/codes", "/healthz", "/readyz", "/login",
    *(f"/zones/{name}?span=30d" for name in ZONES), *(f"/api/v1/zones/{name}" for name in ZONES),
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_no_page_holds_a_word_of_a_hidden_server(path: str) -> None:
    seen = await stage(leaky(), token=True, public=True)
    past = replace(PAST, id="past", lines=tuple(replace(PAST.lines[0], text=text) for text in LEAKS))
    change = IncidentChange(servers=(HIDDEN,), servers_back=(HIDDEN,))
    grew = entry(past, TimelineEvent.GREW, past.opened_at, who="anna", note=HIDDEN, change=change)
    timeline = (grew, replace(grew, incident="leaky"))
    await seen.store.commit(Commit(incidents=(past, *seen.status.incidents.values()), timeline=timeline))
    async with client(seen) as http:
        answer = await http.get(path)
    assert answer.status_code in (200, 503)
    text = (
        answer.text.replace(f'value="{HIDDEN_ADDRESS}"', "")
        .replace(f"“{HIDDEN_ADDRESS}”", "")
        .replace(f"q={HIDDEN_ADDRESS}", "")
    )
    for secret in SECRETS:
        assert secret.lower() not in text.lower(), secret
    assert "of-the-hidden" not in text


async def test_hidden_servers_are_in_no_sum_that_the_public_sees() -> None:
    seen = await stage(status(), token=True, public=True)
    seen.counters.server_series.use([("ns1", False), ("ns2", False), (HIDDEN, True), ("hush2", True)], NOW)
    for server, count in (("ns2", 5), ("hush2", 70)):
        seen.counters.probe_stats.answered(server, 0.01, count)
    line = 'soawatch_queries_total{outcome="answered",server="other servers",transport="udp"}'
    async with client(seen) as http:
        shown = (await http.get("/metrics")).text
        whole = (await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).text
    assert f"{line} 5.0\n" in shown
    assert OTHER_HIDDEN not in shown
    assert "soawatch_metrics_servers_omitted 1.0\n" in shown
    assert f"{line} 5.0\n" in whole
    assert f"{line.replace('other servers', 'other hidden servers')} 70.0\n" in whole
    assert "soawatch_metrics_servers_omitted 2.0\n" in whole


async def test_a_hidden_server_is_not_there_at_all() -> None:
    async with client(await stage(leaky(), public=True)) as http:
        for path in ("/servers/{}", "/api/v1/servers/{}/propagation"):
            there, nowhere = await http.get(path.format(HIDDEN)), await http.get(path.format("nobody-at-all"))
            assert there.status_code == nowhere.status_code == 404
            assert there.text == nowhere.text


async def test_what_is_not_about_it_stays() -> None:
    async with client(await stage(leaky(), public=True)) as http:
        data = (await http.get("/api/v1/zones/example.com")).json()
        assert {a["server"] for a in data["addresses"]} == set(SERVERS) - {HIDDEN}
        assert [f["text"] for f in data["findings"] if f["code"] == "serial-overdue"] == [
            "ns2 serves 2026112006, behind 2026112007 for 1 h 20 min"
        ] * 2
        text = (await http.get("/zones/example.com?span=24h")).text
        assert text.count('class="lane"') == 5
        incidents = (await http.get("/api/v1/incidents")).json()
        assert {i["cause"] for i in incidents} == {"zone example.com."}


async def test_texts_that_name_it_become_the_title_of_their_code() -> None:
    async with client(await stage(leaky(), public=True)) as http:
        data = (await http.get("/api/v1/zones/example.net")).json()
    assert {f["text"] for f in data["findings"]} == {"A compared record is not the same on all servers"}
    assert len(data["findings"]) == len(LEAKS)


async def test_whoever_has_the_token_sees_the_whole() -> None:
    async with client(await stage(leaky(), token=True, public=True)) as http:
        ours = await http.get("/incidents", headers={"Authorization": "Bearer correct-horse-battery"})
        assert "oncall: mx.example.com refuses for good: dns@example.com" in ours.text
        assert "/var/lib/soawatch.toml" in ours.text
        assert HIDDEN not in (await http.get("/servers")).text
        from_owner = await http.get("/servers", headers={"Authorization": "Bearer correct-horse-battery"})
        assert HIDDEN in from_owner.text
        assert HIDDEN not in (await http.get("/servers")).text


def test_trouble_of_a_hidden_server_alone_does_not_show() -> None:
    seen = status([bad(zone("a."), finding("tcp-unreachable", "no TCP", HIDDEN, SERVERS[HIDDEN][0]))])
    assert public(seen).public.zones["a."].health is Health.GOOD
    both = [finding("tcp-unreachable", "no TCP", HIDDEN), finding("no-answer", "no UDP", "ns1")]
    assert public(status([bad(zone("a."), *both)])).public.zones["a."].health is Health.BAD
    assert (
        public(status([bad(zone("a."), finding("no-answer", "no UDP", "ns1"))])).public.zones["a."].health is Health.BAD
    )
    note = [finding("tcp-unreachable", "x", HIDDEN), finding("ttl-differs", "x", "ns1", severity=Severity.INFO)]
    assert public(status([bad(zone("a."), *note)])).public.zones["a."].health is Health.GOOD


COVERED = [
    ("hush", "hush has 7", True),
    ("hush", "HUSH.", True),
    ("hush", "hush.example", True),
    ("hush", "a hushed voice", False),
    ("hush", "re-hush", False),
    ("ns1", "ns10 is late", False),
    ("ns1", "(ns1)", True),
    ("a", "a.example. is late", True),
    ("a", "late", False),
]


@pytest.mark.parametrize(("name", "text", "covered"), COVERED)
def test_names_are_found_whole(name: str, text: str, covered: bool) -> None:
    assert Redaction(frozenset({name}), frozenset(), frozenset()).covers(text) is covered


def test_an_address_that_begins_alike_is_not_hidden() -> None:
    redaction = Redaction(frozenset(), frozenset({"192.0.2.1"}), frozenset())
    assert not redaction.covers("192.0.2.10 is late; 192.0.2.11:53 too, and 1192.0.2.1 is none")
    assert redaction.covers("192.0.2.1 is late")


def test_an_address_shared_with_a_visible_server_is_not_hidden() -> None:
    shared = Address("192.0.2.9")
    seen = status([zone("a.")])
    first, second, *_ = seen.zones["a."].addresses
    addresses = (replace(first, address=shared), replace(second, server="ns1", hidden=False, address=shared))
    redaction = redaction_of(status([replace(seen.zones["a."], addresses=addresses)]).zones.server_addresses())
    assert redaction.addresses == frozenset()
    assert redaction.names == {HIDDEN}


def test_a_port_of_its_own_on_a_shared_address_is_hidden() -> None:
    first, second, *_ = zone("a.").addresses
    addresses = (
        replace(first, address=Address("127.0.0.1", 5301)),
        replace(second, server="ns1", hidden=False, address=Address("127.0.0.1", 5302)),
    )
    redaction = redaction_of(status([replace(zone("a."), addresses=addresses)]).zones.server_addresses())
    assert redaction.covers("127.0.0.1:5301 is ahead")
    assert not redaction.covers("127.0.0.1:5302 is late")
    assert not redaction.covers("127.0.0.1 is late")


def test_what_is_hidden_is_found_anew_only_with_other_servers_and_incidents_only_when_they_changed() -> None:
    first = public(leaky())
    changed = bad(zone("example.org."), finding("no-answer", f"not {HIDDEN}", "ns1"))
    zones = FakeZones([*statuses(first.whole).values(), changed])
    second = public(replace(first.whole, zones=zones), first)
    assert second.redaction is first.redaction
    assert second.public.incidents is first.public.incidents
    assert second.public.zones["example.org."].findings[0].text == (
        "The server does not answer over UDP, but does over TCP"
    )
    all_hidden = replace(zone("c."), addresses=tuple(replace(a, hidden=True) for a in zone("c.").addresses))
    third = public(replace(first.whole, zones=FakeZones([changed, all_hidden])), second)
    assert third.public.zones["example.org."].addresses == (), "a server that is hidden anywhere is hidden"
    assert third.public.incidents.keys() < second.public.incidents.keys()


def test_an_incident_that_is_as_it_was_is_not_redacted_again() -> None:
    first = public(leaky())
    name = next(iter(first.public.incidents))
    other = replace(PAST, id="another", phase="open", resolved_at=None)
    more = replace(first.whole, incidents={**first.whole.incidents, "another": other})
    second = public(more, first)
    assert second.public.incidents[name] is first.public.incidents[name]
    assert second.public.incidents == public(more).public.incidents
    assert "another" in second.public.incidents


async def test_a_heartbeat_alone_makes_nothing_anew() -> None:
    seen = await stage(leaky(), public=True)
    shown = SnapshotCache(seen.context())
    first = shown.status(View.PUBLIC)
    seen.status = replace(seen.status, heartbeat=NOW)
    assert shown.status(View.PUBLIC).zones is first.zones
    assert shown.status(View.PUBLIC).heartbeat == NOW
    seen.status = replace(seen.status, zones=FakeZones())
    assert list(shown.status(View.PUBLIC).zones) == []
    assert shown.status(View.PUBLIC).zones.servers() == {}
