"""soawatch import: a configuration from what the servers of zones say."""

from pathlib import Path

import click

from monitor.cli.options import FILE


@click.command("import")
@click.argument("zones", metavar="[ZONE]...", nargs=-1)
@click.option("--server", "servers", multiple=True, metavar="[NAME=]ADDRESS[:PORT]|HOST",
              help="Watch the zones on this server; may be given more than once, also with one NAME for several "
                   "addresses. Without it they are watched on their NS set.")  # fmt: skip
@click.option("--list", "lists", type=FILE, multiple=True, metavar="FILE",
              help="A file of zones: named.conf, knot.conf, nsd.conf, names, or what a server prints.")  # fmt: skip
@click.option("--format", "form", metavar="FORMAT", help="That of the lists, where their names do not say it.")
@click.option("--resolver", metavar="ADDRESS[:PORT]", help="Look names up there.  [default: the system's]")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write there; never over a file.  [default: stdout]")
def command(
    zones: tuple[str, ...],
    servers: tuple[str, ...],
    lists: tuple[Path, ...],
    form: str | None,
    resolver: str | None,
    output: Path | None,
) -> int:
    """Ask the servers of each ZONE, and write a configuration of what they say.

    Comments in it say what was seen at each address and what could not be told: which of them answer with authority,
    over UDP and TCP, with which serial, which is the primary, whether the zone is given away, which names of the NS set
    are none of the servers. Of a list ten zones are asked about. What is written is what check-config takes.

    Exit status: 0 it is written, and each zone that was asked about has a server that answers with authority, 1 it is
    written and one has none, or it could not be written, 2 wrong usage, 78 a bad list.

    \b
    soawatch import example.com example.org -o soawatch.toml
    soawatch import example.com --server ns1=192.0.2.1 --server ns1=2001:db8::1 --server ns2=198.51.100.2
    soawatch import --list /etc/bind/named.conf --server ns1=192.0.2.1
    """
    import asyncio

    from checks.common.text import enumerated, one_line
    from monitor.cli.errors import Failure
    from monitor.cli.zone_import.order import read_order
    from monitor.cli.zone_import.survey import survey
    from monitor.cli.zone_import.writing import configuration
    from monitor.clock import now

    order = read_order(zones, servers, lists, form, resolver)
    if output is not None and output.exists():
        raise Failure(f"{output}: there already; it is not written over")
    seen = asyncio.run(survey(order.config, order.asked))
    text = configuration(order, seen, now())
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            with output.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Failure(f"{output}: {error.strerror}") from None
    if unserved := [each.zone.name for each in seen.zones if not each.served]:
        click.echo(one_line(f"nobody answered with authority for {enumerated(unserved)}"), err=True)
    return 1 if unserved else 0
