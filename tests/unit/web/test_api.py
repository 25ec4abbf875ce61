"""The API keeps to the shapes other programs rely on."""

import pytest

from tests.support.web_client import client
from tests.support.web_status import HIDDEN, ago, stage, status, troubled, zone

ZONE = {"name", "health", "reference_serial", "addresses", "findings"}
ADDRESS = {"server", "address", "serial", "lag_seconds", "state", "outcome", "rtt_ms", "expires_at"}
FINDING = {"code", "severity", "server", "address", "text", "since", "inherited"}
INCIDENT = {
    "id", "cause", "severity", "phase", "zones", "servers", "opened_at", "resolved_at", "findings",
}  # fmt: skip


async def test_a_zone() -> None:
    async with client(await stage(troubled())) as http:
        data = (await http.get("/api/v1/zones/example.com")).json()
    assert data.keys() >= ZONE
    assert (data["name"], data["health"], data["reference_serial"]) == ("example.com.", "bad", 2026112007)
    behind = [a for a in data["addresses"] if a["server"] == "ns2"]
    assert behind[0].keys() >= ADDRESS
    wanted = {
        "server": "ns2", "address": "192.0.2.2", "serial": 2026112006, "lag_seconds": 4800, "state": "overdue",
        "outcome": "answered", "rtt_ms": 12.3, "expires_at": "2026-11-26T14:24:30Z",
    }  # fmt: skip
    assert {key: behind[0][key] for key in ADDRESS} == wanted
    assert behind[1]["address"] == "[2001:db8::2]:5353"
    assert data["findings"][0].keys() >= FINDING
    assert data["findings"][0]["since"] == "2026-11-20T10:02:30Z"
    assert data["findings"][0]["severity"] == "critical"


async def test_an_address_that_serves_nothing_has_no_lag() -> None:
    async with client(await stage(troubled())) as http:
        data = (await http.get("/api/v1/zones/shop.example.")).json()
    silent = next(a for a in data["addresses"] if a["state"] == "silent")
    assert (silent["serial"], silent["lag_seconds"], silent["rtt_ms"]) == (None, None, None)


async def test_all_zones_in_parts() -> None:
    many = status([zone(f"z{n:03}.example.") for n in range(250)])
    async with client(await stage(many)) as http:
        path, names = "/api/v1/zones?limit=60&q=z", []
        while path:
            answer = await http.get(path)
            assert answer.headers["X-Total-Count"] == "250"
            names += [row["name"] for row in answer.json()]
            path = answer.links.get("next", {}).get("url")
    assert names == [f"z{n:03}.example." for n in range(250)]


async def test_zones_by_health_and_name() -> None:
    async with client(await stage(troubled())) as http:
        assert [z["name"] for z in (await http.get("/api/v1/zones?health=bad")).json()] == [
            "example.com.",
            "shop.example.",
        ]
        assert [z["health"] for z in (await http.get("/api/v1/zones?q=lab")).json()] == ["unknown"]
        assert [z["unicode"] for z in (await http.get("/api/v1/zones?q=bücher")).json()] == ["bücher.example."]


async def test_incidents_newest_first() -> None:
    async with client(await stage(troubled())) as http:
        data = (await http.get("/api/v1/incidents")).json()
        assert [i["phase"] for i in data] == ["open", "open", "resolved"]
        assert all(i.keys() >= INCIDENT for i in data)
        assert data[-1]["cause"] == "zone example.com."
        assert data[-1]["resolved_at"].startswith("2026-11-18T02:24:30")
        assert [i["id"] for i in (await http.get("/api/v1/incidents?zone=mail.example")).json()] == [
            "20261120T101010-d4e5f6"
        ]
        before = ago(days=1).isoformat()
        assert len((await http.get("/api/v1/incidents", params={"before": before})).json()) == 1
        assert len((await http.get("/api/v1/incidents?limit=1")).json()) == 1


async def test_servers() -> None:
    async with client(await stage(troubled())) as http:
        data = (await http.get("/api/v1/servers")).json()
    rows = {row["name"]: row for row in data}
    assert rows["ns2"]["addresses"] == ["192.0.2.2", "[2001:db8::2]:5353"]
    assert (rows["ns2"]["zones"], rows["ns2"]["in_sync"]) == (12, 20)


async def test_servers_are_found_by_name_address_and_health_and_come_in_parts() -> None:
    async with client(await stage(troubled())) as http:

        async def names(query: str) -> list[str]:
            return [row["name"] for row in (await http.get(f"/api/v1/servers?{query}")).json()]

        assert await names("q=NS") == ["ns1", "ns2", "ns3.anycast.example.net"]
        assert await names("q=203.0.113") == ["ns3.anycast.example.net"]
        assert await names("q=2001:DB8::2") == ["ns2"]
        assert await names("health=unknown") == [HIDDEN, "ns1"]
        assert await names("health=bad") == ["ns2", "ns3.anycast.example.net"]
        assert await names("health=bad&q=any") == ["ns3.anycast.example.net"]
        part = await http.get("/api/v1/servers?health=bad&limit=1")
        assert [row["health"] for row in part.json()] == ["bad"]
        assert part.headers["X-Total-Count"] == "2"
        assert part.headers["Link"] == '</api/v1/servers?health=bad&limit=1&offset=1>; rel="next"'


WRONG = [
    "/api/v1/servers?health=fine", "/api/v1/incidents?before=yesterday", "/api/v1/zones?limit=0",
    "/api/v1/zones?limit=-1", "/api/v1/zones?limit=x", "/api/v1/zones?offset=-5", "/api/v1/zones?health=fine",
    "/api/v1/incidents?before=2026-11-20T10:00:00",
]  # fmt: skip
STRANGE = [
    ("/api/v1/zones?helth=bad", 'there is no parameter "helth" (did you mean "health"?)'),
    ("/api/v1/zones?health=bad&x%0d=1", 'there is no parameter "x\\r" (there is health, label, limit, offset, q)'),
    ("/api/v1/zones/example.com?limit=1", 'there is no parameter "limit" (it takes none)'),
    ("/api/v1/zones/example.com/propagation?before=2026-11-20T10:00:00Z", 'no parameter "before" (there is since)'),
    ("/api/v1/servers?zone=example.com", 'there is no parameter "zone"'),
    ("/api/v1/servers/ns1/propagation?Since=2026-11-20T10:00:00Z", 'did you mean "since"?'),
    ("/api/v1/incidents?server=ns1", 'there is no parameter "server"'),
    ("/api/v1/checks?q=soa", 'there is no parameter "q"'),
]  # fmt: skip


@pytest.mark.parametrize("path", WRONG)
async def test_a_question_that_cannot_be_understood_is_400(path: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.get(path)
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize(("path", "why"), STRANGE)
async def test_a_parameter_that_there_is_not_is_400(path: str, why: str) -> None:
    async with client(await stage(troubled())) as http:
        answer = await http.get(path)
        assert answer.status_code == 400
        assert why in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/v1/zones/none.example", "/api/v1/incidents?zone=none.example", "/api/v1/x"])
async def test_what_is_not_there_is_404_in_json(path: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.get(path)
        assert (answer.status_code, list(answer.json())) == (404, ["error"])


async def test_how_long_versions_took() -> None:
    async with client(await stage(troubled())) as http:
        data = (await http.get("/api/v1/zones/example.com/propagation")).json()
        assert {one["server"] for one in data["addresses"]} == {HIDDEN, "ns1", "ns2", "ns3.anycast.example.net"}
        (ns3,) = (await http.get("/api/v1/servers/ns3.anycast.example.net/propagation")).json()["addresses"]
        assert ns3 in data["addresses"]
        assert all(one["at"] >= data["since"] for one in data["arrivals"])
        later = (await http.get("/api/v1/zones/example.com/propagation?since=2026-11-20T09:00:00Z")).json()
        assert 0 < len(later["arrivals"]) < len(data["arrivals"])
        for path in ("/api/v1/zones/nowhere.example/propagation", "/api/v1/servers/nobody/propagation"):
            assert (await http.get(path)).status_code == 404
        assert (await http.get("/api/v1/zones/example.com/propagation?since=yesterday")).status_code == 400
