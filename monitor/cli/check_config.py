"""soawatch check-config: what the configuration was understood to say, or everything that is wrong with it."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from monitor.cli.options import FILE
from monitor.cli.tables import PrintedTable, show

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
CHECK_COLUMNS = ("check", "every", "queries/s", "settings")
SERVER_COLUMNS = ("server", "addresses", "upstream", "group", "queries/s")
ROUTE_COLUMNS = ("receivers", "severity", "zones", "servers", "codes")


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
    from monitor.config.load_estimate import as_written, demands
    from monitor.config.low_caps import low_caps

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
        "lists": [{"file": str(each.path), "format": each.format, "zones": each.zones} for each in config.lists],
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
        "keys": [
            {"name": key.name, "wire_name": key.wire_name, "algorithm": key.algorithm} for key in config.keys.values()
        ],
        "receivers": [{"name": name, "type": config.kinds[name]} for name in config.receivers],
        "routes": [
            {**asdict(route), "severity": [str(severity) for severity in route.severity]} for route in config.routes
        ],
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
    return {one.name: getattr(check, one.name) for one in fields(cast("Any", check)) if not one.metadata.get("given")}


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


def tables(said: dict[str, Any], most: int | None) -> list[PrintedTable]:
    """What was understood, for people. ``most`` zones and servers are shown, None for all."""
    zones, resolved = said["zones"][:most], said["resolved"]
    servers = [_server_row(server, resolved=resolved) for server in said["servers"][:most]]
    more = _more(said["zones_total"] - len(zones))
    cap = f"at most {said['max_queries_per_second_per_server']:g} queries/s go to one server"
    unseen = _more(len(said["servers"]) - len(servers))
    lists = [(each["file"], each["format"], str(each["zones"])) for each in said["lists"]]
    nobody = "" if said["receivers"] else "nobody is told of anything"
    keys = [(key["name"], key["wire_name"], key["algorithm"]) for key in said["keys"]]
    receivers = [(receiver["name"], receiver["type"]) for receiver in said["receivers"]]
    found = [
        PrintedTable(
            "Zones",
            ("zone", "servers", "primary", "max lag", "records"),
            [_zone_row(zone, resolved=resolved) for zone in zones],
            more,
        ),
        PrintedTable("Lists", ("file", "format", "zones"), lists),
        PrintedTable("Servers", SERVER_COLUMNS, servers, f"{unseen}; {cap}" if unseen else cap),
        PrintedTable("Checks", CHECK_COLUMNS, list(map(_check_row, said["checks"]))),
        PrintedTable("Cadences of zones", ("zone", "check", "every"), list(_cadence_rows(zones))),
        PrintedTable("Severities of zones", ("zone", "code", "severity"), list(_severity_rows(zones))),
        PrintedTable("Transfers", ("zone", "server", "key", "expected"), list(_transfer_rows(zones))),
        PrintedTable("Keys", ("key", "on the wire", "algorithm"), keys),
        PrintedTable("Receivers", ("receiver", "type"), receivers, nobody),
        PrintedTable("Routes", ROUTE_COLUMNS, list(map(_route_row, said["routes"]))),
        PrintedTable("Severities changed", ("code", "severity"), list(said["severity"].items())),
    ]
    return [listing for listing in found if listing.rows or listing.below]


def _more(hidden: int) -> str:
    return f"and {hidden} more (--all shows them)" if hidden else ""


def _zone_row(zone: dict[str, Any], *, resolved: bool) -> tuple[str, ...]:
    from monitor.probe.message.names import show

    servers = ", ".join(zone["servers"])
    if zone["servers_from_ns_set"]:
        unknown = "none found in the NS set" if resolved else "to be found from the NS set"
        servers = f"{servers} (found)" if servers else unknown
    records = ", ".join(f"{r['name']} {r['type']}" + ("" if r["expect"] is None else " =") for r in zone["records"])
    records = "the default list" if zone["default_records"] else records
    primary = ", ".join(filter(None, (zone["primary"], zone["signer"] and f"signer {zone['signer']}")))
    return show(zone["name"]), servers, primary, _span(zone["max_lag_seconds"]), records


def _server_row(server: dict[str, Any], *, resolved: bool) -> tuple[str, ...]:
    name = server["name"] + (" (hidden)" if server["hidden"] else "")
    unknown = f"{server['host']} does not resolve" if resolved else f"to be resolved from {server['host']}"
    addresses = ", ".join(server["addresses"]) or unknown
    return name, addresses, ", ".join(server["upstream"]), server["group"], f"{server['queries_per_second']:g}"


def _check_row(check: dict[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{name} = {value}" for name, value in check["settings"].items())
    others = (f"{_span(one['cadence_seconds'])} for {one['zones']}" for one in check["zones_by_cadence"])
    every = "; ".join((_span(check["cadence_seconds"]), *others))
    return check["name"], every, f"{check['queries_per_second']:g}", settings


def _cadence_rows(zones: Iterable[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """What zones have of their own; that of the default list is as good as said for all."""
    from monitor.config.zones import DEFAULT_LIST_CADENCE
    from monitor.probe.message.names import show

    for zone in zones:
        for check, seconds in zone["cadence_seconds"].items():
            if zone["default_records"] and (check, seconds) == ("records", DEFAULT_LIST_CADENCE.total_seconds()):
                continue
            yield show(zone["name"]), check, _span(seconds)


def _severity_rows(zones: Iterable[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    from monitor.probe.message.names import show

    for zone in zones:
        for code, severity in zone["severity"].items():
            yield show(zone["name"]), code, severity


def _transfer_rows(zones: Iterable[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The matrix: "*" stands for every server that no other rule with the same key names."""
    for zone in zones:
        for rule in zone["transfer"]:
            named = {other["server"] for other in zone["transfer"] if other["key"] == rule["key"]}
            others = [server for server in zone["servers"] if server not in named]
            for server in [rule["server"]] if rule["server"] != "*" else others or ["*"]:
                expected = rule["expect"] + (", to its end" if rule["whole"] else "")
                yield zone["name"], server, rule["key"] or "no key", expected


def _route_row(route: dict[str, Any]) -> tuple[str, ...]:
    return tuple(", ".join(route[name]) or "any" for name in ROUTE_COLUMNS)


def _span(seconds: float) -> str:
    from datetime import timedelta

    from monitor.config.durations import written

    return written(timedelta(seconds=seconds))
