"""What BIND, Knot, NSD and PowerDNS send as NOTIFY is taken: the version that it announces is known without a sweep.

All is asked once an hour, so whatever is known sooner came by NOTIFY.
"""

from pathlib import Path

import pytest

from checks.model import Address
from monitor.config.addresses import address
from monitor.pair.config_template import config_text
from tests.support.lab.model import GUEST, XFR, Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.receiver import receiver
from tests.support.running import Running, running, until

ZONE, OTHER = "example.test.", "other.test."

ENTRY = """
[[zones]]
name = "{zone}"
servers = ["primary", "secondary"]
primary = "primary"
"""


def configuration(room: Path, primary: Server, secondary: Server, more: str = "") -> Path:
    settings = config_text(
        {"primary": [primary.ipv4], "secondary": [secondary.ipv4]},
        every="1h",
        key=XFR,
        service={"database": "soawatch.db", "log_format": "json"},
        probe={"timeout": "1s"},
    )
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    listen = '[notify]\nlisten = ["127.0.0.1:0"]\n'
    path.write_text('ignore_servers = ["*"]\n' + settings + more + listen + ENTRY.format(zone=ZONE))
    return path


def listening(service: Running) -> Address:
    (said,) = [said for said in service.log if said["event"] == "listening for NOTIFY"]
    return address(said["address"])


async def serials(service: Running) -> dict[str, int | None]:
    zone = await service.get(f"api/v1/zones/{ZONE}")
    return {one["server"]: one["serial"] for one in zone["addresses"]}


@pytest.mark.parametrize("software", ["bind", "knot", "nsd", "powerdns"])
async def test_the_version_that_is_announced_is_known_without_a_sweep(software: str, tmp_path: Path) -> None:
    async with Lab() as lab:
        primary = lab.primary(software, Content(ZONE, serial=1), Content(OTHER, serial=1), name="primary")
        secondary = lab.secondary("knot", of=primary, zones=(ZONE,), name="secondary")
        await lab.started()
        secondary.wait(ZONE, 1)
        async with running(configuration(tmp_path, primary, secondary)) as service:
            await service.up()
            await until(lambda: ready(service, {"primary": 1, "secondary": 1}))
            primary.tell(listening(service), ZONE, OTHER)
            serial = primary.bump(ZONE, "new A 192.0.2.1")
            await until(lambda: at_primary(service, serial))
            assert await service.metric('soawatch_notifies_total{result="accepted"}') >= 1
            primary.bump(OTHER, "new A 192.0.2.1")  # that is watched by nobody
            await until(lambda: counted(service, "unknown-zone"))


@pytest.mark.long
async def test_a_primary_that_announces_nothing_is_told_of_until_it_does(tmp_path: Path) -> None:
    """A sweep sees its new version; a minute later the NOTIFY is missing, until the next one that comes."""
    async with Lab() as lab, receiver() as hook:
        primary = lab.primary("bind", Content(ZONE, serial=1), name="primary")
        secondary = lab.secondary("knot", of=primary, notify=True, name="secondary")
        await lab.started()
        secondary.wait(ZONE, 1)
        path = configuration(tmp_path, primary, secondary)
        at = f'[servers.primary]\naddresses = ["{primary.ipv4}"]\n'
        text = path.read_text().replace(at, f"{at}expect_notify = true\n")
        path.write_text(text.replace('soa-serial = "1h"', 'soa-serial = "2s"') + hook.toml())
        async with running(path) as service:
            await service.up()
            await until(lambda: ready(service, {"primary": 1, "secondary": 1}))
            serial = primary.bump(ZONE, "first A 192.0.2.1")
            await until(lambda: ready(service, {"primary": serial, "secondary": serial}))
            await until(lambda: hook.kinds() == ["incident.opened"], seconds=90)
            (finding,) = hook.heard[0][1]["data"]["findings"]
            assert (finding["code"], finding["server"]) == ("notify-missing", "primary")
            primary.tell(listening(service), ZONE)
            primary.bump(ZONE, "second A 192.0.2.1")
            await until(lambda: hook.kinds() == ["incident.opened", "incident.resolved"])


@pytest.mark.parametrize("software", ["bind", "knot", "nsd", "powerdns"])
async def test_a_signed_one_is_taken_where_a_key_is_asked_for_and_an_unsigned_one_is_not(
    software: str, tmp_path: Path
) -> None:
    async with Lab() as lab:
        primary = lab.primary(software, Content(ZONE, serial=1), name="primary")
        secondary = lab.secondary("knot", of=primary, notify=False, name="secondary")
        await lab.started()
        secondary.wait(ZONE, 1)
        path = configuration(tmp_path, primary, secondary)
        at = f'[servers.primary]\naddresses = ["{primary.ipv4}"]\n'
        text = path.read_text()
        assert at in text
        path.write_text(text.replace(at, f'{at}notify_key = "{XFR.name}"\n'))
        async with running(path) as service:
            await service.up()
            await until(lambda: ready(service, {"primary": 1, "secondary": 1}))
            if software == "powerdns":  # it signs with the keys it gives the zone out with
                primary.allow(ZONE, GUEST)
                primary.tell(listening(service), ZONE)
                primary.bump(ZONE, "first A 192.0.2.1")
                await until(lambda: counted(service, "badly-signed"))
                primary.allow(ZONE, XFR)
            else:
                primary.tell(listening(service), ZONE)
                primary.bump(ZONE, "first A 192.0.2.1")
                await until(lambda: counted(service, "unsigned"))
                primary.tell(listening(service), ZONE, key=XFR)
            assert (await serials(service))["primary"] == 1
            serial = primary.bump(ZONE, "second A 192.0.2.1")
            await until(lambda: at_primary(service, serial))


async def ready(service: Running, wanted: dict[str, int]) -> bool:
    return await serials(service) == wanted


async def at_primary(service: Running, serial: int) -> bool:
    return (await serials(service))["primary"] == serial


async def counted(service: Running, result: str) -> bool:
    return await service.metric(f'soawatch_notifies_total{{result="{result}"}}') > 0


async def test_a_secondary_that_hands_it_on_is_believed_too(tmp_path: Path) -> None:
    async with Lab() as lab:
        primary = lab.primary("knot", Content(ZONE, serial=1), name="primary")
        secondary = lab.secondary("bind", of=primary, name="secondary")
        await lab.started()
        secondary.wait(ZONE, 1)
        async with running(configuration(tmp_path, primary, secondary)) as service:
            await service.up()
            await until(lambda: ready(service, {"primary": 1, "secondary": 1}))
            secondary.tell(listening(service), ZONE)
            serial = primary.bump(ZONE)
            await until(lambda: ready(service, {"primary": serial, "secondary": serial}))
