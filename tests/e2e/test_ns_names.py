"""The service hears of nameservers that nobody listed, and of such as do not exist: on page, API and metrics.

The kind: what NS sets name, against what is watched and what resolvers can find; at the start and after a reload.
"""

import re
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.config.load import parse
from monitor.pair.pair import Pair
from monitor.service.service import Service
from tests.support.plain_http import plain_http
from tests.support.resolver import resolving
from tests.support.running import until

CONFIG = """
{top}
[service]
listen   = "127.0.0.1:0"
database = "service.db"
[cadence]
ns-set = "1s"
soa-serial = "1s"
reachable = "1s"
[probe]
timeout  = "300ms"
attempts = 2
[resolver]
addresses = ["{resolver}"]
timeout = "1s"
[alerting]
witness = []
grace  = "1s"
settle = "1s"
[servers.ns1]
addresses = ["{ns1}"]
[servers."ns1.two.example"]
addresses = ["{ns1}"]
[[zones]]
name = "one.example"
servers = ["ns1"]
[[zones]]
name = "two.example"
"""

KNOWN = {
    ("ns2.one.example.", "A"): ["203.0.113.9"],
    ("two.example.", "NS"): ["ns1.two.example.", "gone.example."],
    ("ns2.two.example.", "A"): ["203.0.113.9"],
}
WANTED = {
    ("one.example.", "unwatched-server", "ns2.one.example"),
    ("two.example.", "ns-unresolvable", "gone.example"),
}


def found(service: Service) -> set[tuple[str, str, str | None]]:
    zones = service.status.zones
    return {(name, f.key.code, f.key.server) for name in zones for f in zones[name].findings}


async def test_names_in_ns_sets(tmp_path: Path) -> None:
    async with Pair(["one.example", "two.example"], now=now) as pair, resolving(KNOWN) as resolver:
        await pair.in_sync()
        path = tmp_path / "soawatch.toml"
        text = CONFIG.format(top="", resolver=resolver.address, ns1=pair.primary.address)
        path.write_text(text)
        service = Service(parse(text, path, {}), lambda: parse(path.read_text(), path, {}))
        await service.start()
        try:
            await until(lambda: found(service) == WANTED)
            await until(lambda: len(service.status.incidents) == 2)
            await as_people_and_programs_see_it(service)
            resolver.data["gone.example.", "A"] = ["127.0.0.9"]
            assert await service.reload()  # it resolves again, and its zone is asked at the address it has now
            await until(lambda: ("two.example.", "ns-unresolvable", "gone.example") not in found(service))
            path.write_text(text.replace('name = "one', 'ignore_servers = ["ns2.one.example"]\nname = "one'))
            assert await service.reload()
            await until(lambda: not [code for _, code, _ in found(service) if code == "unwatched-server"])
            assert ("ns1.one.example.", "A") not in resolver.asked  # called like a server that is listed
        finally:
            await service.stop()


async def as_people_and_programs_see_it(service: Service) -> None:
    async with plain_http(f"http://127.0.0.1:{service.address[1]}") as http:
        api = (await http.get("api/v1/zones/one.example")).json()
        assert api["health"] == "bad"
        assert [(f["code"], f["severity"], f["server"], f["address"]) for f in api["findings"]] == [
            ("unwatched-server", "warning", "ns2.one.example", None)
        ]
        series = (await http.get("metrics")).text
        for zone, code, server in WANTED:
            labels = (
                rf'(?=[^}}]*zone="{zone}")(?=[^}}]*server="{server}")(?=[^}}]*code="{code}")[^}}]*severity="warning"'
            )
            assert re.search(rf"^soawatch_finding{{{labels}}} 1", series, re.MULTILINE), series
        page = (await http.get("zones/one.example.")).text
        assert "ns2.one.example (203.0.113.9) is in the NS set, but not among the servers watched" in page
        for link in set(re.findall(r'href="(/[^"#]*)"', page)):
            assert (await http.get(link)).status_code == 200, link


@pytest.mark.parametrize("top", ['ignore_servers = ["ns2.one.example", "ns2.two.example"]', 'ignore_servers = ["*"]'])
def test_what_is_ignored_for_all_zones(tmp_path: Path, top: str) -> None:
    config = parse(CONFIG.format(top=top, resolver="127.0.0.1:1", ns1="127.0.0.1:2"), tmp_path / "c.toml", {})
    assert [zone.ignored for zone in config.zones.values()] == [
        tuple(re.findall(r'"([^"]*)"', top)), tuple(re.findall(r'"([^"]*)"', top))
    ]  # fmt: skip
