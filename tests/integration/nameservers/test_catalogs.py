"""Catalog zones of BIND, Knot DNS and PowerDNS are followed: members come, go, change their groups, and survive us."""

import asyncio
import signal
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.config.addresses import address as parsed
from monitor.probe.client.catalog import CatalogClient, CatalogUnread
from monitor.probe.client.catalog_reader import BrokenCatalog
from monitor.probe.settings import Probe
from tests.integration.nameservers.keys import KEYS
from tests.support.lab.catalogs import CATALOG, Producer, catalog
from tests.support.lab.model import XFR, Content
from tests.support.lab.topology import Lab
from tests.support.running import Running, running, until
from tests.support.speaking import say

PRODUCERS = ("bind", "knot", "powerdns")
"""NSD makes catalogs from version 4.9 on."""
CONFIG = """
[service]
listen = "127.0.0.1:0"
[keys.xfr]
name = "{name}"
secret_file = "xfr.key"
[servers.ns1]
addresses = ["{address}"]
[[catalogs]]
zone = "{catalog}"
from = ["ns1"]
key = "xfr"
refresh = "{refresh}"
servers = ["ns1"]
primary = "ns1"
[catalogs.groups.fast]
cadence = {{ ns-set = "2m" }}
"""
SOON = """
[probe]
timeout = "300ms"
[alerting]
witness = []
grace = "1s"
settle = "1s"
[cadence]
removed-member = "2s"
"""
MEMBERS = {"a.test.": "", "b.test.": "fast", "c.test.": "slow"}


def write(directory: Path, producer: Producer, more: str = "", refresh: str = "1s") -> Path:
    (directory / "xfr.key").write_text(XFR.secret.reveal())
    (directory / "xfr.key").chmod(0o600)
    path = directory / "soawatch.toml"
    text = CONFIG.format(name=XFR.wire_name, address=producer.server.ipv4, catalog=CATALOG, refresh=refresh)
    path.write_text(text + more)
    return path


async def zones(service: Running) -> dict[str, str]:
    return {zone["name"]: zone["health"] for zone in await service.get("api/v1/zones")}


async def cadence(service: Running, zone: str) -> object:
    return (await service.get(f"api/v1/zones/{zone}"))["cadence_seconds"]["ns-set"]


async def watches(service: Running, *names: str) -> bool:
    return await zones(service) == dict.fromkeys(names, "good")


async def told(service: Running, code: str) -> bool:
    return any(code in str(one) for one in await service.get("api/v1/incidents") if one["phase"] == "open")


async def over(service: Running, code: str) -> bool:
    return not await told(service, code)


@pytest.mark.parametrize("software", PRODUCERS)
async def test_members_are_watched_as_they_come_and_go_and_stay_while_the_catalog_cannot_be_had(
    software: str, tmp_path: Path
) -> None:
    """They come and go by NOTIFY alone: the catalog would be asked for once an hour."""
    with Lab() as lab:
        producer = Producer(lab, software, MEMBERS)
        await lab.started()
        await asyncio.to_thread(producer.generate)
        soon = '[alerting]\nwitness = []\ngrace = "1s"\nsettle = "1s"\n'
        config = write(tmp_path, producer, f'{soon}[notify]\nlisten = "127.0.0.1:0"\n', refresh="1h")
        async with running(config) as service:
            await service.up()
            await until(lambda: watches(service, "a.test.", "b.test.", "c.test."))
            assert [await cadence(service, name) for name in MEMBERS] == [300, 120, 300]
            (listening,) = [said["address"] for said in service.log if said["event"] == "listening for NOTIFY"]
            await asyncio.to_thread(producer.tell, parsed(listening))
            await asyncio.to_thread(producer.change, {"a.test.": "fast", "b.test.": "fast", "d.test.": ""})
            await until(lambda: watches(service, "a.test.", "b.test.", "c.test.", "d.test."))
            gone = await service.get("api/v1/zones/c.test.")
            assert (gone["catalog"], gone["removed"]) == (CATALOG, True)
            checks = gone["cadence_seconds"]
            assert {name for name, every in checks.items() if every} == {"removed-member"}
            assert await cadence(service, "a.test.") == 120
            (source,) = await service.get("api/v1/sources")
            assert [source[key] for key in ("name", "health", "zones", "code")] == [CATALOG, "good", 3, None]
            assert source["serial"] > 0
            assert 'soawatch_notifies_total{result="accepted"} 0.0' not in await service.scrape()
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
        write(tmp_path, producer, soon)
        producer.server.pause()
        async with running(config) as service:
            await service.up()
            assert list(await zones(service)) == ["a.test.", "b.test.", "c.test.", "d.test."]
            await until(lambda: told(service, "zone-source-failing"))
            (source,) = await service.get("api/v1/sources")
            assert [source[key] for key in ("health", "zones", "code")] == ["bad", 3, "zone-source-failing"]
            producer.server.resume()
            await until(lambda: over(service, "zone-source-failing"))
            assert list(await zones(service)) == ["a.test.", "b.test.", "c.test.", "d.test."]


async def test_commands_know_members_as_the_service_has_them(tmp_path: Path) -> None:
    with Lab() as lab:
        producer = Producer(lab, "bind", MEMBERS)
        await lab.started()
        config = write(tmp_path, producer)
        before = await say("check", "b.test", "-c", config)
        assert "b.test. is not in" in before.out
        assert "nor among the zones that its service has from elsewhere" in before.out
        async with running(config) as service:
            await service.up()
            await until(lambda: watches(service, *MEMBERS))
            checked = await say("check", "b.test", "-c", config, "--json", "--moment", "0.1")
            assert {each["server"] for each in checked.data["addresses"]} == {"ns1"}
            for words in (("b.test", "--serial", "1"), ("www.b.test", "--find-zone", "--record", "@ A 192.0.2.80")):
                waited = await say("wait", *words, "-c", config, "--timeout", "20s")
                assert (waited.status, waited.out.startswith("b.test.: ")) == (0, True), waited
            assert "is not in" in (await say("check", "z.test", "-c", config)).out


async def test_a_server_that_goes_on_with_a_removed_member_or_lacks_a_new_one_is_told_of(tmp_path: Path) -> None:
    with Lab() as lab:
        producer = Producer(lab, "bind", MEMBERS)
        await lab.started()
        config = write(tmp_path, producer, SOON)
        async with running(config) as service:
            await service.up()
            await until(lambda: watches(service, "a.test.", "b.test.", "c.test."))
            await asyncio.to_thread(producer.server.put, catalog({"a.test.": "", "b.test.": "fast", "d.test.": ""}, 2))
            await until(lambda: told(service, "zone-not-served"))
            lacking = await service.get("api/v1/zones/d.test.")
            assert {one["code"] for one in lacking["findings"]} == {"zone-not-served"}
            assert all("a member of catalog catalog.test." in one["text"] for one in lacking["findings"])
            await until(lambda: told(service, "member-removed"))
            zone = await service.get("api/v1/zones/c.test.")
            assert [one["code"] for one in zone["findings"]] == ["member-removed"]
            assert "no member of catalog catalog.test. any more" in zone["findings"][0]["text"]
            await asyncio.to_thread(producer.server.drop, "c.test.")
            await until(lambda: over(service, "member-removed"))


async def read(software_content: Content) -> object:
    """What comes of a catalog that BIND serves."""
    with Lab() as lab:
        server = lab.primary("bind", software_content)
        await lab.started()
        return await CatalogClient(Probe(), KEYS, now).read(CATALOG, server.ipv4, "xfr", None)


BROKEN = {
    "no version": (Content(CATALOG, records=("@ NS invalid.", "m.zones PTR a.test.")), "no TXT record version"),
    "version 3": (catalog(MEMBERS, version="3"), 'version.catalog.test. is "3"'),
    "two versions": (catalog(MEMBERS, 1, "2", 'version TXT "1"'), "has more than one TXT record"),
    "two members at a node": (
        catalog(MEMBERS, 1, "2", "m0.zones PTR z.test."),
        "m0.zones.catalog.test. has more than one PTR",
    ),
    "two owners": (catalog(MEMBERS, 1, "2", "coo.m0.zones PTR x.", "coo.m0.zones PTR y."), "coo.m0.zones.catalog."),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_catalog_that_must_not_be_processed_is_told_as_what_it_is(case: str) -> None:
    content, why = BROKEN[case]
    with pytest.raises(BrokenCatalog) as error:
        await read(content)
    assert why in str(error.value)


async def test_what_is_no_part_of_a_catalog_is_passed_over_and_version_1_is_read() -> None:
    odd = ("x TXT q", 'foo.m0.zones TXT "x"', "m9.zones PTR a.test.", f"m8.zones PTR {CATALOG}", "m7.zones TXT a")
    odd += ('group.m1.zones TXT "a b" "c"', "deep.er.zones PTR q.test.", "x.ext PTR e.test.")
    version = await read(catalog(MEMBERS, 1, "2", *odd))
    content = version.content  # type: ignore[attr-defined]
    assert content.members == {"a.test.": (), "b.test.": (r"a\032b", "c", "fast"), "c.test.": ("slow",)}
    assert len(content.passed_over) == 2
    version = await read(catalog(MEMBERS, version="1"))
    assert version.content.members == dict.fromkeys(MEMBERS, ())  # type: ignore[attr-defined]


async def test_who_may_not_have_the_catalog_is_told_so() -> None:
    with Lab() as lab:
        server = lab.primary("bind", catalog(MEMBERS))
        await lab.started()
        client = CatalogClient(Probe(), KEYS, now)
        with pytest.raises(CatalogUnread, match="transfer: refused"):
            await client.read(CATALOG, server.ipv4, None, None)
        with pytest.raises(CatalogUnread, match=r"asked for its SOA over TCP: .*\b(BADKEY|NOTAUTH|BADSIG)"):
            await client.read(CATALOG, server.ipv4, "wrong-secret", None)
        with pytest.raises(CatalogUnread, match="REFUSED"):
            await client.read("other.test.", server.ipv4, None, None)
        server.stop()
        with pytest.raises(CatalogUnread, match="connect"):
            await client.read(CATALOG, server.ipv4, "xfr", None)
