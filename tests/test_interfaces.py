"""What docs/metrics.md, docs/api.md and docs/webhook.md promise is what is there: all of it, and nothing else.

The kind: whoever adds, renames or takes away a metric, a label, a route, a key of the JSON or a header has to say so in
the document that other programs are written by.
"""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from starlette.routing import Route

from alerting.incident import Cause, IncidentEvent
from alerting.model import Secret
from alerting.notifiers.webhook import Notifier
from alerting.outbox import DeliveryState
from alerting.render import as_data, render
from alerting.timeline import TimelineEvent
from checks.model import Health, Outcome, Transport
from checks.model.finding_type import Severity
from monitor.probe.notify.responder import NotifyResult
from monitor.web import diff_request, metrics, wait_request
from monitor.web.app import build
from monitor.web.metrics import select_zones
from tests.support.alerts import OPENED_MESSAGE
from tests.support.diff_stage import diff_stage
from tests.support.hookserver import Request, hookserver
from tests.support.told_incident import ID, told
from tests.support.waiting_stage import events_of, waiting_stage
from tests.support.web_client import client
from tests.support.web_status import (
    ANNA,
    NOW,
    SERIAL,
    Counters,
    ago,
    bearer,
    incident,
    line,
    silenced,
    slow,
    stage,
    troubled,
)
from tests.support.zone_states import REPLICATION_STATES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TYPES: Mapping[str, Any] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "true or false": lambda value: isinstance(value, bool),
    "time": lambda value: isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None,
    "object": lambda value: isinstance(value, dict),
    "list of text": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "list of objects": lambda value: isinstance(value, list) and all(isinstance(each, dict) for each in value),
}


def section(page: str, heading: str) -> str:
    """What stands under a heading, without what is under those below it."""
    found = re.search(
        rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, without what they are headed by."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def bare(cell: str) -> str:
    return cell.strip("`")


# --- metrics ---


def emitted() -> dict[str, tuple[str, set[str], str]]:
    """Metric → type, labels and meaning, of a service in which everything has happened; a counter knows its labels."""
    seen, registry = troubled(), Counters().registry
    selection = asyncio.run(select_zones(seen.zones, 1000))
    text, _ = metrics.render(seen, selection, registry, NOW, "application/openmetrics-text;version=1.0.0")
    declared = {one._name: one._labelnames for one in registry._collector_to_names if hasattr(one, "_labelnames")}
    found = {}
    for family in openmetrics(text.decode()):
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        assert family.samples or family.name in declared, name
        labels = {label for sample in family.samples for label in sample.labels if label != "le"}
        labels |= set(declared.get(family.name, ()))
        found[name] = (family.type, labels, family.documentation)
    return found


def test_every_metric_is_described_and_no_other() -> None:
    described = {
        bare(name): (kind, set(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in rows((DOCS / "metrics.md").read_text())
    }
    assert described == emitted()


def test_no_metric_is_left_that_only_some_state_shows() -> None:
    """Those that are named in the program are those that the state above has shown."""
    sources = [*(ROOT / "monitor").rglob("*.py"), *(ROOT / "alerting").rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'"(soawatch_\w+)"', source.read_text())}
    shown = {name.removesuffix("_total").removesuffix("_info") for name in emitted()}
    assert named == shown


def test_the_values_of_labels_are_named() -> None:
    text = (DOCS / "metrics.md").read_text()
    for kind in (Outcome, Health, Transport, NotifyResult):
        assert [each.value for each in kind if f"`{each.value}`" not in text] == []
    for word in (
        *map(str, Severity),
        "delivered",
        "in-part",
        "retried",
        "rejected",
        "given-up",
        "evaluated",
        "unchanged",
    ):
        assert f"`{word}`" in text


# --- routes and JSON ---


async def test_every_route_is_described_and_no_other() -> None:
    app = build(await stage(troubled()))
    there = {re.sub(r":path}", "}", route.path) for route in app.routes if isinstance(route, Route)}
    assert {bare(row[0]) for row in rows(section("api.md", "Routes"))} == there
    lists = {bare(row[0]) for row in rows(section("api.md", "Lists"))}
    assert lists == {route for route in there if route.startswith("/api/") and "{" not in route}


def agrees(page: str, heading: str, value: Mapping[str, Any]) -> None:
    """The keys of a value are those of the table, in its order, and of its types."""
    described = {bare(key): kind for key, kind, *_ in rows(section(page, heading))}
    assert list(value) == list(described), heading
    for key, kind in described.items():
        base = kind.removesuffix(" or null")
        assert (value[key] is None and kind != base) or TYPES[base](value[key]), f"{heading}: {key} is {value[key]!r}"


async def test_every_key_of_a_silence_is_described_and_no_other() -> None:
    async with client(await stage(replace(troubled(), silences=silenced()))) as http:
        silences = (await http.get("/api/v1/silences")).json()
        windows = (await http.get("/api/v1/maintenance")).json()
    for each in silences:
        agrees("api.md", "A silence", each)
        agrees("api.md", "What a silence matches", each["matchers"])
    for each in windows:
        agrees("api.md", "A maintenance window", each)
    assert silences
    assert windows


async def test_every_key_of_the_json_is_described_and_no_other() -> None:
    async with client(await stage(troubled())) as http:
        everything = (await http.get("/api/v1/zones")).json()
        zones = [(await http.get(f"/api/v1/zones/{each['name']}")).json() for each in everything]
        servers = (await http.get("/api/v1/servers")).json()
        incidents = (await http.get("/api/v1/incidents")).json()
    async with client(await stage(replace(troubled(), sweeps=slow()))) as http:
        sweeps = (await http.get("/api/v1/checks")).json()
        sources = (await http.get("/api/v1/sources")).json()
    assert everything
    assert servers
    for each in sweeps:
        agrees("api.md", "A check and its cadence", each)
        for low in each["low_caps"] or ():
            agrees("api.md", "A cap that is too low", low)
    assert any(each["low_caps"] for each in sweeps)
    assert sources
    for each in sources:
        agrees("api.md", "A source of zones", each)
    assert incidents
    for each in everything:
        agrees("api.md", "A zone in a list", each)
    for zone in zones:
        agrees("api.md", "A zone", zone)
        for heading, key in (
            ("An address of a zone", "addresses"),
            ("A finding of a zone", "findings"),
            ("A check of a zone", "checks"),
            ("A hop of the transfer tree", "tree"),
        ):
            for each in zone[key]:
                agrees("api.md", heading, each)
        if zone["last_notify"]:
            agrees("api.md", "A NOTIFY", zone["last_notify"])
    assert any(zone["findings"] for zone in zones)
    assert any(zone["tree"] for zone in zones)
    assert any(zone["last_notify"] for zone in zones)
    for each in servers:
        agrees("api.md", "A server", each)
    for each in incidents:
        check_incident(each)


async def test_every_event_of_a_wait_is_described() -> None:
    body = {"serial": SERIAL + 1, "timeout": 0.2}
    async with client(await waiting_stage(served=SERIAL)) as http:
        answer = await http.post("/api/v1/zones/example.com/wait", json=body)
    *steps, end = events_of(answer.text)
    assert steps
    for step in steps:
        agrees("api.md", "A step of a wait", step)
        agrees("api.md", "An address of a wait", step["address"])
    agrees("api.md", "The end of a wait", end)
    for address in end["addresses"]:
        agrees("api.md", "An address of a wait", address)
    assert {bare(row[0]) for row in rows(section("api.md", "Waiting for a change"))} == set(wait_request.KEYS)


async def test_every_key_of_a_comparison_is_described() -> None:
    async with client(await diff_stage({"ns2": (SERIAL, ())})) as http:
        answer = await http.post("/api/v1/zones/example.com/diff", json={"before": "ns1", "after": "ns2"})
    assert answer.json()["removed"]
    agrees("diff.md", "As JSON", answer.json())
    agrees("diff.md", "A compared zone", answer.json()["before"])
    assert {bare(row[0]) for row in rows(section("api.md", "Comparing two servers"))} == set(diff_request.KEYS)


async def test_what_became_of_an_incident_is_described() -> None:
    async with client(await told(), headers=bearer(ANNA)) as http:
        found = (await http.post(f"/api/v1/incidents/{ID}/acknowledge", json={"note": "I look at it"})).json()
    assert found["timeline"]
    assert found["deliveries"]
    for heading, key in (("An entry of a timeline", "timeline"), ("A delivery", "deliveries")):
        for each in found.pop(key):
            agrees("api.md", heading, each)
    check_incident(found)
    text = section("api.md", "An entry of a timeline") + section("api.md", "A delivery")
    assert [word for word in (*TimelineEvent, *DeliveryState) if f"`{word}`" not in text] == []


def check_incident(data: Mapping[str, Any]) -> None:
    agrees("api.md", "An incident", data)
    assert data["findings"]
    for each in data["findings"]:
        agrees("api.md", "What an incident found", each)


def test_an_incident_that_is_over_and_one_of_the_monitor_itself_are_as_described() -> None:
    of = (line("database-failing", "", None, None, "the database takes no changes", ended_at=ago(minutes=1)),)
    over = incident(
        "i", Cause("vantage", "fra1"), Severity.CRITICAL, of, phase="resolved", resolved_at=NOW, ended_at=NOW
    )
    check_incident(as_data(over))


def test_the_states_of_an_address_are_named() -> None:
    text = section("api.md", "An address of a zone")
    assert [state for state in REPLICATION_STATES if f"`{state}`" not in text] == []


# --- the webhook ---

SECRET = "whsec_" + b64encode(b"a secret of the webhook").decode()


async def delivered(news: IncidentEvent) -> Request:
    """What really arrives."""
    message = replace(OPENED_MESSAGE, event=news)
    async with hookserver() as server:
        url = Secret(f"http://127.0.0.1:{server.port}/dns")
        await Notifier(url, secret=Secret(SECRET), token=Secret("the token"), allow_private=True).send(
            render(message, "https://dns.example.com", OPENED_MESSAGE.at)
        )
    (request,) = server.requests
    return request


async def test_what_arrives_at_a_webhook_is_what_is_described() -> None:
    request = await delivered(IncidentEvent.OPENED)
    agrees("webhook.md", "Body", request.json)
    check_incident(request.json["data"])
    ours = {
        name
        for name in request.headers
        if name not in ("host", "content-length", "accept", "accept-encoding", "connection")
    }
    assert ours == {bare(row[0]) for row in rows(section("webhook.md", "Headers"))}


async def test_every_type_of_news_is_described_and_no_other() -> None:
    text = section("webhook.md", "News")
    assert set(re.findall(r"^\| `(incident\.\w+)`", text, re.MULTILINE)) == {str(news) for news in IncidentEvent}


async def test_the_example_is_of_the_shape_that_arrives() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", (DOCS / "webhook.md").read_text(), re.DOTALL)
    example, real = json.loads(block), (await delivered(IncidentEvent.OPENED)).json
    assert list(example) == list(real)
    check_incident(example["data"])


@pytest.mark.parametrize("news", [IncidentEvent.OPENED, IncidentEvent.RESOLVED])
async def test_the_verification_in_the_document_verifies_and_refuses(news: IncidentEvent) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "webhook.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    verified, request = names["verified"], await delivered(news)
    now = OPENED_MESSAGE.at.timestamp()
    assert verified(SECRET, request.headers, request.body, now)
    assert not verified(SECRET, request.headers, request.body + b" ", now)
    assert not verified("whsec_" + b64encode(b"another secret").decode(), request.headers, request.body, now)
    assert not verified(SECRET, request.headers | {"webhook-id": "another"}, request.body, now)
    assert not verified(SECRET, request.headers, request.body, now + 301)
