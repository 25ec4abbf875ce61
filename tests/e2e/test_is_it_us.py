"""Servers fall silent before a running service: is it them, or is it us? Witnesses tell, and the messages say it."""

import re
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.configuration import off
from tests.support.mailbox import Mailbox, mailbox
from tests.support.nameserver import SOA, Asked, Connection, Nameserver, good, reply, soa
from tests.support.running import Running, running, until

CONFIG = """
[service]
listen   = "127.0.0.1:0"
database = "soawatch.db"
[cadence]
reachable  = "500ms"
soa-serial = "500ms"
{off}[probe]
timeout  = "200ms"
attempts = 2
[alerting]
grace   = "2s"
settle  = "500ms"
witness = ["{witness}"]
[receivers.mail]
type = "email"
from = "soawatch@example.com"
to   = ["dns@example.com"]
smtp = {{ host = "127.0.0.1", port = {port}, tls = "none" }}
"""


ZONES = ("example.net", "example.org")


@dataclass
class Network:
    """Nameservers, each on an address of its own, and a witness that refuses whatever it is asked. Nothing comes back
    from those in ``dead``.
    """

    dead: set[str] = field(default_factory=set)
    servers: dict[str, list[Nameserver]] = field(default_factory=dict)

    @property
    def witness(self) -> Nameserver:
        return self.servers["witness"][0]

    def udp(self, name: str, query: Asked) -> list[bytes]:
        if name in self.dead:
            return []
        if name == "witness":
            return [reply(query, rcode=5, aa=False)]
        return [good(query) if query.type == SOA else reply(query, authority=[soa()])]

    async def tcp(self, name: str, query: Asked, connection: Connection) -> None:
        if name in self.dead:
            await connection.stall()
        else:
            await connection.send(self.udp(name, query)[0])


@dataclass
class Scene:
    net: Network
    box: Mailbox
    service: Running

    def subjects(self) -> list[str]:
        return [re.sub(r" \((127\.[\d.]+|\[::1\]):\d+\)", "", subject) for subject in self.box.subjects]

    async def offline(self) -> bool:
        return 'soawatch_monitor_offline{family="ipv4"} 1.0' in await self.service.scrape()

    async def healths(self) -> set[str]:
        return {zone["health"] for zone in await self.service.get("api/v1/zones")}


@asynccontextmanager
async def scene(tmp_path: Path, *names: str, dual: Iterable[str] = ()) -> AsyncIterator[Scene]:
    """Two zones on all of these servers, of which those in ``dual`` have an IPv6 address as well."""
    net = Network()
    async with AsyncExitStack() as stack:
        places = [(f"127.0.0.{number}", name) for number, name in enumerate((*names, "witness"), 1)]
        for host, name in (*places, *(("::1", name) for name in dual)):

            async def tcp(query: Asked, connection: Connection, name: str = name) -> None:
                await net.tcp(name, query, connection)

            made = Nameserver(
                lambda query, name=name: net.udp(name, query), None if name == "witness" else tcp,
                host=host, deaf=name == "witness",
            )  # fmt: skip
            net.servers.setdefault(name, []).append(await stack.enter_async_context(made))
        box = await stack.enter_async_context(mailbox())
        text = CONFIG.format(off=off(but=("reachable", "soa-serial")), witness=net.witness.address, port=box.port)
        for name in names:
            addresses = ", ".join(f'"{server.address}"' for server in net.servers[name])
            text += f"[servers.{name}]\naddresses = [{addresses}]\n"
        listed = ", ".join(f'"{name}"' for name in names)
        text += "".join(f'[[zones]]\nname = "{zone}"\nservers = [{listed}]\n' for zone in ZONES)
        config = tmp_path / "soawatch.toml"
        config.write_text(text)
        service = await stack.enter_async_context(running(config))
        await service.up()
        on = Scene(net, box, service)
        await until(lambda: all_well(on))
        yield on
        service.signal(signal.SIGTERM)
        assert await service.ended() == 0


async def all_well(on: Scene) -> bool:
    return await on.healths() == {"good"}


async def all_bad(on: Scene) -> bool:
    return await on.healths() == {"bad"}


DEAD = "[FIRING critical] {0}, 2 zones: {0} cannot be reached"


def told(last: str) -> str:
    """Which of two that die at once is found last is for nobody to say."""
    return f"[FIRING critical] 2 zones: no server is left that answers; the last was {last}"


async def test_all_servers_die_and_a_witness_answers_it_is_a_total_outage_and_then_the_one_that_stays_dead(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, "ns1", "ns2") as on:
        assert on.net.witness.asked == [], "nobody asks it while all is well"
        on.net.dead |= {"ns1", "ns2"}
        await until(lambda: len(on.subjects()) == 2)
        assert sorted(on.subjects()) in ([told("ns2"), DEAD.format("ns1")], [told("ns1"), DEAD.format("ns2")])
        await until(lambda: all_bad(on))
        assert not await on.offline()
        on.net.dead.remove("ns2")
        await until(lambda: only_ns1(on))
        on.net.dead.clear()
        await until(lambda: all_over(on))
        assert all("the monitor" not in subject for subject in on.subjects())


async def only_ns1(on: Scene) -> bool:
    open_ = [one for one in await on.service.get("api/v1/incidents") if one["phase"] == "open"]
    return [(one["cause"], one["unserved_zones"]) for one in open_] == [("server ns1", [])]


async def all_over(on: Scene) -> bool:
    return all(one["phase"] == "resolved" for one in await on.service.get("api/v1/incidents"))


async def test_the_uplink_dies_and_a_near_server_answers_nobody_is_accused_and_it_is_told_once(tmp_path: Path) -> None:
    """Over IPv6, where no witness is named, neither. When it is back, the one server that has really died is named."""
    async with scene(tmp_path, "near", "ns2", "ns3", "ns4", dual=["ns2", "ns3"]) as on:
        on.net.dead |= {"ns2", "ns3", "ns4", "witness"}
        await until(lambda: len(on.subjects()) == 1)
        witness = on.net.witness.address
        offline = f"the monitor: 3 of 4 servers do not answer over ipv4, nor does the witness {witness}"
        assert on.subjects() == [f"[FIRING critical] {offline}"]
        await until(on.offline)
        on.net.dead -= {"ns2", "ns4", "witness"}
        await until(lambda: len(on.subjects()) == 3)
        assert sorted(on.subjects()[1:]) == [
            DEAD.format("ns3"), f"[RESOLVED] {offline}",
        ]  # fmt: skip
