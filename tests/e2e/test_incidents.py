"""A zone loses its servers one after the other, before a running service: who hears what, counted and word for word."""

import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from monitor.clock import now
from tests.support.configuration import off
from tests.support.mailbox import Mailbox, mailbox
from tests.support.nameserver import SOA, Asked, Connection, Nameserver, good, reply, soa
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running, running, until
from tests.support.speaking import say

CONFIG = f"""
[service]
listen   = "127.0.0.1:0"
database = "soawatch.db"
[cadence]
reachable  = "1s"
soa-serial = "1s"
{off(but=("reachable", "soa-serial"))}[probe]
timeout  = "500ms"
attempts = 2
[alerting]
witness = []
grace  = "1s"
settle = "1s"
"""

MAIL = """
[receivers.mail]
type = "email"
from = "soawatch@example.com"
to   = ["dns@example.com"]
smtp = {{ host = "127.0.0.1", port = {port}, tls = "none" }}
"""


@dataclass
class Farm:
    """Servers of a name each; those in ``dead`` answer nothing, those in ``refusing`` refuse some zones."""

    servers: dict[str, Nameserver]
    dead: set[str] = field(default_factory=set)
    refusing: dict[str, set[bytes]] = field(default_factory=dict)

    def word(self, server: str, query: Asked) -> list[bytes]:
        if server in self.dead:
            return []
        if any(query.name.startswith(name) for name in self.refusing.get(server, ())):
            return [reply(query, rcode=5, aa=False)]
        return [good(query) if query.type == SOA else reply(query, authority=[soa()])]


@asynccontextmanager
async def farm(*names: str) -> AsyncIterator[Farm]:
    made = Farm({})
    async with AsyncExitStack() as stack:
        for name in names:

            def udp(query: Asked, name: str = name) -> list[bytes]:
                return made.word(name, query)

            async def tcp(query: Asked, connection: Connection, name: str = name) -> None:
                words = made.word(name, query)
                for wire in words:
                    await connection.send(wire)
                if not words:
                    await connection.stall()

            made.servers[name] = await stack.enter_async_context(Nameserver(udp, tcp))
        yield made


@dataclass
class Scene:
    farm: Farm
    hook: Receiver
    box: Mailbox
    service: Running
    config: Path
    text: str

    def reload(self, text: str) -> None:
        self.config.write_text(text)
        self.service.signal(signal.SIGHUP)

    async def told(self, hook: int, mail: int) -> None:
        """Until each of the two has been told so often: of one that has not, what comes next takes the place of it."""
        await until(lambda: (len(self.hook.heard), len(self.box.mails)) == (hook, mail))

    def subjects(self) -> list[str]:
        return [re.sub(r" \(127\.0\.0\.1:\d+\)", "", subject) for subject in self.box.subjects]


@asynccontextmanager
async def scene(tmp_path: Path, zones: str, *names: str, timeout: str = "500ms") -> AsyncIterator[Scene]:
    """``timeout`` is short where servers die; where all answer, slow ones are to be no finding."""
    async with farm(*names) as servers, receiver() as hook, mailbox() as box:
        listed = "".join(
            f'[servers.{name}]\naddresses = ["{server.address}"]\n' for name, server in servers.servers.items()
        )
        text = CONFIG.replace("500ms", timeout) + listed + zones + hook.toml() + MAIL.format(port=box.port)
        config = tmp_path / "soawatch.toml"
        config.write_text(text)
        async with running(config) as service:
            await service.up()
            await until(lambda: well(service))
            yield Scene(servers, hook, box, service, config, text)
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0


async def well(service: Running) -> bool:
    zones = (await service.get("api/v1/zones")) if service.page else []
    return bool(zones) and all(zone["health"] == "good" for zone in zones)


THREE = """
[[zones]]
name = "example.net"
servers = ["ns1", "ns2", "ns3"]
[[zones]]
name = "example.org"
servers = ["ns4"]
"""


async def test_the_last_server_of_a_zone_is_told_at_once_and_what_is_back_too(tmp_path: Path) -> None:
    """ns2 dies, then ns3, then ns1; another zone's server lives, so the monitor is not offline."""
    async with scene(tmp_path, THREE, "ns1", "ns2", "ns3", "ns4", timeout="250ms") as on:
        began = now()
        on.farm.dead.add("ns2")
        await on.told(hook=1, mail=1)
        (open_,) = await opened(on)
        said = await say("ack", open_["id"], "--url", on.service.page, "--note", "I look at it")
        assert (said.status, said.err) == (0, "")
        await on.told(hook=2, mail=1)
        on.farm.dead.add("ns3")
        await until(lambda: findings(on, 2))
        assert [each["acknowledged"]["note"] for each in await opened(on)] == ["I look at it"]
        on.farm.dead.add("ns1")
        await on.told(hook=3, mail=2)
        (open_,) = await opened(on)
        assert (open_["severity"], open_["unserved_zones"]) == ("critical", ["example.net."])
        assert open_["servers"] == ["ns1", "ns2", "ns3"]
        assert open_["acknowledged"] is None  # it is worse than was known by then
        on.farm.dead.clear()
        await on.told(hook=4, mail=3)
        ended = now()
        assert on.subjects() == [
            "[FIRING critical] example.net.: ns2 cannot be reached",
            "[WORSE critical] example.net.: no server is left that answers",
            on.subjects()[2],
        ]
        assert on.subjects()[2].startswith("[RESOLVED] example.net.: ")
        kinds = ["incident.opened", "incident.acknowledged", "incident.worsened", "incident.resolved"]
        assert on.hook.kinds() == kinds
        first, _, second, last = (said for _, said in on.hook.heard)
        record = await on.service.get(f"api/v1/incidents/{last['data']['id']}")
        became = [each["event"] for each in record["timeline"]]
        assert became == ["opened", "acknowledged", "worsened", "acknowledgement-ended", "resolved"]
        assert {(each["receiver"], each["type"]) for each in record["deliveries"]} == {
            *(("hook", kind) for kind in kinds), *(("mail", kind) for kind in kinds if kind != kinds[1]),
        }  # fmt: skip
        assert first["title"] == on.box.subjects[0]
        assert "No server is left that answers for example.net." in second["text"]
        data = last["data"]
        assert began <= datetime.fromisoformat(data["began_at"]) <= datetime.fromisoformat(data["opened_at"])
        assert datetime.fromisoformat(data["ended_at"]) <= datetime.fromisoformat(data["resolved_at"]) <= ended


async def opened(on: Scene) -> list[dict[str, object]]:
    return [each for each in (await on.service.get("api/v1/incidents")) if each["phase"] == "open"]


async def findings(on: Scene, count: int) -> bool:
    return [each["finding_count"] for each in await opened(on)] == [count]


MANY = "".join(f'[[zones]]\nname = "z{n}.example.net"\nservers = ["ns1", "ns2"]\n' for n in range(20))


async def test_nine_of_twenty_zones_that_a_server_refuses_are_one_message_and_all_but_one_back_another(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, MANY, "ns1", "ns2") as on:
        on.farm.refusing["ns2"] = {b"\x02z%d" % n for n in range(9)}
        await on.told(hook=1, mail=1)
        assert on.subjects()[0].startswith("[FIRING critical] ns2, 9 zones: ")
        on.farm.refusing["ns2"] = set()
        await on.told(hook=2, mail=2)
        assert on.subjects()[1].startswith("[RESOLVED] ns2, 9 zones: ")
        assert on.hook.kinds() == ["incident.opened", "incident.resolved"]


async def test_what_a_reload_changes_is_told_once_to_those_who_do_not_know(tmp_path: Path) -> None:
    """A code raised from information for many zones, and a receiver added in the middle of it."""
    quiet = MANY + '[severity]\nzone-not-served = "info"\n'
    async with scene(tmp_path, quiet, "ns1", "ns2") as on:
        on.farm.refusing["ns2"] = {b"\x02z%d" % n for n in range(10)} | {b"\x03z1%d" % n for n in range(10)}
        await until(lambda: shown(on, "zone-not-served"))
        assert on.box.subjects == []
        raised = on.text.replace('zone-not-served = "info"', 'zone-not-served = "critical"')
        on.reload(raised)
        await on.told(hook=1, mail=1)
        assert on.subjects()[0].startswith("[FIRING critical] ns2, 20 zones: ")
        on.reload(raised + on.hook.toml("second").replace("/told", "/told?again"))
        await on.told(hook=2, mail=1)
        on.farm.refusing.clear()
        await on.told(hook=4, mail=2)
        assert on.hook.kinds() == ["incident.opened"] * 2 + ["incident.resolved"] * 2


async def shown(on: Scene, code: str) -> bool:
    zones = await on.service.get("api/v1/zones")
    return all(code in zone["findings"] for zone in zones)
