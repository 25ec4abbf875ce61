"""soawatch pair: two nameservers to try things on, and the ways to break them."""

from pathlib import Path
from typing import Any

import click

from monitor.cli.errors import Failure

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
@click.option("--retry", type=_SECONDS, metavar="SECONDS", default=2, show_default=True, help="SOA retry.")
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
    from monitor.config.errors import Wrong
    from monitor.pair.control import ControlError
    from monitor.pair.faults import UnknownFault
    from monitor.pair.runner import Options, serve
    from monitor.pair.zone_template import Timers
    from monitor.pair.zonedata import BadZone

    try:
        addresses.listen(listen)
    except Wrong as error:
        raise click.BadParameter(f"{error.text}; {error.hint}", param_hint="--listen") from None
    timers = Timers(refresh=refresh, retry=retry, expire=expire)
    options = Options(directory, zones, ipv6=ipv6, timers=timers, broken=broken, listen=listen)
    logs.set_up(level="warning")  # that a broken pair fails is no news
    try:
        asyncio.run(serve(options, click.echo, now=clock.now))
    except (ControlError, OSError) as error:
        raise Failure(str(error)) from None
    except (UnknownFault, BadZone) as error:
        raise click.UsageError(str(error)) from None


@command.command("break", short_help="Switch a fault on.")
@_DIRECTORY
@click.argument("fault", shell_complete=_names)
@click.argument("server", type=_SERVER, required=False)
def break_(directory: Path, fault: str, server: str | None) -> None:
    """Switch a FAULT on, where it belongs or on the SERVER named (ns1 is the primary, ns2 the secondary)."""
    from monitor.pair.faults import FAULTS

    reply = _tell(directory, {"do": "break", "fault": _known(fault), "server": server})
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
    reply = _tell(directory, {"do": "mend", "fault": name, "server": server})
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
    reply = _tell(directory, {"do": "change", "zone": zone, "records": list(records)})
    click.echo(f"serial {reply['serial']}")


@command.command(short_help="Say what is served, and what is broken.")
@_DIRECTORY
def status(directory: Path) -> None:
    """Say where the servers listen, what they serve, what is broken and what they have counted."""
    for name, server in _tell(directory, {"do": "status"})["servers"].items():
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
        click.echo(f"{'':{width}}       finds: {', '.join(fault.codes) or 'nothing, and that is right'}")


def _known(fault: str) -> str:
    from monitor.pair import faults as table
    from monitor.pair.faults import UnknownFault

    try:
        return table.fault(fault).name
    except UnknownFault as error:
        raise click.UsageError(str(error)) from None


def _tell(directory: Path, order: dict[str, Any]) -> dict[str, Any]:
    from monitor.pair.control import ControlError, control

    try:
        return control(directory, order)
    except ControlError as error:
        raise Failure(str(error)) from None
