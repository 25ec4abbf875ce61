"""Prometheus reads what is so, and nothing that is no longer so."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from alerting.model import Phase
from checks.model import Health
from monitor.probe.server_series import OTHER
from monitor.state.status import Status
from monitor.web.app import build
from monitor.web.metrics import render, select_zones
from monitor.web.server import WebServer
from tests.support.plain_http import plain_http
from tests.support.require import program
from tests.support.web_status import (
    HIDDEN,
    NOW,
    SERIAL,
    SERVERS,
    Counters,
    Stage,
    ago,
    bad,
    finding,
    stage,
    status,
    troubled,
    zone,
)  # fmt: skip

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
FAMILIES = {
    "soawatch_build_info", "soawatch_zones", "soawatch_zone_serial", "soawatch_zone_lag_seconds",
    "soawatch_zone_healthy", "soawatch_finding", "soawatch_zone_expiry_timestamp_seconds", "soawatch_queries",
    "soawatch_propagation_seconds", "soawatch_canary_seconds", "soawatch_query_duration_seconds",
    "soawatch_sweep_duration_seconds",
    "soawatch_last_sweep_timestamp_seconds", "soawatch_incidents_open", "soawatch_notifications",
    "soawatch_outbox_pending", "soawatch_database_up", "soawatch_config_last_reload_successful",
    "soawatch_config_last_reload_success_timestamp_seconds", "soawatch_sweeps_missed", "soawatch_answers_discarded",
    "soawatch_metrics_zones_omitted", "soawatch_check_failures", "soawatch_monitor_offline", "soawatch_zone_polls",
    "soawatch_worker_restarts",
}  # fmt: skip


def scraped(seen: Status, counters: Counters | None = None, most: int = 1000) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names) → value."""
    return flat(plain(rendered(seen, counters or Counters(), most=most)[0].decode()))


def rendered(seen: Status, counters: Counters, accept: str = "", most: int = 1000) -> tuple[bytes, str]:
    return render(seen, asyncio.run(select_zones(seen.zones, most)), counters.registry, NOW, accept)


def flat(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, *(value for _, value in sorted(sample.labels.items())))
            assert key not in found, "each series once"
            found[key] = sample.value
    return found


def test_the_families_others_rely_on_are_there_in_both_formats() -> None:
    for accept, parse in (("", plain), (OPENMETRICS, openmetrics)):
        body, content_type = rendered(troubled(), Counters(), accept)
        names = {family.name.removesuffix("_total") for family in parse(body.decode())}
        if accept:
            assert content_type.startswith("application/openmetrics-text; version=1.0.0")
            names = {"soawatch_build_info" if name == "soawatch_build" else name for name in names}
        assert names >= FAMILIES


def test_both_formats_say_the_same() -> None:
    old = flat(plain(rendered(troubled(), Counters())[0].decode()))
    new = flat(openmetrics(rendered(troubled(), Counters(), OPENMETRICS)[0].decode()))
    assert {k: v for k, v in new.items() if not k[0].endswith("_created")} == old


def test_what_an_address_serves() -> None:
    found = scraped(troubled())
    assert found["soawatch_zone_serial", "192.0.2.2", "ns2", "example.com."] == SERIAL - 1
    assert found["soawatch_zone_lag_seconds", "192.0.2.2", "ns2", "example.com."] == 4800
    assert found["soawatch_zone_lag_seconds", "192.0.2.1", "ns1", "example.com."] == 0
    assert found["soawatch_zone_serial", "[2001:db8::2]:5353", "ns2", "example.net."] == SERIAL
    expiry = found["soawatch_zone_expiry_timestamp_seconds", "192.0.2.1", "ns1", "example.com."]
    assert expiry == (NOW + timedelta(days=6, hours=4)).timestamp()
    left = found["soawatch_zone_signature_seconds_left", "192.0.2.1", "ns1", "example.com."]
    assert left == timedelta(days=9).total_seconds()


def test_a_failed_query_makes_a_series_absent() -> None:
    found = scraped(troubled())
    silent = ("203.0.113.53", "ns3.anycast.example.net", "shop.example.")
    assert ("soawatch_zone_serial", *silent) not in found
    assert ("soawatch_zone_lag_seconds", *silent) not in found
    assert ("soawatch_zone_healthy", "lab.example.") not in found, "unknown is neither well nor ill"
    assert found["soawatch_zone_healthy", "shop.example."] == 0
    assert found["soawatch_zone_healthy", "corp.example."] == 1
    gone = status([replace(zone("a."), addresses=tuple(replace(a, expires=None) for a in zone("a.").addresses))])
    assert not any(key[0] == "soawatch_zone_expiry_timestamp_seconds" for key in scraped(gone))


def test_labels_of_a_zone_are_in_one_series_whatever_is_written_in_them() -> None:
    odd = (("le", "a\\b"), ("zone", 'say "x"'))
    seen = status([replace(zone("a."), labels=odd), zone("b.")])
    for accept, parse in (("", plain), (OPENMETRICS, openmetrics)):
        families = {family.name: family for family in parse(rendered(seen, Counters(), accept)[0].decode())}
        (only,) = families["soawatch_zone_labels"].samples
        assert (only.labels, only.value) == ({"zone": "a.", "label_le": "a\\b", "label_zone": 'say "x"'}, 1)
    assert not any(key[0] == "soawatch_zone_labels" for key in scraped(seen, most=1)), "as of all series of zones"


def test_a_finding_has_one_series_while_it_stands() -> None:
    found = {key: value for key, value in scraped(troubled()).items() if key[0] == "soawatch_finding"}
    assert found == {
        ("soawatch_finding", "serial-overdue", "ns2", "critical", "example.com."): 1,
        ("soawatch_finding", "ttl-differs", "ns1", "info", "example.com."): 1,
        ("soawatch_finding", "server-unreachable", "ns3.anycast.example.net", "critical", "shop.example."): 1,
    }
    leaving = bad(zone("a."), finding("no-answer", "x", "ns1", phase=Phase.RECOVERING))
    assert not any(key[0] == "soawatch_finding" for key in scraped(status([leaving])))
    of_the_zone = bad(zone("a."), finding("ns-set-differs", "x"))
    assert scraped(status([of_the_zone]))["soawatch_finding", "ns-set-differs", "", "warning", "a."] == 1


def test_the_service_itself() -> None:
    seen = replace(troubled(), outbox_pending=7, store_ok=False, config_ok=False, offline_families=("ipv6",))
    found = scraped(seen)
    wanted = {
        ("soawatch_zones", "good"): 9, ("soawatch_zones", "bad"): 2, ("soawatch_zones", "unknown"): 1,
        ("soawatch_incidents_open", "critical"): 1, ("soawatch_incidents_open", "warning"): 1,
        ("soawatch_incidents_open", "info"): 0, ("soawatch_outbox_pending",): 7, ("soawatch_database_up",): 0,
        ("soawatch_config_last_reload_successful",): 0, ("soawatch_monitor_offline", "ipv6"): 1,
        ("soawatch_monitor_offline", "ipv4"): 0, ("soawatch_sweep_duration_seconds", "1m", "soa-serial"): 60,
        ("soawatch_last_sweep_timestamp_seconds", "1m", "soa-serial"): ago(seconds=12).timestamp(),
        ("soawatch_sweeps_missed_total", "1m", "soa-serial"): 3,
        ("soawatch_notifications_total", "delivered", "oncall"): 4,
        ("soawatch_queries_total", "timeout", "ns2", "udp"): 3, ("soawatch_answers_discarded_total", "ns2"): 5,
        ("soawatch_zone_polls_total", "evaluated"): 40, ("soawatch_zone_polls_total", "unchanged"): 9000,
        ("soawatch_worker_restarts_total",): 1, ("soawatch_check_failures_total", "records"): 0,
        ("soawatch_metrics_zones_omitted",): 0,
    }  # fmt: skip
    assert {key: found.get(key) for key in wanted} == wanted
    assert ("soawatch_sweep_duration_seconds", "1h", "transfer") not in found, "it has not finished yet"


def test_histograms_are_cumulative_and_end_in_their_count() -> None:
    found = scraped(status())
    by_bound = {key[1]: value for key, value in found.items() if key[:1] == ("soawatch_query_duration_seconds_bucket",)}
    assert (by_bound["0.005"], by_bound["0.05"], by_bound["5.0"], by_bound["+Inf"]) == (1, 34, 40, 42)
    assert found["soawatch_query_duration_seconds_count", "ns1", "udp"] == 42
    assert found["soawatch_query_duration_seconds_sum", "ns1", "udp"] == 3.25
    assert found["soawatch_propagation_seconds_count", "ns1"] == 42


RATIONED = [
    ("few enough: all", 5, 5, {"a", "b", "c", "d", "e"}, 0),
    ("too many: those that are not good", 5, 4, {"b", "c", "d"}, 2),
    ("too many of those: the bad ones first", 5, 2, {"b", "d"}, 3),
    ("none at all", 5, 0, set(), 5),
]


@pytest.mark.parametrize(("story", "zones", "most", "named", "omitted"), RATIONED, ids=[row[0] for row in RATIONED])
def test_series_of_zones_are_rationed(story: str, zones: int, most: int, named: set[str], omitted: int) -> None:
    health = {"a": Health.GOOD, "b": Health.BAD, "c": Health.UNKNOWN, "d": Health.BAD, "e": Health.GOOD}
    found = scraped(status([replace(zone(f"{name}."), health=kind) for name, kind in health.items()]), most=most)
    assert {key[3].rstrip(".") for key in found if key[0] == "soawatch_zone_serial"} == named
    assert found["soawatch_metrics_zones_omitted",] == omitted
    assert found["soawatch_zones", "bad"] == 2, "the counts are of all zones"


EVIL = 'a"b\\c\nd} 1\nsoawatch_fake 1\n# EOF\n\u202e'


@pytest.mark.parametrize(("accept", "parse"), [("", plain), (OPENMETRICS, openmetrics)])
def test_labels_cannot_break_out(accept: str, parse: object) -> None:
    it = bad(zone(EVIL), finding("no-answer", EVIL, EVIL))
    it = replace(it, addresses=tuple(replace(a, server=EVIL) for a in it.addresses[:1]))
    counters = Counters()
    counters.dispatcher.attempts.labels(EVIL, EVIL).inc()
    counters.evaluator._failures.labels(EVIL).inc(2)
    counters.probe_stats.discard(EVIL)
    body = rendered(status([it], version=EVIL), counters, accept)[0].decode()
    families = list(parse(body))
    assert "soawatch_fake" not in {family.name for family in families}
    assert flat(families)["soawatch_zone_healthy", EVIL] == 0


def test_promtool_finds_nothing_to_say() -> None:
    promtool = program("promtool", package="prometheus")
    crowded = Counters()
    crowded.server_series.use([(server, server == HIDDEN) for server in SERVERS], NOW)
    crowded.server_series.place({"ns2"}, NOW)
    crowded.probe_stats.answered("ns3.anycast.example.net", 0.01, 4)
    for seen, counters in ((troubled(), Counters()), (status([]), Counters()), (troubled(), crowded)):
        text = rendered(seen, counters)[0]
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


CONFIG = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: soawatch
    authorization: {{ credentials: {token} }}
    static_configs: [ {{ targets: ["127.0.0.1:{port}"] }} ]
"""


@contextlib.asynccontextmanager
async def prometheus_of(seen: Stage, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """One that scrapes it every second."""
    prometheus = program("prometheus", package="prometheus")
    server = WebServer(build(seen.context()), "127.0.0.1", 0, seen.stopping)
    await server.start()
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(token=seen.settings.token.reveal(), port=server.address[1]))
    port = await free_port()
    process = await asyncio.create_subprocess_exec(
        prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60), plain_http(f"http://127.0.0.1:{port}") as http:
            yield http
    finally:
        process.terminate()
        await process.wait()
        await server.stop()


async def test_a_real_prometheus_reads_it(tmp_path: Path) -> None:
    async with prometheus_of(await stage(troubled(), token=True), tmp_path) as http:
        assert await value(http, 'up{job="soawatch"}') == 1
        assert await value(http, 'soawatch_zone_lag_seconds{address="192.0.2.2",zone="example.com."}') == 4800
        assert await value(http, "histogram_quantile(0.5, soawatch_query_duration_seconds_bucket{server='ns1'})") > 0


BEFORE, EACH = 1_000_000, 10


async def test_to_a_real_prometheus_no_rate_falls_or_leaps_when_servers_change_places(tmp_path: Path) -> None:
    """Two servers and one place, which goes to whoever is bad: each answers a hundred times a second, as ever."""
    seen = await stage(status(), token=True)
    series, stats = seen.counters.server_series, seen.counters.probe_stats
    series.use([("ns1", False), ("ns2", False)], NOW)
    stats.queries.clear()
    stats.durations.clear()
    for server in ("ns1", "ns2"):
        stats.answered(server, 0.01, BEFORE)

    async def answer() -> None:
        while True:
            for server in ("ns1", "ns2"):
                stats.answered(server, 0.01, EACH)
            await asyncio.sleep(0.1)

    answering = asyncio.create_task(answer())
    try:
        async with prometheus_of(seen, tmp_path) as http:
            for troubled_one in ("ns2", "ns1", "ns2"):
                for _ in range(4):
                    await scraped_once_more(http)
                seen.show(status([bad(zone("a."), finding("no-answer", "x", troubled_one))]))
            answering.cancel()
            for _ in range(3):
                await scraped_once_more(http)
            found = await samples(http, "soawatch_queries_total[2m]")
            rates = await samples(http, "sum(rate(soawatch_queries_total[4s]))[2m:1s]")
    finally:
        answering.cancel()
    assert found.keys() == {"ns1", "ns2", OTHER}
    steps = [after - before for values in found.values() for before, after in pairwise(values)]
    assert min(steps) >= 0
    assert max(steps) < BEFORE / 100, "what was counted elsewhere before is nowhere an increase"
    assert sum(steps) == sum(stats.queries.values()) - sum(values[0] for values in found.values())
    assert 0 < max(rates[""]) < BEFORE / 100


async def scraped_once_more(http: httpx.AsyncClient) -> None:
    before = await value(http, 'count_over_time(up{job="soawatch"}[1h])')
    while await value(http, 'count_over_time(up{job="soawatch"}[1h])') <= before:
        await asyncio.sleep(0.1)


async def samples(http: httpx.AsyncClient, query: str) -> dict[str, list[float]]:
    """Server → values, one after the other."""
    rows = (await http.get("/api/v1/query", params={"query": query})).json()["data"]["result"]
    return {row["metric"].get("server", ""): [float(value) for _, value in row["values"]] for row in rows}


async def free_port() -> int:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    return port


async def value(http: httpx.AsyncClient, query: str) -> float:
    """What Prometheus answers, once it has something to answer."""
    while True:
        try:
            rows = json.loads((await http.get("/api/v1/query", params={"query": query})).text)["data"]["result"]
        except (httpx.TransportError, ValueError, KeyError):
            rows = []
        if rows and float(rows[0]["value"][1]):
            return float(rows[0]["value"][1])
        await asyncio.sleep(0.1)


def test_no_address_of_the_servers_is_lost() -> None:
    found = scraped(status([zone("a.")]))
    assert len([key for key in found if key[0] == "soawatch_zone_serial"]) == sum(map(len, SERVERS.values()))
