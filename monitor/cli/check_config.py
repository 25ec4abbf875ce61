"""soawatch check-config: what the configuration was understood to say, or everything that is wrong with it."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from monitor.cli.check_config_tables import tables
from monitor.cli.options import FILE
from monitor.cli.tables import show

if TYPE_CHECKING:
    from datetime import timedelta

    from checks.base import Check
    from checks.model import Zone
    from checks.model.zone_table import ZoneTable
    from monitor.config.errors import ConfigError
    from monitor.config.model import Config
    from monitor.polling.discovery import DiscoveredZones

SHOWN = 50
"""Zones and servers shown to people without --all …"""
MAX_ZONES_SHOWN = 1000
"""… and zones told to programs."""


def _print_schema(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from monitor.config.json_schema import schema

    click.echo(json.dumps(schema(), indent=2))
    ctx.exit()


@click.command()
@click.argument("file", type=FILE, envvar="SOAWATCH_CONFIG")
@click.option("--json", "as_json", is_flag=True, help="Print it for a program.")
@click.option("--resolve", "look", is_flag=True, help="Find servers and addresses that are given by name only.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help=f"Show all zones and servers, not only the first {SHOWN}; with --json, {MAX_ZONES_SHOWN} zones.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only what is wrong or unwise.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
              help="Print the JSON Schema of the file, for editors.")  # fmt: skip
@click.pass_context
def command(ctx: click.Context, file: Path, as_json: bool, look: bool, everything: bool, quiet: bool) -> None:
    """Read the configuration FILE and print what was understood.

    Nothing is asked over the network unless --resolve is given. Ends with 78 when there are mistakes; all of them
    are printed, each with its line. A credential that only systemd gives to the service is noted, and not looked at;
    ExecReload of the shipped unit looks at it where it is.
    """
    from monitor.config.load import ConfigError, load

    try:
        config = load(file, os.environ, elsewhere=True)
    except ConfigError as error:
        _refuse(error, as_json=as_json)
        ctx.exit(78)
    discovered = _resolved(config) if look else None
    if as_json:
        said = understood(config, discovered, most=None if everything else MAX_ZONES_SHOWN)
        click.echo(json.dumps(said, indent=2, ensure_ascii=False, default=str))
        return
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    for note in config.notes:
        click.echo(f"note: {note}", err=True)
    for problem in (*discovered.problems, *_shortages(config, discovered)) if discovered else ():
        click.echo(f"problem: {problem}", err=True)
    if quiet:
        return
    most = None if everything else SHOWN
    show(tables(understood(config, discovered, most), most))
    count = len(config.warnings)
    click.echo(f"{file}: no mistakes" + (f", {count} warning{'s' if count > 1 else ''}" if count else ""))


def _refuse(error: "ConfigError", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"mistakes": [asdict(mistake) for mistake in error.mistakes]}, indent=2))
    for mistake in error.mistakes:
        click.echo(str(mistake), err=True)


def _resolved(config: "Config") -> "DiscoveredZones":
    import asyncio

    from monitor.clock import now
    from monitor.polling.discovery import resolve

    return asyncio.run(resolve(config, None, now()))


def _shortages(config: "Config", discovered: "DiscoveredZones") -> Iterator[str]:
    """Of caps that are too low at servers that only a resolver knows: the warnings cannot speak of those."""
    from monitor.config.load_estimate import demands
    from monitor.config.low_caps import low_caps, shortage

    told = {(low.setting, low.server) for low in low_caps(config.probe, demands(config))}
    demand = demands(config, discovered.zones)
    for low in low_caps(config.probe, demand):
        if (low.setting, low.server) not in told:
            yield f"{low.setting}: {shortage(low, demand.shares)}"


def understood(
    config: "Config", discovered: "DiscoveredZones | None" = None, most: int | None = None
) -> dict[str, Any]:
    """The configuration as plain data, without secrets; with ``discovered`` what was found for names.

    Of the zones the first ``most``, None: all; they are counted in ``zones_total``.
    """
    from checks.model import Address
    from monitor.clock import now
    from monitor.config.load_estimate import as_written, demands
    from monitor.config.low_caps import low_caps
    from monitor.web.silence_data import window_data

    zones = discovered.zones if discovered else as_written(config)
    demand = demands(config, zones)
    rates = demand.totals()
    service = config.service
    return {
        "file": str(config.path),
        "resolved": discovered is not None,
        "listen": str(Address(*service.listen)),
        "database": str(service.database),
        "zones": [
            _zone(zones.at(number), named=bool(config.zones.templates[kind].servers))
            for number, kind in enumerate(config.zones.template_ids[:most])
        ],
        "zones_total": len(zones),
        "lists": [{"file": str(each.path), "format": each.format, "zones": each.zones} for each in config.lists]
        + [{"file": each.url, "format": "powerdns", "zones": None} for each in config.polled_lists],
        "catalogs": [
            {
                "zone": each.zone,
                "from": list(each.from_),
                "key": each.key,
                "refresh_seconds": each.refresh.total_seconds(),
                "max_shrink": each.max_shrink,
                "groups": [name for name, _ in each.groups],
            }
            for each in config.catalogs
        ],
        "servers": list(_servers(config, discovered, rates)),
        "checks": [
            {
                "name": name,
                "cadence_seconds": config.cadence[name].total_seconds(),
                "zones_by_cadence": [
                    {"cadence_seconds": every.total_seconds(), "zones": count}
                    for every, count in _zones_by_cadence(check, config, zones)
                ],
                "queries_per_second": round(
                    sum(rate for (_, asks, _), rate in demand.shares.items() if asks == name), 3
                ),
                "settings": _settings(check),
            }
            for name, check in config.checks.items()
        ],
        "tokens": [{"name": token.name, "role": str(token.role)} for token in config.tokens.values()],
        "keys": [
            {"name": key.name, "wire_name": key.wire_name, "algorithm": key.algorithm} for key in config.keys.values()
        ],
        "receivers": [{"name": name, "type": config.kinds[name]} for name in config.receivers],
        "routes": [
            {**asdict(route), "severity": [str(severity) for severity in route.severity]} for route in config.routes
        ],
        "maintenance": [window_data(window, now()) for window in config.maintenance],
        "severity": {code: str(severity) for code, severity in config.severity.items()},
        "max_queries_per_second_per_server": config.probe.max_qps_per_server,
        "max_queries_per_second": config.probe.max_qps,
        "low_caps": [
            {
                "setting": low.setting,
                "server": low.server,
                "cap": low.cap,
                "needed": round(low.needed, 3),
                "sufficient": low.sufficient,
                "times_the_cadence": round(low.factor, 3),
            }
            for low in low_caps(config.probe, demand)
        ],
        "warnings": list(config.warnings),
        "notes": list(config.notes),
        "problems": list(discovered.problems) if discovered else [],
    }


def _zones_by_cadence(check: "Check", config: "Config", zones: "ZoneTable[Zone]") -> list[tuple["timedelta", int]]:
    """How many zones the check asks how often, where that is not as often as most; zero: never."""
    from collections import Counter

    from checks.base import cadence_of

    found: Counter[timedelta] = Counter()
    for zone, count in zip(zones.templates, zones.template_counts(), strict=True):
        found[cadence_of(check, zone.cadence, config.cadence)] += count
    return sorted((every, count) for every, count in found.items() if count and every != config.cadence[check.name])


def _settings(check: "Check") -> dict[str, Any]:
    """What the table of the check may say, durations as they are written there."""
    own = (one.name for one in fields(cast("Any", check)) if not one.metadata.get("given"))
    return {name: _setting(getattr(check, name)) for name in own}


def _setting(value: object) -> object:
    from datetime import timedelta

    from monitor.config.durations import written

    return written(value) if isinstance(value, timedelta) else value


def _zone(zone: "Zone", *, named: bool) -> dict[str, Any]:
    from checks.records import compared_records
    from monitor.probe.message.names import unicode

    return {
        "name": zone.name,
        "unicode": unicode(zone.name),
        "servers": [server.name for server in zone.servers],
        "servers_from_ns_set": not named,
        "primary": zone.primary,
        "signer": zone.signer,
        "max_lag_seconds": zone.max_lag.total_seconds(),
        "default_records": zone.default_records,
        "records": [asdict(record) for record in compared_records(zone)],
        "transfer": [asdict(rule) for rule in zone.transfers],
        "cadence_seconds": {check: every.total_seconds() for check, every in zone.cadence},
        "severity": {code: str(severity) for code, severity in zone.severity},
        "canary": _canary(zone),
    }


def _canary(zone: "Zone") -> dict[str, Any] | None:
    """What the running service will change."""
    from checks.model.relative_names import absolute

    canary = zone.canary
    if canary is None:
        return None
    return {
        "name": absolute(canary.name, zone.name),
        "server": canary.server or zone.primary,
        "key": canary.key,
        "ttl": canary.ttl,
        "max_lag_seconds": (canary.max_lag or zone.max_lag).total_seconds(),
    }


def _servers(
    config: "Config", discovered: "DiscoveredZones | None", rates: dict[str, float]
) -> Iterator[dict[str, Any]]:
    """The servers of the configuration, and with what was discovered those that were found."""
    found = discovered.servers if discovered else {}
    for name in dict.fromkeys((*config.servers, *found)):
        entry, server = config.servers.get(name), found.get(name)
        written = server or entry
        if written is None:
            continue
        yield {
            "name": name,
            "addresses": [str(address) for address in written.addresses],
            "host": entry.host if entry else f"{name}.",
            "hidden": written.hidden,
            "group": written.group,
            "upstream": list(written.upstream),
            "queries_per_second": round(rates.get(name, 0.0), 3),
        }
