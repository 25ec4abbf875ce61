"""soawatch wait: until all servers of a zone have a change."""

from pathlib import Path

import click

from monitor.cli.options import FILE

LEAST_SECONDS, MOST_SECONDS = 0.1, 86400.0
INTERRUPTED = 130


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """A number of seconds, or a length of time as in the configuration: 90, 90s, 5m, 1h30m."""
    from monitor.config.durations import duration
    from monitor.config.errors import InvalidValue

    try:
        number = value.isascii() and value.replace(".", "", 1).isdigit()
        seconds = float(value) if number else duration(value).total_seconds()
    except InvalidValue as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise click.BadParameter(f"{error.text}{hint}", ctx, param) from None
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise click.BadParameter(f"{value} is not between 0.1 s and one day", ctx, param)
    return seconds


@click.command()
@click.argument("zone")
@click.option("--serial", metavar="N", help="Until they serve this serial, or a newer one (RFC 1982).")
@click.option("--record", "records", multiple=True, metavar='"NAME TYPE [VALUE]"',
              help="Until they have this record, as in a zone file but for TTL and class; without a VALUE any of that "
                   "type. NAME is relative to the zone, @ the zone itself. May be given more than once: "
                   "then all of them.")  # fmt: skip
@click.option("--absent", multiple=True, metavar='"NAME TYPE [VALUE]"',
              help="Until they do not have it any more; without a VALUE none of that type.")  # fmt: skip
@click.option("--exact", is_flag=True, help="The records given are all of their name and type.")
@click.option("--server", "servers", multiple=True, metavar="NAME[=ADDRESS[:PORT]]",
              help="Only at this server; may be given more than once. "
                   "With an address it need not be found first.")  # fmt: skip
@click.option("--address", "addresses", multiple=True, metavar="ADDRESS[:PORT]",
              help="Only at this address of a server; may be given more than once.")  # fmt: skip
@click.option("-4", "ipv4", is_flag=True, help="Only at IPv4 addresses.")
@click.option("-6", "ipv6", is_flag=True, help="Only at IPv6 addresses.")
@click.option("--looks", type=click.IntRange(1, 100), default=1, show_default=True,
              help="Good looks in a row that each address needs: "
                   "several for machines behind one address (anycast).")  # fmt: skip
@click.option("--interval", callback=_seconds, default="5s", show_default=True, metavar="DURATION",
              help="The longest pause between two looks at an address; the first is half a second, each of the "
                   "next twice as long.")  # fmt: skip
@click.option("--timeout", callback=_seconds, default="5m", show_default=True, metavar="DURATION",
              help="Give up after so long.")  # fmt: skip
@click.option("--find-zone", is_flag=True,
              help="ZONE is any name: wait at the servers of the zone that it is in. "
                   "Records are relative to the name.")  # fmt: skip
@click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG", show_envvar=True,
              help="Where the zone's servers, its primary and the prober's settings are.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but who is late at the end.")
@click.option("--json", "as_json", is_flag=True, help="One event in each line, as in the API; the last is the result.")
def command(
    zone: str,
    serial: str | None,
    records: tuple[str, ...],
    absent: tuple[str, ...],
    exact: bool,
    servers: tuple[str, ...],
    addresses: tuple[str, ...],
    ipv4: bool,
    ipv6: bool,
    looks: int,
    interval: float,
    timeout: float,
    find_zone: bool,
    config: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Wait until every address of every nameserver of ZONE has a change.

    The change is a serial, or records that are there or gone; all that is asked for must hold at one look. Where
    nothing is, it is that all addresses serve one version: the primary's, if the configuration names it, else the
    newest that any of them serves. Only answers with authority count, and an address that cannot be asked does
    not have the change. What is published by a wildcard is there, too.

    Exit status: 0 all have it, 1 the time was over (who is late is said) or nobody could be asked, 2 wrong usage,
    78 wrong configuration, 130 interrupted (who is late is said).

    \b
    soawatch wait example.com --serial 2026112701
    soawatch wait example.com --record 'www A 192.0.2.1' --timeout 10m
    soawatch wait www.example.com --find-zone --record '_acme-challenge TXT token'
    soawatch wait example.com --absent '_acme-challenge TXT' --server ns1=192.0.2.1
    """
    import asyncio

    from checks.common.wait_text import Ended
    from checks.model import Family
    from monitor.cli.zone_wait.output import reporter
    from monitor.cli.zone_wait.run import wait_for
    from monitor.cli.zone_wait.target import WaitOrder

    if ipv4 and ipv6:
        raise click.UsageError("-4 and -6 together leave no address; without them both families are waited for")
    family = Family.IPV4 if ipv4 else Family.IPV6 if ipv6 else None
    order = WaitOrder(
        zone, serial, records, absent, exact, servers, addresses, family, looks, find_zone, config
    )  # fmt: skip
    ended = asyncio.run(wait_for(order, reporter(timeout, quiet=quiet, as_json=as_json), interval, timeout))
    return {Ended.DONE: 0, Ended.TIMEOUT: 1, Ended.INTERRUPTED: INTERRUPTED}[ended]
