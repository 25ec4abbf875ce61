"""A cap so low that sweeps take longer than their cadence: all that is shown says so, and which cap would do."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

from checks.registry import CHECKS
from monitor.config.low_caps import few
from monitor.pair.config_template import config_text
from tests.support.lab.model import Content
from tests.support.lab.topology import Lab
from tests.support.plain_http import plain_http
from tests.support.running import Running, running, until

ZONES = tuple(f"z{number}.test." for number in range(30))
CAP = 12
"""Questions a second to a server, at both of its addresses; 30 zones need 30 for their serials, every two seconds."""


def write(path: Path, lab: Lab, cap: float) -> None:
    """The serials of thirty zones every two seconds, on two servers over IPv4 and IPv6."""
    servers = {f"ns{number}": (server.ipv4, server.ipv6) for number, server in enumerate(lab.servers, 1)}
    text = config_text(
        servers,
        cadence=dict.fromkeys(CHECKS, "off") | {"soa-serial": "2s", "reachable": "1h"},
        probe={"max_qps_per_server": cap},
        service={"database": "soawatch.db", "log_format": "json"},
    )
    path.write_text(text + "".join(f'[[zones]]\nname = "{zone}"\nservers = ["ns1", "ns2"]\n' for zone in ZONES))


async def check_config(path: Path) -> tuple[dict[str, Any], str]:
    """What it says to programs, and its warnings to people."""
    said = []
    for option in ("--json", "--quiet"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", "check-config", option, str(path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err
        said += [out.decode(), err.decode()]
    return json.loads(said[0]), said[3]


async def serials(service: Running) -> dict[str, Any]:
    """The row of soa-serial in the API."""
    (row,) = [row for row in await service.get("/api/v1/checks") if row["check"] == "soa-serial"]
    return row


async def pages(service: Running) -> dict[str, str]:
    async with plain_http(service.page) as http:
        return {path: " ".join((await http.get(path)).text.split()) for path in ("/", "/servers", "/checks")}


async def test_a_cap_that_makes_sweeps_longer_than_their_cadence_is_told_until_it_is_raised(tmp_path: Path) -> None:
    async with Lab() as lab:
        lab.primary("nsd", *(Content(zone) for zone in ZONES))
        lab.primary("knot", *(Content(zone) for zone in ZONES))
        await lab.started()
        path = tmp_path / "soawatch.toml"
        write(path, lab, CAP)
        plan, warnings = await check_config(path)
        low = {one["server"]: one for one in plan["low_caps"]}
        assert low.keys() == {"ns1", "ns2"}
        enough = low["ns1"]["sufficient"]
        assert f"the cap is {CAP}, so sweeps take about {few(low['ns1']['times_the_cadence'])} times" in warnings
        assert f"a cap of {enough:g} would do" in warnings
        async with running(path) as service:
            await service.up()
            await until(lambda: told(service, "A cadence is not kept: soa-serial every "), 60)
            row, shown = await serials(service), await pages(service)
            assert (row["cadence_seconds"], row["is_kept"]) == (2, False)
            assert row["kept_seconds"] > 3
            (cause,) = row["low_caps"]
            assert (cause["setting"], cause["cap"], cause["sufficient"]) == ("probe.max_qps_per_server", CAP, enough)
            assert cause["needed"] == low[cause["server"]]["needed"]
            hint = f"probe.max_qps_per_server = {CAP} is too low: {enough:g} would do."
            assert all(hint in page for page in shown.values())
            assert "Not kept" in shown["/checks"]
            assert f"A cap of {enough:g} would do." in shown["/checks"]
            labels = '{cadence="2s",check="soa-serial"}'
            assert await service.metric(f"soawatch_cadence_seconds{labels}") == 2
            assert await service.metric(f"soawatch_cadence_kept_seconds{labels}") > 3
            assert not [zone for zone in await service.get("/api/v1/zones") if zone["health"] == "bad"]

            write(path, lab, enough)
            service.signal(signal.SIGHUP)
            await until(lambda: is_kept(service), 60)
            assert (await check_config(path))[0]["low_caps"] == []


async def told(service: Running, text: str) -> bool:
    return text in (await pages(service))["/"]


async def is_kept(service: Running) -> bool:
    """As the page, the API and the metrics say all at once, and no cap is said to be too low."""
    row, shown = await serials(service), await pages(service)
    metric = await service.metric('soawatch_cadence_kept_seconds{cadence="2s",check="soa-serial"}')
    return (
        (row["is_kept"], row["kept_seconds"], metric, row["low_caps"]) == (True, 2, 2, [])
        and not any("A cadence is not kept" in page or "max_qps" in page for page in shown.values())
        and re.search(r'Kept</span></td> <th role="rowheader" scope="row">soa-serial<', shown["/checks"]) is not None
    )
