"""soawatch check: one zone, looked at now."""

from pathlib import Path

import click

from monitor.cli.options import FILE

NAGIOS_TIMEOUT = 8.0
"""Seconds that a look for Nagios may take: NRPE gives up after ten."""


@click.command()
@click.argument("zone")
@click.option("--server", "servers", multiple=True, metavar="NAME=ADDRESS[:PORT]",
              help="Ask this server; may be given more than once. Without it the zone's NS set is asked. "
                   "A NAME alone is a server of the configuration.")  # fmt: skip
@click.option("--record", "records", multiple=True, metavar='"NAME TYPE [VALUE]"',
              help="Compare this record, too; with a VALUE it must be exactly that: values of one name and type, given "
                   "one by one, belong together. NAME is relative to the zone, @ the zone itself.")  # fmt: skip
@click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG",
              show_envvar=True, help="Where servers, records, rules and the service's memory are.")  # fmt: skip
@click.option("--moment", type=click.FloatRange(0.1, 60), default=3.0, show_default=True,
              help="Seconds between two looks, when one is not enough.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0.1, 3600), metavar="SECONDS",
              help="End within so many seconds; what has not come back by then is unknown.  "
                   f"[default: {NAGIOS_TIMEOUT:g} with --nagios, else none]")  # fmt: skip
@click.option(
    "--strict",
    is_flag=True,
    help="Nothing is well while a change is in motion, or nothing answers over IPv4 or IPv6: UNKNOWN or status 1.",
)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON, as in the API.")
@click.option(
    "--nagios",
    "as_nagios",
    is_flag=True,
    help="One line with perfdata. Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also for wrong usage.",
)
def command(
    zone: str,
    servers: tuple[str, ...],
    records: tuple[str, ...],
    config: Path | None,
    moment: float,
    timeout: float | None,
    strict: bool,
    as_json: bool,
    as_nagios: bool,
) -> int:
    """Look at ZONE on all its nameservers, now.

    One look has no memory: a server that is behind may be so since a moment ago, which max_lag (10 minutes, unless
    the configuration says otherwise) allows. So a difference in version is "in motion" and no problem, but with
    --strict. Where something is not as it should be the servers are asked again after a moment, before anybody is
    accused. With a configuration whose service runs, its memory is used: then since when a server is behind is
    known, and evaluated as there.

    Exit status: 0 all is well, 1 a problem was found or nothing could be told, 2 wrong usage, 78 wrong configuration.

    \b
    soawatch check example.com
    soawatch check example.com --server ns1=192.0.2.1 --server ns2='[2001:db8::2]:5353'
    soawatch check example.com --record 'www A 192.0.2.1' --record '@ MX'
    soawatch check example.com -c soawatch.toml --nagios
    """
    import asyncio
    import json

    from monitor.cli import nagios, output
    from monitor.cli.configuration import zone_wanted
    from monitor.cli.zone_check.check_zone import check_zone
    from monitor.clock import monotonic

    if as_json and as_nagios:
        raise click.UsageError("--json and --nagios are two forms of one result: choose one")
    what = zone_wanted(zone, servers, config, records)

    def again() -> None:
        if not (as_json or as_nagios):
            click.echo(f"One look is not enough; looking again in {moment:g} s …", err=True)

    if timeout is None and as_nagios:
        timeout = NAGIOS_TIMEOUT
    begun: float = click.get_current_context().find_root().obj
    asked = asyncio.run(check_zone(what, moment, again, strict=strict, timeout=timeout, spent=monotonic() - begun))
    if as_nagios:
        line, status = nagios.line(asked)
        click.echo(line)
        return status
    if as_json:
        click.echo(json.dumps(output.as_data(asked), indent=2))
    else:
        output.table(asked)
    return 0 if asked.health.value == "good" else 1
