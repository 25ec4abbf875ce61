"""soawatch pair: two nameservers to try things on, and the ways to break them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.errors import Failure

if TYPE_CHECKING:
    from monitor.pair.pair import Pair

_SERVER = click.Choice(["ns1", "ns2"])
_SECONDS = click.IntRange(1, 2**31 - 1)


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from monitor.pair.faults import FAULTS

    return [name for name in FAULTS if name.startswith(incomplete)]


_DIRECTORY = click.option(
    "-d",
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("soawatch-pair"),
    show_default=True,
    help="Where the running pair keeps its key, a configuration for soawatch, and its control socket.",
)


@click.group()
def command() -> None:
    """A primary and a secondary nameserver, to try things on and to break.

    They are real servers on 127.0.0.1, on ports of their own choosing, with zone transfers, TSIG and NOTIFY, and
    they can be broken on demand. Start them in one terminal, watch and break them from others:

    \b
      soawatch pair run
      soawatch run -c soawatch-pair/soawatch.toml
      soawatch pair break tcp-dead
      soawatch pair mend
    """


@command.command()
@_DIRECTORY
@click.option(
    "--zone",
    "zones",
    metavar="NAME",
    multiple=True,
    default=["pair.example"],
    show_default=True,
    help="A zone to serve; can be repeated.",
)
@click.option("--ipv6", is_flag=True, help="Listen on ::1 as well.")
@click.option("--refresh", type=_SECONDS, metavar="SECONDS", default=2, show_default=True, help="SOA refresh.")
@click.option("--retry", type=_SECONDS, metavar="SECONDS", default=1, show_default=True, help="SOA retry.")
@click.option("--expire", type=_SECONDS, metavar="SECONDS", default=600, show_default=True, help="SOA expire.")
@click.option(
    "--break",
    "broken",
    metavar="FAULT",
    multiple=True,
    shell_complete=_names,
    help="Broken from the start; can be repeated.",
)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:9953", show_default=True, help="For soawatch's page.")
def run(
    directory: Path,
    zones: tuple[str, ...],
    ipv6: bool,
    refresh: int,
    retry: int,
    expire: int,
    broken: tuple[str, ...],
    listen: str,
) -> None:
    """Run the pair until Ctrl-C."""
    import asyncio

    from monitor import clock
    from monitor.cli import logging as logs
    from monitor.config import addresses
    from monitor.config.errors import InvalidValue
    from monitor.pair import faults
    from monitor.pair.control import ControlError
    from monitor.pair.faults import UnknownFault
    from monitor.pair.pair import Pair
    from monitor.pair.zonedata import BadZone, Timers

    try:
        addresses.listen(listen)
    except InvalidValue as error:
        raise click.BadParameter(f"{error.text}; {error.hint}", param_hint="--listen") from None
    logs.set_up(level="warning")  # that a broken pair fails is no news
    hosts = ("127.0.0.1", "::1") if ipv6 else ("127.0.0.1",)
    try:
        for name in broken:
            faults.fault(name)
        timers = Timers(refresh=refresh, retry=retry, expire=expire)
        pair = Pair(zones, now=clock.now, timers=timers, hosts=hosts)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        asyncio.run(_serve(pair, directory, broken, listen))
    except (ControlError, OSError) as error:
        raise Failure(str(error)) from None
    except (UnknownFault, BadZone) as error:
        raise click.UsageError(str(error)) from None


async def _serve(pair: "Pair", directory: Path, broken: Sequence[str], listen: str) -> None:
    """Runs until SIGINT, SIGTERM or cancellation; then nothing is left but key and configuration.

    Raises ControlError, and OSError when files or sockets cannot be made.
    """
    import asyncio
    import signal

    from monitor.pair.control import controlled

    async with pair, controlled(pair, directory):
        for name in broken:
            pair.break_(name)
        config = pair.write(directory, listen=listen)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):  # before anybody can read that it runs
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(_instructions(pair, directory, config))
        await ended.wait()


def program() -> str:
    """How this program is called from another terminal, which need not have it on its PATH."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "soawatch" else "soawatch"


def _instructions(pair: "Pair", directory: Path, config: Path) -> str:
    zone, primary, soawatch = pair.zones[0], pair.primary.address, program()
    listening = "\n".join(
        f"{server.name} ({role}) listens on {', '.join(map(str, server.addresses))}"
        for server, role in zip(pair.servers, ("primary", "secondary"), strict=True)
    )
    queries = "\n".join(
        f"  dig @{server.address.host} -p {server.address.port} +nsid +expire {zone} SOA" for server in pair.servers
    )
    return f"""\
{listening}
zones: {", ".join(pair.zones)}

Ask them:
{queries}
  dig @{primary.host} -p {primary.port} -k {directory / pair.key_file} {zone} AXFR

Watch them:
  {soawatch} run -c {config}

Break and mend them, change the zone:
  {soawatch} pair break frozen -d {directory}
  {soawatch} pair change {zone} "www 300 A 192.0.2.81" -d {directory}
  {soawatch} pair mend -d {directory}
  {soawatch} pair faults

Ctrl-C ends it."""


@command.command("break", short_help="Switch a fault on.")
@_DIRECTORY
@click.argument("fault", shell_complete=_names)
@click.argument("server", type=_SERVER, required=False)
def break_(directory: Path, fault: str, server: str | None) -> None:
    """Switch a FAULT on, where it belongs or on the SERVER named (ns1 is the primary, ns2 the secondary)."""
    from monitor.pair.faults import FAULTS

    reply = _send(directory, {"do": "break", "fault": _known(fault), "server": server})
    click.echo(f"{reply['server']}: {fault}. {FAULTS[fault].does}")
    if FAULTS[fault].change:
        click.echo("It shows when the zone changes: soawatch pair change")


@command.command(short_help="Switch a fault off, or all of them.")
@_DIRECTORY
@click.argument("fault", required=False, shell_complete=_names)
@click.argument("server", type=_SERVER, required=False)
def mend(directory: Path, fault: str | None, server: str | None) -> None:
    """Switch a FAULT off, or all of them."""
    name = None if fault in (None, "all") else _known(str(fault))
    reply = _send(directory, {"do": "mend", "fault": name, "server": server})
    click.echo(f"mended: {', '.join(reply['servers'])}" if reply["servers"] else "nothing was broken there")


@command.command(short_help="Change a zone on the primary.")
@_DIRECTORY
@click.argument("zone", required=False)
@click.argument("records", nargs=-1)
def change(directory: Path, zone: str | None, records: tuple[str, ...]) -> None:
    """Give a ZONE a new serial on the primary, and RECORDS new content.

    RECORDS are lines as in a zone file, such as "www 300 A 192.0.2.81"; each takes the place of the RRset it names.
    Without a ZONE, the first one changes.
    """
    if zone is not None and " " in zone:  # a record already: the zone was left out
        records, zone = (zone, *records), None
    reply = _send(directory, {"do": "change", "zone": zone, "records": list(records)})
    click.echo(f"serial {reply['serial']}")


@command.command(short_help="Say what is served, and what is broken.")
@_DIRECTORY
def status(directory: Path) -> None:
    """Say where the servers listen, what they serve, what is broken and what they have counted."""
    for name, server in _send(directory, {"do": "status"})["servers"].items():
        click.echo(f"{name}  {', '.join(server['addresses'])}")
        for zone, serial in server["serials"].items():
            click.echo(f"  {zone}  {'not served' if serial is None else f'serial {serial}'}")
        click.echo(f"  broken: {', '.join(server['faults']) or 'nothing'}")
        click.echo(f"  counted: {', '.join(f'{what} {n}' for what, n in server['counts'].items()) or 'nothing'}")


@command.command()
def faults() -> None:
    """List what can be broken, where, and what soawatch then finds."""
    from monitor.pair.faults import FAULTS

    width = max(map(len, FAULTS))
    for name, fault in FAULTS.items():
        click.echo(f"{name:{width}}  {fault.server}  {fault.does}")
        click.echo(f"{'':{width}}       finds: {', '.join(fault.codes) or 'nothing: no alert must come of it'}")


def _known(fault: str) -> str:
    from monitor.pair import faults as table
    from monitor.pair.faults import UnknownFault

    try:
        return table.fault(fault).name
    except UnknownFault as error:
        raise click.UsageError(str(error)) from None


def _send(directory: Path, command: dict[str, Any]) -> dict[str, Any]:
    from monitor.pair.control import ControlError, control

    try:
        return control(directory, command)
    except ControlError as error:
        raise Failure(str(error)) from None
