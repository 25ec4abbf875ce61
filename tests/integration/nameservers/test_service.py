"""The operator's evening: the service watches BIND, Knot, NSD and PowerDNS, and tells of each thing once."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.pair.config_template import config_text
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running, running, until

LATE, OPEN, CLOSED, EDITED = ZONES = ("late.test.", "open.test.", "closed.test.", "edited.test.")

WATCHED = """
[[zones]]
name = "{zone}"
servers = [{names}]
primary = "primary"
max_lag = "6s"
records = ["www A", "@ MX"]
transfer = [{{ server = "*", key = "xfr", expect = "allowed" }}, {{ server = "*", expect = "refused" }}]
"""


ROUTE = """
[[routes]]
severity = ["critical", "warning"]
receivers = ["hook"]
"""


def config(room: Path, lab: Lab, hook: Receiver) -> Path:
    settings = config_text(
        {server.name: (server.ipv4, server.ipv6) for server in lab.servers},
        key=XFR,
        service={"database": "soawatch.db", "log_format": "json"},
        probe={"timeout": "1s"},
        deadline="10s",
    )
    names = ", ".join(f'"{server.name}"' for server in lab.servers)
    zones = "".join(WATCHED.format(zone=zone, names=names) for zone in ZONES)
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    path.write_text('ignore_servers = ["*"]\n' + settings + zones + hook.toml() + ROUTE)
    return path


async def told(hook: Receiver, kind: str, cause: str) -> dict[str, Any]:
    """The incident of the one message of that kind with that cause, once it has come."""

    def heard() -> list[dict[str, Any]]:
        said = [said["data"] for _, said in hook.heard if said["type"] == f"incident.{kind}"]
        return [data for data in said if data["cause"] == cause]

    try:
        await until(heard, seconds=40)
    except TimeoutError:
        raise AssertionError(f"nothing was {kind} for {cause}: {hook.heard}") from None
    (data,) = heard()
    return data


def found(incident: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["code"], finding["server"]) for finding in incident["findings"]}


async def well(service: Running) -> bool:
    """Every zone is good, on four servers at two addresses each."""
    shown = [await service.get(f"api/v1/zones/{zone}") for zone in ZONES]
    return all(zone["health"] == "good" and len(zone["addresses"]) == 8 for zone in shown)


async def unreachable(service: Running) -> bool:
    """Every zone says so of its primary."""
    shown = [await service.get(f"api/v1/zones/{zone}") for zone in ZONES]
    return all("server-unreachable" in {finding["code"] for finding in zone["findings"]} for zone in shown)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is broken, how it is mended, and what is found of it where; nobody else is accused."""

    breaks: Callable[[], object]
    mends: Callable[[], object]
    code: str
    server: str


def troubles(primary: Server, nsd: Server, powerdns: Server) -> dict[str, Trouble]:
    def unheard() -> None:
        nsd.freeze(LATE)
        primary.bump(LATE, "new A 192.0.2.1")

    def edit(old: str, new: str) -> None:
        """By hand, in the database of a secondary."""
        with closing(sqlite3.connect(powerdns.room / "pdns.db", timeout=10)) as db, db:
            where = (new, old, f"www.{EDITED.rstrip('.')}")
            assert db.execute("UPDATE records SET content = ? WHERE content = ? AND name = ?", where).rowcount == 1

    here, there = "192.0.2.80", "203.0.113.80"
    return {
        LATE: Trouble(unheard, lambda: nsd.thaw(LATE), "serial-late", "nsd"),
        OPEN: Trouble(
            lambda: primary.allow(OPEN, XFR, everyone=True),
            lambda: primary.allow(OPEN, XFR),
            "transfer-open",
            "primary",
        ),
        CLOSED: Trouble(
            lambda: primary.allow(CLOSED), lambda: primary.allow(CLOSED, XFR), "transfer-refused", "primary"
        ),
        EDITED: Trouble(lambda: edit(here, there), lambda: edit(there, here), "content-differs", "powerdns"),
    }


async def test_each_trouble_is_told_once_and_ends(tmp_path: Path) -> None:
    async with Lab() as lab, receiver() as hook:
        primary = lab.primary("bind", *(Content(zone) for zone in ZONES), name="primary")
        knot, nsd, powerdns = (lab.secondary(other, of=primary, name=other) for other in ("knot", "nsd", "powerdns"))
        await lab.started()
        for zone in ZONES:
            for secondary in (knot, nsd, powerdns):
                await asyncio.to_thread(secondary.catch_up, zone, 1)

        async with running(config(tmp_path, lab, hook)) as service:
            await service.up()
            await until(lambda: well(service), seconds=30)
            assert hook.heard == []

            table = troubles(primary, nsd, powerdns)
            for trouble in table.values():
                trouble.breaks()
            for zone, trouble in table.items():
                assert found(await told(hook, "opened", f"zone {zone}")) == {(trouble.code, trouble.server)}, zone
            for trouble in table.values():
                trouble.mends()
            await asyncio.to_thread(nsd.catch_up, LATE, 2)
            for zone in table:
                await told(hook, "resolved", f"zone {zone}")
            await until(lambda: well(service), seconds=30)

            primary.stop()
            opened = await told(hook, "opened", "server primary")
            assert found(opened) == {("server-unreachable", "primary")}
            await until(lambda: unreachable(service), seconds=30)
            await asyncio.to_thread(primary.start)
            ended = await told(hook, "resolved", "server primary")
            assert ended["id"] == opened["id"]
            assert found(ended) == found(opened), "nobody else was accused of what the primary's death brings with it"
            assert set(ended["zones"]) == set(ZONES)
        assert hook.kinds().count("incident.opened") == hook.kinds().count("incident.resolved") == len(ZONES) + 1
