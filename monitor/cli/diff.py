"""soawatch diff: one zone, record by record, on two servers."""

from pathlib import Path

import click

from monitor.cli.options import FILE


@click.command()
@click.argument("zone")
@click.argument("one", metavar="SERVER")
@click.argument("other", metavar="SERVER")
@click.option("-c", "--config", "config", type=FILE, envvar="SOAWATCH_CONFIG", show_envvar=True,
              help="Where servers, the keys that they want and the limits of a transfer are.")  # fmt: skip
@click.option("--lines", type=click.IntRange(1, 10_000), default=100, show_default=True,
              help="Show at most so many of the records that differ, and count the others.")  # fmt: skip
@click.option("--ignore-dnssec", is_flag=True,
              help="Leave out what a signer makes: RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY, CDS, CDNSKEY, "
                   "ZONEMD.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def command(
    zone: str, one: str, other: str, config: Path | None, lines: int, ignore_dnssec: bool, as_json: bool
) -> int:
    """Show in which records ZONE differs from one SERVER to the other.

    A SERVER is an address, with a port if need be, or the name of one in the configuration. Both are asked for the
    zone (AXFR): with the key, over TLS and from the address that the first rule of `transfer` says by which it must
    give the zone, otherwise over TCP and without a key. Records are compared in canonical form, whatever the order;
    TTLs count. No zone is kept: where their digests differ both are transferred once more, and only what differs is
    looked at. So it may have a million records.

    Exit status: 0 the same, 1 they differ, 2 wrong usage or nothing can be told (a server gives no zone),
    78 wrong configuration.

    \b
    soawatch diff example.com 192.0.2.1 '[2001:db8::2]:5353'
    soawatch diff example.com ns1 ns2 -c soawatch.toml --ignore-dnssec
    """
    import asyncio

    from monitor.cli.zone_diff.output import print_comparison, print_data
    from monitor.cli.zone_diff.run import compared

    found = asyncio.run(compared(zone, (one, other), config, dnssec=not ignore_dnssec, wanted=lines))
    (print_data if as_json else print_comparison)(found, lines)
    return 0 if found.equal else 1
