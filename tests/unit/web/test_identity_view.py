"""Who answered with what behind one address: on the page, in the API, on a terminal."""

from dataclasses import replace
from datetime import datetime

from checks.model import Health
from checks.zone_state.model import IdentityState
from monitor.state.level import Level
from monitor.state.status import AddressStatus, ZoneStatus
from monitor.web.identity_view import identity_lines, identity_rows
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, NOW, SERIAL, ago, change, stage, status, zone

MACHINES = (
    IdentityState("lon1", SERIAL, ago(minutes=40), seen=ago(seconds=12)),
    IdentityState("fra1", SERIAL - 1, ago(hours=3), seen=ago(minutes=2)),
    IdentityState(None, SERIAL - 2, ago(hours=5)),
)
EVIL = "<img src=x onerror=alert(1)>\x1b[31m"


def balanced(*machines: IdentityState) -> ZoneStatus:
    return change(zone("example.com."), "ns2", identities=machines)


def address(*machines: IdentityState) -> AddressStatus:
    return next(one for one in balanced(*machines).addresses if one.server == "ns2")


def test_each_machine_says_what_it_serves() -> None:
    rows = identity_rows([address(*MACHINES), address()], NOW)
    assert [(row.machine, row.serial, row.level, row.seen) for row in rows] == [
        ("without NSID", SERIAL - 2, Level.PROPAGATING, "not yet"),
        ("NSID fra1", SERIAL - 1, Level.PROPAGATING, "2 min ago"),
        ("NSID lon1", SERIAL, Level.GOOD, "12 s ago"),
    ]


def test_a_terminal_has_a_line_for_each() -> None:
    assert list(identity_lines([address(*MACHINES[:2])], NOW)) == [
        f"behind ns2 (192.0.2.2): NSID fra1 serves {SERIAL - 1}, behind the others; answered last 2 min ago",
        f"behind ns2 (192.0.2.2): NSID lon1 serves {SERIAL}, newest of them; answered last 12 s ago",
    ]


async def test_page_and_api_show_them_and_nothing_while_they_agree() -> None:
    async with client(await stage(status([balanced(*MACHINES), zone("agreed.example.")]))) as http:
        page = (await http.get("/zones/example.com")).text
        well = (await http.get("/zones/agreed.example")).text
        data = (await http.get("/api/v1/zones/example.com")).json()
    assert "Machines behind one address" in page
    assert "NSID fra1" in page
    assert "Behind the others" in page
    assert "Machines behind one address" not in well
    found = {one["server"]: one["identities"] for one in data["addresses"]}
    assert found["ns2"][1] == {
        "nsid": "fra1", "serial": SERIAL - 1, "since": _iso(ago(hours=3)), "seen_at": _iso(ago(minutes=2)),
    }  # fmt: skip
    assert found["ns2"][2]["seen_at"] is None
    assert found[HIDDEN] == []


async def test_what_machines_call_themselves_is_text_and_tells_the_public_of_no_hidden_server() -> None:
    named = [replace(MACHINES[0], nsid=EVIL), replace(MACHINES[1], nsid=HIDDEN), MACHINES[2]]
    shown = status([replace(balanced(*named), health=Health.GOOD)])
    async with client(await stage(shown)) as http:
        page = (await http.get("/zones/example.com")).text
    assert "<img src=x" not in page
    assert "\x1b" not in page
    async with client(await stage(shown, token=True, public=True)) as http:
        data = (await http.get("/api/v1/zones/example.com")).json()
    machines = next(one["identities"] for one in data["addresses"] if one["server"] == "ns2")
    assert [one["nsid"] for one in machines] == [EVIL, None, None]


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
