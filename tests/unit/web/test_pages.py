"""The pages say what is so."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incident import OPEN, Cause, IncidentFinding
from alerting.outbox import ReceiverStatus
from checks.model import Address, Health
from checks.model.finding_type import Severity
from monitor.state.ports import Commit
from monitor.web.headline import headline, notices
from tests.support.web_client import client
from tests.support.web_status import (
    NOW,
    PAST,
    SERIAL,
    SERVERS,
    address,
    ago,
    bad,
    change,
    finding,
    incident,
    stage,
    status,
    troubled,
    zone,
)

PAGES = (
    "/", "/?q=example&page=2", "/?health=bad", "/zones", "/zones/example.com", "/zones/example.com?span=7d",
    "/zones/lab.example.", "/servers", "/servers/ns2", "/servers/ns3.anycast.example.net", "/incidents",
    "/servers?q=ns&health=bad", "/servers?q=%3Cb%3E", "/incidents?before=2026-11-20T00:00:00%2B00:00", "/codes",
    "/codes/serial-overdue", "/checks", "/checks?page=2",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there(path: str) -> None:
    async with client(await stage(troubled())) as http:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.text.count("<h1") == 1
        assert "style=" not in answer.text


async def test_when_signatures_end_is_shown_where_the_zone_is_signed() -> None:
    plain = zone("plain.example.")
    for server in SERVERS:
        plain = change(plain, server, signatures_end=None)
    mixed = change(zone("mixed.example."), "ns2", signatures_end=ago(days=61))
    async with client(await stage(status([plain, zone("signed.example."), mixed]))) as http:
        assert "Signatures" not in (await http.get("/zones/plain.example")).text
        assert "end in 9 d<span" in (await http.get("/zones/signed.example")).text
        assert "ended 61 d ago<span" in (await http.get("/zones/mixed.example")).text


async def test_the_last_whole_transfers_are_shown_where_there_were_any() -> None:
    plain = zone("plain.example.")
    for server in SERVERS:
        plain = change(plain, server, transfers=(), ixfr=())
    async with client(await stage(status([plain, zone("given.example.")]))) as http:
        assert not {"Transfers", "Incremental"} & set(re.findall(r"\w+", (await http.get("/zones/plain.example")).text))
        text = (await http.get("/zones/given.example")).text
        assert all(word in text for word in ("with key xfr", "5 min ago", "1.2 s", "2.5 MB", "31\u202f000", "2.0 MB/s"))
        assert all(word in text for word in ("the differences", "3.1 kB, 0.12 % of the whole zone", "the whole zone<"))
        assert f'class="number">{SERIAL - 1}<' in text


async def test_how_long_the_canary_took_is_shown_where_there_is_one() -> None:
    plain = zone("plain.example.")
    for server in SERVERS:
        plain = change(plain, server, canary=None)
    async with client(await stage(status([plain, zone("changed.example.")]))) as http:
        assert "Canary" not in (await http.get("/zones/plain.example")).text
        text = (await http.get("/zones/changed.example")).text
        assert all(word in text for word in ("Canary", "7 min ago", "0.4 s"))


def only(*names: str, **health: Health) -> object:
    return status([replace(zone(name), health=health.get(name[0], Health.GOOD)) for name in names])


BAD, UNKNOWN = Health.BAD, Health.UNKNOWN
HEADLINES = [
    ("nothing to watch", status([]), "No zones are watched yet"),
    ("one zone, well", only("a."), "The zone is well"),
    ("all well", only("a.", "b."), "All 2 zones are well"),
    ("one of two is bad", only("a.", "b.", a=BAD), "1 of 2 zones needs attention"),
    ("both are bad", only("a.", "b.", a=BAD, b=BAD), "2 of 2 zones need attention"),
    ("bad goes before unknown", only("a.", "b.", a=BAD, b=UNKNOWN), "1 of 2 zones needs attention"),
    ("one is unknown", only("a.", "b.", b=UNKNOWN), "1 of 2 zones unknown"),
    ("all are unknown", only("a.", a=UNKNOWN), "All zones are unknown"),
    ("not ready yet", replace(only("a.", a=UNKNOWN), ready=False), "Looking for the first time …"),
    ("the scheduler stalled", replace(only("a."), heartbeat=ago(minutes=2)), "Scheduler stalled"),
    ("no tick yet, just started", replace(only("a."), heartbeat=None, started=ago(seconds=5)), "The zone is well"),
    ("no tick since a long time", replace(only("a."), heartbeat=None), "Scheduler stalled"),
]


@pytest.mark.parametrize(("story", "seen", "text"), HEADLINES, ids=[row[0] for row in HEADLINES])
def test_headline(story: str, seen: object, text: str) -> None:
    assert headline(seen, NOW).text == text


def test_what_is_wrong_with_the_machine_stands_on_every_page_while_it_is() -> None:
    low = IncidentFinding("disk-low", Severity.WARNING, "", None, None, "90 MB are free", ago(minutes=5))
    lines = (
        low, replace(low, code="clock-jumped", ended_at=NOW),
        replace(low, code="clock-off", text="The clock of the monitor's machine is wrong"),
        replace(low, code="cadence-not-kept"),
    )  # fmt: skip
    open_ = incident("self", Cause("vantage", "fra1"), Severity.WARNING, lines)
    found = notices(replace(only("a."), incidents={"self": open_, "over": replace(open_, phase="resolved")}), NOW)
    assert [(one.text, one.path) for one in found] == [
        ("The disk of the monitor's database is nearly full: 90 MB are free", "/incidents/self"),
        ("The clock of the monitor's machine is wrong.", "/incidents/self"),
    ]


def test_the_public_is_told_of_trouble_but_not_asked_to_help() -> None:
    assert headline(only("a.", "b.", a=BAD), NOW, public=True).text == "1 of 2 zones has trouble"


async def test_the_overview_shows_incidents_first_and_zones_worst_first() -> None:
    async with client(await stage(troubled())) as http:
        text = (await http.get("/")).text
    assert text.index("2 of 12 zones need attention") < text.index("Open incidents") < text.index('id="h-zones"')
    zones = re.findall(r'<th role="rowheader" scope="row"><a href="/zones/([^"]+)"', text)
    assert zones[:4] == ["example.com.", "shop.example.", "lab.example.", "dyn.example."]
    assert "since 10:02 UTC (22 min)" in text
    assert "since 10:24 UTC (14 s)" in text, "a version on its way: since when it is"


async def test_search_finds_either_form_of_a_name_and_chips_keep_it() -> None:
    async with client(await stage(troubled())) as http:
        for text in ("bücher", "BÜCHER", "xn--bch"):
            page = (await http.get("/", params={"q": text})).text
            assert page.count('scope="row"') == 1
            assert "bücher.<wbr>example." in page
        assert "q=b%C3%BCcher" in (await http.get("/", params={"q": "bücher"})).text
        assert "is called anything like “zzz”" in (await http.get("/", params={"q": "zzz"})).text


async def test_long_lists_come_in_parts() -> None:
    many = status([zone(f"z{n:04}.example.", servers=["ns1"]) for n in range(250)])
    async with client(await stage(many)) as http:
        first = (await http.get("/?q=example")).text
        assert first.count('scope="row"') == 100
        assert 'href="?q=example&amp;page=2"' in first
        last = (await http.get("/?q=example&page=999999999999")).text
        assert last.count('scope="row"') == 50
        third = (await http.get("/?page=3")).text
        assert third.count('scope="row"') == 50
        assert "z0249.<wbr>example." in third
        zones = (await http.get("/servers/ns1?page=5")).text.partition('id="h-zones"')[2]
        assert zones.count('scope="row"') == 100


NAMES = [
    ("example.com", "example.com."), ("example.com.", "example.com."), ("EXAMPLE.com", "example.com."),
    ("bücher.example", "xn--bcher-kva.example."), ("xn--bcher-kva.example.", "xn--bcher-kva.example."),
    ("0%2F25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), NAMES)
async def test_a_zone_is_found_however_it_is_written(path: str, name: str) -> None:
    async with client(await stage(status())) as http:
        assert (await http.get(f"/api/v1/zones/{path}")).json()["name"] == name
        assert name in (await http.get(f"/zones/{path}")).text


async def test_the_root_zone_has_a_path_that_browsers_leave_alone() -> None:
    async with client(await stage(status([zone(".")]))) as http:
        assert 'href="/zones/@"' in (await http.get("/")).text
        assert (await http.get("/zones/@")).status_code == 200
        assert (await http.get("/api/v1/zones/@")).json()["name"] == "."


@pytest.mark.parametrize(
    "path",
    ["/zones/nowhere.example", "/zones/192.0.2.1", "/zones/a..b", "/zones/@", "/servers/nobody", "/codes/none", "/x"],
)
async def test_what_is_not_there_is_404(path: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.get(path)
        assert answer.status_code == 404
        assert "<h1>" in answer.text


async def test_the_zone_page_shows_addresses_findings_and_who_served_what() -> None:
    async with client(await stage(troubled())) as http:
        text = (await http.get("/zones/example.com?span=24h")).text
    assert "Overdue" in text
    assert "since 09:04 UTC (1 h 20 min)" in text
    assert "2001:db8::2" in text
    assert "port 5353" in text
    assert "26 Nov 14:24 UTC" in text
    assert "ns2 192.0.2.2, [2001:db8::2]:5353" in text, "findings that differ in the address alone are one"
    assert text.count("A server is behind for longer than the zone") == 1
    assert "dig @192.0.2.2 example.com. SOA" in text
    assert "<title>ns3.anycast.example.net 203.0.113.53: timeout, 01:24 UTC to 03:14 UTC (1 h 50 min)</title>" in text
    assert text.count('class="lane"') == 7


@pytest.mark.parametrize("inherited", [True, False])
async def test_a_finding_that_was_found_with_other_zones_is_shown_as_inherited(inherited: bool) -> None:
    found = finding("tcp-unreachable", "ns2 answers over UDP only", "ns2", Address("192.0.2.2"), inherited=inherited)
    async with client(await stage(status([bad(zone("example.com."), found)]))) as http:
        page = (await http.get("/zones/example.com")).text
        data = (await http.get("/api/v1/zones/example.com")).json()
        server = (await http.get("/servers/ns2")).text
    assert ("inherited from the server" in page) is inherited
    assert [one["inherited"] for one in data["findings"]] == [inherited]
    assert "inherited" not in server, "there it is the server's anyway"


async def test_a_zone_page_without_its_store_says_so() -> None:
    seen = await stage(troubled())
    await seen.store.close()
    async with client(seen) as http:
        answer = await http.get("/zones/example.com")
        assert answer.status_code == 200
        assert "The history cannot be read just now." in answer.text
        assert "Past incidents cannot be read just now." in (await http.get("/incidents")).text
        lost = await http.get("/api/v1/incidents")
        assert (lost.status_code, lost.json()) == (503, {"error": "The database cannot be read just now."})


async def test_trouble_of_the_monitor_itself_is_on_every_page() -> None:
    ill = replace(
        status(),
        offline_families=("ipv6",),
        store_ok=False,
        store_error="disk full",
        config_ok=False,
        config_error="line 3: unknown key",
        receivers={"oncall": ReceiverStatus("oncall", "email", pending=3, last_error="550 no such user")},
    )
    async with client(await stage(ill)) as http:
        for path in ("/", "/servers", "/incidents", "/zones/example.com"):
            text = (await http.get(path)).text
            assert "Monitor offline over IPv6: IPv6 results are suspended." in text
            assert "The database cannot be written: disk full" in text
            assert "the old one goes on: line 3: unknown key" in text
            assert "Receiver oncall does not take notifications (3 notifications waiting): 550 no such user" in text


async def test_a_thousand_zones_with_one_trouble_are_one_line_at_their_server() -> None:
    at = SERVERS["ns2"][0]
    zones = [
        bad(
            change(zone(f"z{n}.example."), "ns2", state="silent", serial=None),
            finding("tcp-unreachable", "x", "ns2", at),
        )
        for n in range(1000)
    ]
    async with client(await stage(status(zones))) as http:
        text = (await http.get("/servers/ns2")).text
    assert text.count('class="card') == 1
    assert "1\u202f000 zones" in text


async def test_incidents_come_in_parts_by_time() -> None:
    seen = await stage(status())
    more = [
        replace(PAST, id=f"i{n}", opened_at=ago(days=3) - timedelta(minutes=n), resolved_at=ago(days=2))
        for n in range(120)
    ]
    await seen.store.commit(Commit(incidents=tuple(more)))
    async with client(seen) as http:
        path, shown = "/incidents", []
        while path:
            text = (await http.get(path)).text
            shown += re.findall(r'id="incident-(i\d+)"', text)
            following = re.search(r'href="(\?before=[^"]+)" rel="next"', text)
            path = "/incidents" + following[1] if following else ""
    assert sorted(shown) == sorted(f"i{n}" for n in range(120))


async def test_where_the_latest_are_all_open_it_is_not_said_that_there_are_no_past_ones() -> None:
    seen = await stage(status())
    still = [
        replace(PAST, id=f"o{n}", opened_at=ago(hours=1) - timedelta(minutes=n), resolved_at=None, phase=OPEN)
        for n in range(60)
    ]
    async with client(seen) as http:
        await seen.store.commit(Commit(incidents=(*still, replace(PAST, id="p0", opened_at=ago(days=3)))))
        text = (await http.get("/incidents")).text
        assert '<p class="empty">None among the latest.</p>' in text
        following = re.search(r'href="(\?before=[^"]+)" rel="next"', text)
        assert following
        assert 'id="incident-p0"' in (await http.get("/incidents" + following[1])).text


async def test_very_many_open_incidents_come_in_parts() -> None:
    seen = troubled()
    one = next(iter(seen.incidents.values()))
    many = {f"o{n}": replace(one, id=f"o{n}", opened_at=ago(hours=1) - timedelta(minutes=n)) for n in range(250)}
    async with client(await stage(replace(seen, incidents=many))) as http:
        path, shown = "/incidents", []
        while path:
            text = (await http.get(path)).text
            shown += re.findall(r'id="incident-(o\d+)"', text)
            following = re.search(r'href="(\?page=\d+)" rel="next"', text)
            path = "/incidents" + following[1] if following else ""
        assert "250 open incidents" in text
    assert shown == [f"o{n}" for n in range(250)]


async def test_a_server_in_sync_whose_tcp_is_dead_is_not_well() -> None:
    zones = [bad(zone(f"z{n}."), finding("tcp-unreachable", "no TCP", "ns2", SERVERS["ns2"][0])) for n in range(3)]
    async with client(await stage(status(zones))) as http:
        rows = (await http.get("/servers")).text.split('<tr role="row">')[2:]
        assert "ns2" in rows[0]
        assert "Warning" in rows[0]
        assert "tcp-unreachable in 3 zones" in rows[0]
        assert "In sync" in rows[1]
        assert "<strong>Warning</strong>" in (await http.get("/servers/ns2")).text


async def test_very_many_servers_come_in_parts_the_worst_first_and_are_found() -> None:
    places = {f"ns{n:03}": Address(f"198.51.100.{n}") for n in range(250)}
    zones = [replace(zone(f"z{n}."), addresses=(address(name, at),)) for n, (name, at) in enumerate(places.items())]
    zones[200] = bad(zones[200], finding("tcp-unreachable", "no TCP", "ns200", places["ns200"]))
    async with client(await stage(status(zones))) as http:

        async def shown(query: str) -> list[str]:
            text = (await http.get(f"/servers?{query}")).text
            return re.findall(r'rowheader" scope="row"><a href="/servers/([^"]+)', text)

        assert (await shown(""))[:2] == ["ns200", "ns000"]
        assert [len(await shown(f"page={number}")) for number in (1, 2, 3)] == [100, 100, 50]
        assert await shown("q=ns24&health=good") == [f"ns24{n}" for n in range(10)]
        assert await shown("q=100.17") == ["ns017", *(f"ns17{n}" for n in range(10))]
        text = (await http.get("/servers?q=1&health=good")).text
        assert 'href="?q=1&amp;health=good&amp;page=2"' in text
        assert ">bad 1</a>" in text
        none = (await http.get("/servers?q=zzz&health=bad")).text
        assert "No server has anything like “zzz” in its name or addresses and is bad." in none
        assert "No server is unknown." in (await http.get("/servers?health=unknown")).text


async def test_a_server_answers_in_the_median_of_its_answers() -> None:
    async with client(await stage(status())) as http:
        rows = (await http.get("/servers")).text.split('<tr role="row">')[2:]
        times = {
            re.search(r"/servers/([^\"]+)", row)[1]: re.search(r'"Answers in" class="number">([^<]+)', row)[1]
            for row in rows
        }
        assert (times["ns1"], times["ns2"]) == ("34 ms", "\u2013")
        assert "answers in 34 ms" in (await http.get("/servers/ns1")).text
