"""Run in a network namespace of its own: a router says every ICMP there is, and the prober says what it makes of it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from checks.model import Address, Query, Transport
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.probers import chosen, prober_of

OURS = """
link set lo up
link add near type veth peer name far
link set far netns {pid}
addr add 10.9.0.1/24 dev near
addr add fd09::1/64 dev near nodad
link set near up
route add 192.0.2.0/24 via 10.9.0.2
route add 2001:db8::/32 via fd09::2
route add unreachable 198.51.100.1
route add prohibit 198.51.100.2
route add unreachable 2001:db8:ffff::1
"""
THEIRS = """
link set lo up
addr add 10.9.0.2/24 dev far
addr add fd09::2/64 dev far nodad
link set far up
route add unreachable 192.0.2.1
route add prohibit 192.0.2.2
route add blackhole 192.0.2.3
route add unreachable 2001:db8::1
route add prohibit 2001:db8::2
route add blackhole 2001:db8::3
"""

PLACES = {
    "the neighbour's port is closed": ("10.9.0.2", "fd09::2"),
    "the router says unreachable": ("192.0.2.1", "2001:db8::1"),
    "the router says prohibited": ("192.0.2.2", "2001:db8::2"),
    "the router says nothing": ("192.0.2.3", "2001:db8::3"),
    "our own route says unreachable": ("198.51.100.1", "2001:db8:ffff::1"),
    "our own route says prohibited": ("198.51.100.2",),
    "there is no route": ("203.0.113.1", "2a00::1"),
}


def ip(*before: str, lines: str, **names: object) -> None:
    for line in lines.format(**names).strip().splitlines():
        subprocess.run([*before, "ip", *line.split()], check=True, capture_output=True)


async def ask() -> dict[str, list[str]]:
    cases = [
        (words, host, way)
        for words, hosts in PLACES.items()
        for host in hosts
        for way in (Transport.UDP, Transport.TCP)
    ]
    rows = await asyncio.gather(*(one(number, *case[1:]) for number, case in enumerate(cases, 16)))
    return {words: sorted(row for row, case in zip(rows, cases, strict=True) if case[0] == words) for words in PLACES}


async def one(number: int, host: str, way: Transport) -> str:
    """From an address of its own: what a router says to one address, it limits to one a second."""
    address = Address(host)
    source = f"fd09::{number:x}" if ":" in host else f"10.9.0.{number}"
    ip(lines=f"addr add {source}/{64 if ':' in host else 24} dev near {'nodad' if ':' in host else ''}")
    prober = prober_of(Probe(timeout=0.7, attempts=2, source=(source,)), {}, now)
    if ":" in host:  # the router must have met us, or what it says first is lost
        met = Query("z.", "router", Address("fd09::2"), "z.", "SOA")
        assert [batch async for batch in prober([met])]
    query = Query("z.", host, address, "z.", "SOA", way)
    (seen,) = [one async for batch in prober([query]) for one in batch]
    await prober.close()
    return f"{way} {address.family}: {seen.outcome}"


def main() -> None:
    chosen.append(sys.argv[1])
    router = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 60"], stdout=subprocess.PIPE)
    assert router.stdout is not None
    try:
        router.stdout.readline()
        ip(lines=OURS, pid=router.pid)
        inside = ("nsenter", "-t", str(router.pid), "-n")
        ip(*inside, lines=THEIRS)
        for setting in (
            "1 >ipv4/ip_forward",
            "1 >ipv6/conf/all/forwarding",
            "0 >ipv4/icmp_ratelimit",
            "0 >ipv6/icmp/ratelimit",
        ):
            subprocess.run([*inside, "sh", "-c", f"cd /proc/sys/net && echo {setting}"], check=True)
        json.dump(asyncio.run(ask()), sys.stdout)
    finally:
        router.kill()
        router.wait()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
