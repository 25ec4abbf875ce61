"""What people read."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.headline import clause
from alerting.incident import Cause, Incident, IncidentChange, IncidentEvent, IncidentFinding
from alerting.notification import OutboxMessage
from alerting.render import as_data, headline, link, render, shown_zone
from checks.common.text import one_line
from checks.model.finding_type import Severity
from tests.support.alerts import START, minute

IDN = "xn--bcher-kva.example."

BEHIND = IncidentFinding(
    "serial-late",
    Severity.WARNING,
    "example.org.",
    "ns2",
    "192.0.2.2",
    "ns2 (192.0.2.2) is 22 min behind: serves 41, the newest is 43",
    START,
)

INCIDENT = Incident(
    "20261120T100000-3f9a2c",
    Cause("zone", "example.org."),
    Severity.WARNING,
    "open",
    ("example.org.",),
    ("ns2",),
    opened_at=minute(2),
    began_at=minute(0),
    lines=(BEHIND,),
    findings=1,
    codes=("serial-late",),
    worst=Severity.WARNING,
    receivers=("oncall",),
    announcements=1,
)

DOWN = replace(
    INCIDENT,
    cause=Cause("server", "ns2"),
    severity=Severity.CRITICAL,
    zones=tuple(f"z{n:05d}.example." for n in range(10_000)),
    lines=(
        replace(
            BEHIND,
            code="server-unreachable",
            severity=Severity.CRITICAL,
            zone="z00000.example.",
            text="ns2 (192.0.2.2) cannot be reached: no answer over UDP, no connection over TCP",
            zones=10_000,
            count=10_000,
            sample=tuple(f"z{n:05d}.example." for n in range(5)),
        ),
    ),
    findings=10_000,
)

OVER = replace(
    INCIDENT,
    phase="resolved",
    zones=(),
    past_zones=("example.org.",),
    servers=(),
    past_servers=("ns2",),
    findings=0,
    ended_at=minute(31),
    resolved_at=minute(33),
    lines=(replace(BEHIND, ended_at=minute(31)),),
    announcements=2,
)


def message(incident: Incident = INCIDENT, event: IncidentEvent = IncidentEvent.OPENED, at: float = 2) -> OutboxMessage:
    return OutboxMessage(f"{incident.id}-{incident.announcements}-0011aabb", "oncall", event, incident, minute(at))


OPENED_TEXT = """\
example.org.: ns2 (192.0.2.2) is 22 min behind

WHAT IS WRONG

* serial-late (warning) example.org. at ns2 (192.0.2.2)
  ns2 (192.0.2.2) is 22 min behind: serves 41, the newest is 43
  since 2026-11-20 10:00:00 UTC

WHAT IT MEANS

serial-late
  The server has been serving an older version than the newest one for
  longer than max_lag. The lag counts from when a newer version was first
  seen anywhere. Visitors get old or new data, as chance has it.

WHAT TO DO

serial-late
  Have the secondary ask its primary now; its log tells why it did not do so
  by itself. Where one of several machines is named, do that at this one.

BIND

    # on the secondary: does it know the zone, when does it refresh, when does it expire?
    rndc zonestatus example.org
    # ask the primary for its serial now, and transfer if that is newer
    rndc refresh example.org
    # take the whole zone again, whatever the serial says
    rndc retransfer example.org
    # on the primary: announce the zone again; in named.conf, secondaries that are not in the NS set
    rndc notify example.org
    also-notify { 192.0.2.2 key xfr; };

Knot DNS

    # on the secondary
    knotc zone-status example.org
    knotc zone-refresh example.org
    # take the whole zone again, whatever the serial says
    knotc zone-retransfer example.org
    # on the primary: announce it again (knot.conf: notify: [secondary] in the zone)
    knotc zone-notify example.org

NSD

    # on the secondary: state ok, refreshing or expired, and the serials it knows of
    nsd-control zonestatus example.org
    nsd-control transfer example.org
    # take the whole zone again, whatever the serial says
    nsd-control force_transfer example.org
    # on the primary: announce it again (nsd.conf: notify: 192.0.2.2 xfr in the zone)
    nsd-control notify example.org

PowerDNS

    # on the secondary (pdns.conf: secondary=yes; before 4.5: slave=yes): take the whole zone again
    pdns_control retrieve example.org
    # on the primary (pdns.conf: primary=yes; before 4.5: master=yes), announce it again
    pdns_control notify example.org
    # secondaries that are not in the NS set: also-notify=192.0.2.2 in pdns.conf

SEE FOR YOURSELF

    dig @192.0.2.2 example.org. SOA +norecurse +nsid

https://dns.example.com/incidents/20261120T100000-3f9a2c

--\x20
soawatch, incident 20261120T100000-3f9a2c (zone example.org.)
"""

RESOLVED_TEXT = """\
example.org.: ns2 (192.0.2.2) is 22 min behind

It is over. It began 2026-11-20 10:00:00 UTC, ended 2026-11-20 10:31:00 UTC and lasted 31 min.

WHAT WAS WRONG

* serial-late (warning) example.org. at ns2 (192.0.2.2)
  ns2 (192.0.2.2) is 22 min behind: serves 41, the newest is 43
  since 2026-11-20 10:00:00 UTC, until 2026-11-20 10:31:00 UTC

--\x20
soawatch, incident 20261120T100000-3f9a2c (zone example.org.)
"""


def test_what_is_read_when_it_opens() -> None:
    note = render(message(), "https://dns.example.com/")
    assert note.subject == ("[FIRING warning] example.org.: ns2 (192.0.2.2) is 22 min behind")
    assert note.text == OPENED_TEXT
    assert (note.id, note.thread, note.at, note.sent_at) == (message().id, INCIDENT.id, minute(2), minute(2))


def test_what_is_read_when_it_is_over() -> None:
    note = render(message(OVER, IncidentEvent.RESOLVED, 33))
    assert note.subject == "[RESOLVED] example.org.: ns2 (192.0.2.2) is 22 min behind"
    assert note.text == RESOLVED_TEXT


def test_a_small_screen_has_a_command_that_shows_it_while_it_is_open() -> None:
    assert "\ndig @192.0.2.2 example.org. SOA +norecurse" in render(message()).summary
    assert "dig" not in render(message(OVER, IncidentEvent.RESOLVED, 33)).summary


@pytest.mark.parametrize(
    ("news", "tag"),
    [
        (IncidentEvent.OPENED, "[FIRING critical] "),
        (IncidentEvent.REMINDED, "[STILL critical] "),
        (IncidentEvent.WORSENED, "[WORSE critical] "),
        (IncidentEvent.TEST, "[TEST] "),
    ],
)
def test_the_subject_says_first_what_kind_of_news_it_is(news: IncidentEvent, tag: str) -> None:
    assert render(message(DOWN, news)).subject.startswith(tag)


def test_a_server_that_fails_for_thousands_of_zones_is_one_line_with_a_count() -> None:
    note = render(message(DOWN), "https://dns.example.com")
    assert note.subject.startswith("[FIRING critical] ns2, 10\u00a0000 zones: ns2 (192.0.2.2) cannot be reached")
    assert "* server-unreachable (critical) 10\u00a0000 zones at ns2 (192.0.2.2)\n" in note.text
    assert "z00003.example., z00004.example. and 9\u00a0995 more\n  for example: ns2" in note.text
    assert "https://dns.example.com/incidents/20261120T100000-3f9a2c\n" in note.text
    assert len(note.text) < 5000
    assert len(note.html) < 10_000


def test_a_reminder_says_for_how_long() -> None:
    note = render(message(INCIDENT, IncidentEvent.REMINDED, 242))
    assert "It is still so, 4 h 2 min after it began (2026-11-20 10:00:00 UTC).\n" in note.text
    assert "It is still so, 4 h 2 min after" in note.html


def test_a_specimen_says_that_nothing_is_wrong() -> None:
    note = render(message(event=IncidentEvent.TEST))
    assert "This is a specimen. Nothing is wrong" in note.text
    assert "This is a specimen. Nothing is wrong" in note.html


def test_what_is_late_says_so() -> None:
    assert "message is late" not in render(message(), None, minute(11)).text
    late = render(message(), None, minute(12))
    assert "This message is late: what it says became true at 2026-11-20 10:02:00 UTC.\n" in late.text
    assert "This message is late" in late.html
    assert (late.at, late.sent_at) == (minute(2), minute(12))


def test_what_stands_comes_before_what_ended_and_the_grave_before_the_light() -> None:
    ended = replace(BEHIND, code="zone-expired", severity=Severity.CRITICAL, text="was expired", ended_at=minute(1))
    grave = replace(BEHIND, code="serial-overdue", severity=Severity.CRITICAL, text="is overdue", since=minute(1))
    note = render(message(replace(INCIDENT, lines=(ended, BEHIND, grave), findings=3)))
    assert note.subject == "[FIRING warning] example.org.: is overdue"
    order = ["* serial-overdue", "* serial-late", "NO LONGER", "* zone-expired"]
    assert sorted(order, key=note.text.index) == order


def test_what_ended_is_listed_and_no_longer_explained() -> None:
    ended = replace(BEHIND, code="zone-expired", severity=Severity.CRITICAL, text="was expired", ended_at=minute(1))
    text = render(message(replace(INCIDENT, lines=(ended, BEHIND), findings=2))).text
    assert text.count("zone-expired") == 1
    assert text.count("serial-late") == 3
    assert "SEE FOR YOURSELF" not in render(message(replace(INCIDENT, lines=(ended,)))).text


def test_a_zone_in_other_letters_is_shown_in_both_forms() -> None:
    incident = replace(INCIDENT, cause=Cause("zone", IDN), zones=(IDN,), lines=(replace(BEHIND, zone=IDN),))
    note = render(message(incident), "https://dns.example.com")
    assert note.subject.startswith(f"[FIRING warning] {IDN} (bücher.example.): ns2")
    assert f"* serial-late (warning) {IDN} (bücher.example.) at ns2" in note.text
    assert f"dig @192.0.2.2 {IDN} SOA" in note.text
    assert f"rndc refresh {IDN.rstrip('.')}\n" in note.text


@pytest.mark.parametrize("name", ["xn--.", "xn--a-ecp.ru.", "xn--" + "a" * 60 + ".", "xn--\\.x."])
def test_what_only_looks_like_other_letters_stays_as_it_is(name: str) -> None:
    assert shown_zone(name) == name


def test_a_key_and_a_record_are_in_the_line_that_shows_it() -> None:
    transfer = replace(
        BEHIND, code="transfer-refused", subject="key xfr, must be allowed", address="[2001:db8::2]:5353"
    )
    record = replace(BEHIND, code="record-differs", subject="www.example.org. AAAA", address="2001:db8::2")
    open_ = replace(BEHIND, code="transfer-open", subject="no key, must be refused", address="192.0.2.2:5353")
    text = render(message(replace(INCIDENT, lines=(transfer, record, open_)))).text
    assert "    dig @2001:db8::2 -p 5353 example.org. AXFR -k xfr.key | head\n" in text
    assert "    dig @2001:db8::2 www.example.org. AAAA +norecurse +nsid\n" in text
    assert "    dig @192.0.2.2 -p 5353 example.org. AXFR | head\n" in text


def test_an_incident_about_no_place_names_the_monitor() -> None:
    text = "no server answers over ipv6"
    line = replace(BEHIND, code="monitor-offline", zone="", server=None, address=None, text=text)
    incident = replace(INCIDENT, cause=Cause("vantage", "local"), zones=(), servers=(), lines=(line,))
    note = render(message(incident), "https://dns.example.com")
    assert note.subject == "[FIRING warning] the monitor: no server answers over ipv6"
    assert "* monitor-offline (warning)\n  no server answers over ipv6\n" in note.text
    assert "https://dns.example.com/incidents/20261120T100000-3f9a2c\n" in note.text


def test_a_finding_about_the_zone_as_a_whole_names_no_server() -> None:
    line = replace(BEHIND, code="serial-unordered", server=None, address=None)
    assert "* serial-unordered (warning) example.org.\n" in render(message(replace(INCIDENT, lines=(line,)))).text


def test_a_finding_about_all_addresses_of_a_server_names_none() -> None:
    line = replace(BEHIND, address=None)
    assert "* serial-late (warning) example.org. at ns2\n" in render(message(replace(INCIDENT, lines=(line,)))).text


def test_a_code_that_is_not_explained_is_told_all_the_same() -> None:
    note = render(message(replace(INCIDENT, lines=(replace(BEHIND, code="from-a-newer-version"),))))
    assert "* from-a-newer-version (warning)" in note.text
    assert "WHAT IT MEANS" not in note.text


def test_an_incident_whose_zones_all_have_another_cause_says_so() -> None:
    moved = replace(INCIDENT, lines=(), moved_zones=("example.org.",))
    assert headline(moved) == "example.org.: what it was about has another cause"


def test_a_zone_that_has_a_server_again_is_headed_by_that() -> None:
    served_again = replace(INCIDENT, change=IncidentChange(served_again=1))
    assert headline(served_again, IncidentEvent.IMPROVED) == "example.org.: a server answers again"


def test_an_incident_of_which_nothing_is_known_is_told_all_the_same() -> None:
    assert headline(replace(INCIDENT, lines=())) == "example.org.: nothing is known of it"
    assert render(message(replace(INCIDENT, lines=(), findings=0))).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ns2 has nothing for www.example.org. A, ns1 has x", "ns2 has nothing for www.example.org. A, ns1 has x"),
        ('ns2 has "v=spf1; a: \\"b" for it; others y', 'ns2 has "v=spf1; a: \\"b" for it'),
        ('ns2 has an open " in it: others y', 'ns2 has an open " in it'),
        ("ns2 serves 3, newer than 2. Transfer it afresh", "ns2 serves 3, newer than 2"),
    ],
)
def test_a_subject_ends_with_a_sentence_and_not_within_a_record(text: str, said: str) -> None:
    assert headline(replace(INCIDENT, lines=(replace(BEHIND, text=text),))).removeprefix("example.org.: ") == said


def test_a_long_subject_is_cut() -> None:
    note = render(message(replace(INCIDENT, lines=(replace(BEHIND, text="x" * 1000),))))
    assert len(note.subject) == 180
    assert note.subject.endswith("x…")


HOSTILE = "<script>alert(1)</script>\" onmouseover='x' {{ 7 * 7 }} {% raw %}\r\nBcc: x\x1b[2J\u202e\0"


def test_hostile_words_stay_words() -> None:
    line = replace(BEHIND, text=HOSTILE, server=HOSTILE, subject=HOSTILE, zone=HOSTILE, address="192.0.2.2")
    incident = replace(INCIDENT, cause=Cause("server", HOSTILE), zones=(HOSTILE,), servers=(HOSTILE,), lines=(line,))
    note = render(message(incident), "https://dns.example.com")
    assert "<script" not in note.html
    assert "onmouseover='" not in note.html
    assert "49" not in note.html.replace("#2e9e5b", "")
    for text in (note.subject, note.text.replace("\n", ""), note.html.replace("\n", "")):
        assert text.isprintable()
    assert "\nBcc" not in note.text


def test_the_html_asks_nothing_of_anybody_and_keeps_to_the_readers_colours() -> None:
    html = render(message(DOWN), "https://dns.example.com").html
    assert 'content="light dark"' in html
    for word in ("<img", "<script", "<link", "@import", "url(", "src=", "background", "color:#fff", "color:#000"):
        assert word not in html
    assert html.count("http") == 2
    assert html.count("<pre") == html.count("</pre>") == 5


def test_the_html_says_what_the_text_says() -> None:
    for told in (message(), message(OVER, IncidentEvent.RESOLVED, 33), message(DOWN, IncidentEvent.WORSENED)):
        note = render(told, "https://dns.example.com")
        for line in told.incident.lines:
            assert one_line(line.text) in note.html
            assert one_line(line.text) in note.text
        assert ("It is over." in note.html) == (told.event is IncidentEvent.RESOLVED)
        assert "soawatch, incident 20261120T100000-3f9a2c" in note.html


def test_where_the_page_shows_it() -> None:
    """A specimen has no page of its own, and what is in an id can be no other's path."""
    url, opened = "https://dns.example.com/", IncidentEvent.OPENED
    assert link(INCIDENT, opened, url) == "https://dns.example.com/incidents/20261120T100000-3f9a2c"
    assert link(replace(INCIDENT, id="../x?y"), opened, url) == "https://dns.example.com/incidents/..%2Fx%3Fy"
    assert link(INCIDENT, IncidentEvent.TEST, url) == "https://dns.example.com/incidents"
    assert link(INCIDENT, opened, None) is None


def test_the_incident_as_the_api_shows_it() -> None:
    assert as_data(OVER) == {
        "id": "20261120T100000-3f9a2c",
        "title": "example.org.: ns2 (192.0.2.2) is 22 min behind",
        "cause": "zone example.org.",
        "severity": "warning",
        "worst_severity": "warning",
        "phase": "resolved",
        "acknowledged": None,
        "zones": ["example.org."],
        "zone_count": 1,
        "zones_back": 1,
        "zones_left": 0,
        "labels": {},
        "unserved_zones": [],
        "unserved_zone_count": 0,
        "short_zones": [],
        "short_zone_count": 0,
        "servers": ["ns2"],
        "began_at": "2026-11-20T10:00:00Z",
        "ended_at": "2026-11-20T10:31:00Z",
        "opened_at": "2026-11-20T10:02:00Z",
        "resolved_at": "2026-11-20T10:33:00Z",
        "finding_count": 1,
        "recovering_count": 0,
        "silenced_count": 0,
        "silences": [],
        "flapping": False,
        "openings": 1,
        "incidents": [],
        "incident_count": 0,
        "incidents_over": [],
        "findings": [
            {
                "code": "serial-late",
                "severity": "warning",
                "zone": "example.org.",
                "zones": ["example.org."],
                "zone_count": 1,
                "count": 1,
                "server": "ns2",
                "address": "192.0.2.2",
                "text": "ns2 (192.0.2.2) is 22 min behind: serves 41, the newest is 43",
                "since": "2026-11-20T10:00:00Z",
                "ended_at": "2026-11-20T10:31:00Z",
            }
        ],
    }
    assert as_data(INCIDENT)["resolved_at"] is None


def test_of_very_many_zones_the_first_are_named_and_all_are_counted() -> None:
    data = as_data(DOWN)
    assert len(data["zones"]) == 1000  # type: ignore[arg-type]
    assert data["zone_count"] == data["finding_count"] == 10_000


def test_a_delay_counts_from_when_it_became_true() -> None:
    at = message()
    assert render(at, None, at.at + timedelta(minutes=9, seconds=59)).text == render(at).text


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("catalog a.example cannot be read: 192.0.2.1 does not answer", "catalog a.example cannot be read"),
        ("list /srv/b may have been cut short: 3 of the 4 zones are gone", "list /srv/b may have been cut short"),
        (
            "the certificate for TLS of ns1 (192.0.2.1) is not taken: self-signed",
            "the certificate for TLS of ns1 (192.0.2.1) is not taken",
        ),
        (
            "ns2 (192.0.2.2) does not offer IXFR with key xfr: the server does not know it (NOTIMP)",
            "ns2 (192.0.2.2) does not offer IXFR with key xfr",
        ),
        (
            "ns2 (192.0.2.2) took 12.3 s to give the zone with no key: 9 octets; 10 s are allowed",
            "ns2 (192.0.2.2) took 12.3 s to give the zone with no key",
        ),
        (
            "ns2 (192.0.2.2) serves serial 7 with other records than its ZONEMD record is for: SHA384 is ab",
            "ns2 (192.0.2.2) serves serial 7 with other records than its ZONEMD record is for",
        ),
    ],
)
def test_the_subject_says_what_is_so_and_not_only_of_what(text: str, subject: str) -> None:
    """What stands before the first colon is all that a phone shows at first."""
    assert clause(text) == subject


def test_what_no_nameserver_can_mend_comes_without_commands_for_nameservers() -> None:
    line = replace(
        BEHIND, code="zone-source-shrunk", zone="", server=None, address=None, text="list a may have been cut"
    )
    cause, place = Cause("vantage", "dc1"), ()
    shown = replace(INCIDENT, cause=cause, zones=place, servers=place, codes=("zone-source-shrunk",), lines=(line,))
    told = render(OutboxMessage("1", "oncall", IncidentEvent.OPENED, shown, START))
    for text in (told.text, told.html):
        assert "not applicable" not in text
        assert "BIND" not in text
