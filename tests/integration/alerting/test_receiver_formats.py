"""What each service receives: the form that it wants, and nothing that it would take for markup."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from alerting.http_notifier import HttpNotifier
from alerting.incident import Acknowledgement, Incident, IncidentChange, IncidentEvent
from alerting.model import Secret
from alerting.notification import DeliveryError, Notification
from alerting.notifiers import alertmanager, ntfy, pagerduty, slack, teams
from alerting.render import render
from checks.model.finding_type import Severity
from tests.support.alerts import OPENED_MESSAGE, minute
from tests.support.hookserver import HookServer, Request, hookserver, reply

LINK = "https://dns.example.com/incidents/20261120T100000-3f9a2c"
SINCE = "Since 2026-11-20 10:00:00 UTC.\ndig @192.0.2.2 example.org. SOA +norecurse +nsid"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    async with hookserver() as opened:
        yield opened


def note(
    event: IncidentEvent = IncidentEvent.OPENED, url: str | None = "https://dns.example.com", **about: Any
) -> Notification:
    incident: Incident = replace(OPENED_MESSAGE.incident, codes=("serial-overdue",))
    if event is IncidentEvent.RESOLVED:
        incident = replace(incident, phase="resolved", resolved_at=minute(33), ended_at=minute(31), zones=(), codes=())
        incident = replace(incident, past_zones=("example.org.",))
    return render(replace(OPENED_MESSAGE, event=event, incident=replace(incident, **about)), url, minute(2))


async def sent(server: HookServer, notifier: HttpNotifier, notification: Notification) -> Any:
    server.requests.clear()
    await notifier.send(notification)  # type: ignore[attr-defined]
    (request,) = server.requests
    return request.json


def hostile(words: str) -> Notification:
    line = replace(OPENED_MESSAGE.incident.lines[0], text=words)
    return note(lines=(line,))


# --- Alertmanager ---


def manager(server: HookServer, **more: Any) -> alertmanager.Notifier:
    return alertmanager.Notifier(Secret(f"http://127.0.0.1:{server.port}/am/"), allow_private=True, **more)


async def test_an_alert_for_alertmanager(server: HookServer) -> None:
    told = await sent(server, manager(server, token=Secret("letmein"), labels={"team": "dns"}), note())
    assert told == [
        {
            "labels": {
                "team": "dns",
                "alertname": "SoawatchIncident",
                "incident": OPENED_MESSAGE.incident.id,
                "severity": "critical",
            },
            "annotations": {
                "summary": "example.org.: ns2 is late",
                "description": SINCE,
                "cause": "zone example.org.",
                "since": "2026-11-20 10:00:00 UTC",
                "zones": "example.org.",
                "servers": "ns2",
                "codes": "serial-overdue",
            },
            "startsAt": "2026-11-20T10:00:00Z",
            "endsAt": "2026-11-20T10:06:00Z",
            "generatorURL": LINK,
        }
    ]
    request: Request = server.requests[0]
    assert request.line == "POST /am/api/v2/alerts HTTP/1.1"
    assert request.headers["authorization"] == "Bearer letmein"


async def test_its_end_has_the_labels_of_its_beginning(server: HookServer) -> None:
    (began,) = await sent(server, manager(server), note())
    (ended,) = await sent(server, manager(server), note(IncidentEvent.RESOLVED, url=None))
    assert ended["labels"] == began["labels"]
    assert (ended["startsAt"], ended["endsAt"]) == ("2026-11-20T10:00:00Z", "2026-11-20T10:31:00Z")
    assert ended["annotations"]["zones"] == "example.org."
    assert "generatorURL" not in ended


async def test_with_another_severity_the_one_before_ends(server: HookServer) -> None:
    graver = note(IncidentEvent.WORSENED, change=IncidentChange(severity=Severity.WARNING))
    before, now = await sent(server, manager(server), graver)
    assert (before["labels"]["severity"], before["endsAt"]) == ("warning", "2026-11-20T10:00:00Z")
    assert (now["labels"]["severity"], now["endsAt"]) == ("critical", "2026-11-20T10:06:00Z")


async def test_who_is_told_no_more_because_it_is_less_severe_sees_the_severe_one_end(server: HookServer) -> None:
    over = note(
        IncidentEvent.RESOLVED,
        severity=Severity.WARNING,
        goes_on=True,
        change=IncidentChange(severity=Severity.CRITICAL),
    )
    (ended,) = await sent(server, manager(server), over)
    assert ended["labels"]["severity"] == "critical"


async def test_what_stands_is_posted_in_portions(server: HookServer) -> None:
    standing = [note(id=f"i{number}") for number in range(300)]
    await manager(server).post_standing(standing, minute(60))
    assert [len(request.json) for request in server.requests] == [256, 44]
    assert {alert["endsAt"] for request in server.requests for alert in request.json} == {"2026-11-20T11:04:00Z"}
    assert len({alert["labels"]["incident"] for request in server.requests for alert in request.json}) == 300


async def test_nothing_in_an_alert_grows_without_end(server: HookServer) -> None:
    zones = tuple(f"zone{number}.{'x' * 60}.example." for number in range(5000))
    (told,) = await sent(server, manager(server), note(zones=zones))
    assert told["annotations"]["zones"].endswith("and 4980 more")
    assert len(json.dumps(told)) < 10_000


# --- PagerDuty ---


def pager(server: HookServer) -> pagerduty.Notifier:
    return pagerduty.Notifier(Secret(KEY), f"http://127.0.0.1:{server.port}/v2/enqueue", allow_private=True)


async def test_an_event_for_pagerduty(server: HookServer) -> None:
    told = await sent(server, pager(server), note())
    assert told == {
        "routing_key": KEY,
        "dedup_key": OPENED_MESSAGE.incident.id,
        "event_action": "trigger",
        "payload": {
            "summary": "example.org.: ns2 is late",
            "source": "example.org.",
            "severity": "critical",
            "timestamp": "2026-11-20T10:00:00Z",
            "component": "zone",
            "class": "serial-overdue",
            "custom_details": {
                "news": "[FIRING critical] example.org.: ns2 is late",
                "text": SINCE,
                "since": "2026-11-20 10:00:00 UTC",
                "zones": "example.org.",
                "servers": "ns2",
                "codes": "serial-overdue",
            },
        },
        "client": "soawatch",
        "client_url": LINK,
        "links": [{"href": LINK, "text": "soawatch"}],
    }


@pytest.mark.parametrize("event", [one for one in IncidentEvent if one is not IncidentEvent.UNACKNOWLEDGED])
async def test_all_news_of_an_incident_is_of_one_alert_at_pagerduty(server: HookServer, event: IncidentEvent) -> None:
    told = await sent(server, pager(server), note(event, url=None))
    assert told["dedup_key"] == OPENED_MESSAGE.incident.id
    actions = {IncidentEvent.RESOLVED: "resolve", IncidentEvent.ACKNOWLEDGED: "acknowledge"}
    assert told["event_action"] == actions.get(event, "trigger")
    assert "client_url" not in told


async def test_what_opens_again_stays_acknowledged_at_pagerduty(server: HookServer) -> None:
    await pager(server).send(note(acknowledged=Acknowledgement(minute(1), "anna")))
    assert [request.json["event_action"] for request in server.requests] == ["trigger", "acknowledge"]


async def test_that_nobody_looks_at_it_any_more_cannot_be_told_to_pagerduty(server: HookServer) -> None:
    await pager(server).send(note(IncidentEvent.UNACKNOWLEDGED))
    assert server.requests == []


@pytest.mark.parametrize("severity", Severity)
async def test_severities_have_their_names_at_pagerduty(server: HookServer, severity: Severity) -> None:
    told = await sent(server, pager(server), note(severity=severity))
    assert told["payload"]["severity"] == str(severity)


# --- ntfy ---


def phone(server: HookServer, path: str = "/dns-alerts") -> ntfy.Notifier:
    return ntfy.Notifier(Secret(f"http://127.0.0.1:{server.port}{path}"), Secret("tk_letmein"), allow_private=True)


async def test_a_message_for_ntfy(server: HookServer) -> None:
    told = await sent(server, phone(server), note())
    assert told == {
        "topic": "dns-alerts",
        "title": "[FIRING critical] example.org.: ns2 is late",
        "message": SINCE,
        "priority": 5,
        "tags": ["rotating_light"],
        "click": LINK,
    }
    assert server.requests[0].line == "POST / HTTP/1.1"
    assert server.requests[0].headers["authorization"] == "Bearer tk_letmein"


@pytest.mark.parametrize(
    ("event", "severity", "urgency"),
    [
        (IncidentEvent.OPENED, Severity.WARNING, (4, "warning")),
        (IncidentEvent.REMINDED, Severity.INFO, (3, "information_source")),
        (IncidentEvent.WORSENED, Severity.CRITICAL, (5, "rotating_light")),
        (IncidentEvent.IMPROVED, Severity.CRITICAL, (3, "arrow_down")),
        (IncidentEvent.RESOLVED, Severity.CRITICAL, (3, "white_check_mark")),
        (IncidentEvent.TEST, Severity.CRITICAL, (3, "test_tube")),
    ],
)
async def test_how_loud_ntfy_is(
    server: HookServer, event: IncidentEvent, severity: Severity, urgency: tuple[int, str]
) -> None:
    told = await sent(server, phone(server), note(event, severity=severity))
    assert (told["priority"], *told["tags"]) == urgency


async def test_a_title_for_ntfy_is_in_any_letters_and_in_no_header(server: HookServer) -> None:
    told = await sent(server, phone(server), hostile("b\u00fccher \u2713 is late\r\nX-Priority: 1"))
    assert told["title"] == "[FIRING critical] example.org.: b\u00fccher \u2713 is late\\r\\nX-Priority"
    assert "x-priority" not in server.requests[0].headers


async def test_a_message_for_ntfy_does_not_become_an_attachment(server: HookServer) -> None:
    long = replace(note(), summary="headline\n" + "\u20ac" * 5000)
    told = await sent(server, phone(server), long)
    assert len(told["message"].encode()) < 4096
    assert told["message"].endswith("\u20ac…")


async def test_a_topic_at_a_url_that_is_none(server: HookServer) -> None:
    with pytest.raises(DeliveryError, match="the URL is not a URL of http or https") as caught:
        await replace(phone(server), url=Secret("ftp://ntfy.example/x")).send(note())
    assert caught.value.permanent


async def test_a_message_that_is_late_says_so(server: HookServer) -> None:
    late = render(OPENED_MESSAGE, None, minute(31))
    told = await sent(server, phone(server), late)
    assert told["message"] == (
        "Since 2026-11-20 10:00:00 UTC.\nThis message is late: what it says became true at 2026-11-20 10:00:00 UTC.\n"
        "dig @192.0.2.2 example.org. SOA +norecurse +nsid"
    )


# --- Slack and Teams ---


async def test_a_message_for_slack(server: HookServer) -> None:
    told = await sent(server, slack.Notifier(Secret(f"http://127.0.0.1:{server.port}/s"), allow_private=True), note())
    title, since = "[FIRING critical] example.org.: ns2 is late", SINCE
    assert told == {
        "text": f"{title}\n{since}\n{LINK}",
        "blocks": [
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "text", "text": title, "style": {"bold": True}},
                            {"type": "text", "text": f"\n{since}"},
                            {"type": "text", "text": "\n"},
                            {"type": "link", "url": LINK},
                        ],
                    }
                ],
            }
        ],
        "unfurl_links": False,
    }


async def test_nobody_is_called_in_slack_by_what_a_server_says(server: HookServer) -> None:
    notifier = slack.Notifier(Secret(f"http://127.0.0.1:{server.port}/s"), allow_private=True)
    told = await sent(server, notifier, hostile("<!channel> & <https://evil.example|click> *here*"))
    assert "<" not in told["text"]
    assert "&lt;!channel&gt; &amp; &lt;https" in told["text"]
    (block,) = told["blocks"]
    assert {each["type"] for each in block["elements"][0]["elements"]} == {"text", "link"}


async def test_a_card_for_teams(server: HookServer) -> None:
    told = await sent(server, teams.Notifier(Secret(f"http://127.0.0.1:{server.port}/t"), allow_private=True), note())
    title = "[FIRING critical] example.org.: ns2 is late"
    run = {"type": "TextRun", "text": title, "weight": "bolder", "color": "attention"}
    since, command = ({"type": "TextRun", "text": line} for line in SINCE.splitlines())
    assert told == {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "fallbackText": title,
                    "body": [
                        {"type": "RichTextBlock", "inlines": [run]},
                        {"type": "RichTextBlock", "inlines": [since]},
                        {"type": "RichTextBlock", "inlines": [command]},
                    ],
                    "actions": [{"type": "Action.OpenUrl", "title": "Open in soawatch", "url": LINK}],
                    "msteams": {"width": "Full"},
                },
            }
        ],
    }


async def test_good_news_is_green_in_teams(server: HookServer) -> None:
    notifier = teams.Notifier(Secret(f"http://127.0.0.1:{server.port}/t"), allow_private=True)
    server.behave = reply(202)
    told = await sent(server, notifier, note(IncidentEvent.RESOLVED, url=None))
    content = told["attachments"][0]["content"]
    assert content["body"][0]["inlines"][0]["color"] == "good"
    assert content["actions"] == []
