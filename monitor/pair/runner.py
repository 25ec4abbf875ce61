"""Runs a pair in the foreground, for people to try soawatch, or their own tools, on it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.clock import Now
from monitor.pair import faults
from monitor.pair.control import Control
from monitor.pair.pair import Pair
from monitor.pair.zone_template import Timers

CONFIG = "soawatch.toml"
"""The name of the file that ``Pair.write`` puts the configuration into."""


@dataclass(frozen=True, slots=True)
class Options:
    """``directory`` gets the key, a configuration and the control socket. ``listen`` is for soawatch's page."""

    directory: Path
    zones: tuple[str, ...] = ("pair.example.",)
    ipv6: bool = False
    timers: Timers = field(default_factory=Timers)
    broken: tuple[str, ...] = ()
    listen: str = "127.0.0.1:9953"


async def serve(options: Options, out: Callable[[str], None], *, now: Now) -> None:
    """Runs until SIGINT, SIGTERM or cancellation; then nothing is left but the files.

    Raises ControlError, UnknownFault, BadZone, or OSError when files or sockets cannot be made.
    """
    for name in options.broken:
        faults.fault(name)
    options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    hosts = ("127.0.0.1", "::1") if options.ipv6 else ("127.0.0.1",)
    pair = Pair(options.zones, now=now, timers=options.timers, hosts=hosts)
    control = Control(pair, options.directory)
    async with pair:
        await control.start()
        try:
            for name in options.broken:
                pair.break_(name)
            pair.write(options.directory, listen=options.listen)
            with _told_to_end() as ended:
                for line in _greeting(pair, options):
                    out(line)
                await ended.wait()
        finally:
            await control.close()


def _greeting(pair: Pair, options: Options) -> list[str]:
    directory, zone = options.directory, pair.zones[0]
    lines = [
        f"{server.name} ({role}) listens on {', '.join(map(str, server.addresses))}"
        for server, role in zip(pair.servers, ("primary", "secondary"), strict=True)
    ]
    lines += [f"zones: {', '.join(pair.zones)}", "", "Ask them:"]
    lines += [f"  dig @{s.address.host} -p {s.address.port} +nsid +expire {zone} SOA" for s in pair.servers]
    primary = pair.primary.address
    lines += [
        f"  dig @{primary.host} -p {primary.port} -k {directory / pair.key_file} {zone} AXFR",
        "",
        "Watch them:",
        f"  soawatch run -c {directory / CONFIG}",
        "",
        "Break and mend them, change the zone:",
        f"  soawatch pair break frozen -d {directory}",
        f'  soawatch pair change {zone} "www 300 A 192.0.2.81" -d {directory}',
        f"  soawatch pair mend -d {directory}",
        "  soawatch pair faults",
        "",
        "Ctrl-C ends it.",
    ]
    return lines


@contextmanager
def _told_to_end() -> Iterator[asyncio.Event]:
    """Set by SIGINT or SIGTERM; in place before anybody can read that it runs."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        loop.add_signal_handler(each, ended.set)
    try:
        yield ended
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
