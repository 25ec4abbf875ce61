"""What check-config understood, as tables for people."""

from collections.abc import Iterable, Iterator
from typing import Any

from monitor.cli.silence_tables import WINDOW_COLUMNS, window_rows
from monitor.cli.tables import PrintedTable

SERVER_COLUMNS = ("server", "addresses", "upstream", "group", "queries/s")
CHECK_COLUMNS = ("check", "every", "queries/s", "settings")
ROUTE_COLUMNS = ("receivers", "severity", "zones", "servers", "codes")


def tables(said: dict[str, Any], most: int | None) -> list[PrintedTable]:
    """What was understood, for people. ``most`` zones and servers are shown, None for all."""
    zones, resolved = said["zones"][:most], said["resolved"]
    servers = [_server_row(server, resolved=resolved) for server in said["servers"][:most]]
    more = _more(said["zones_total"] - len(zones))
    cap = f"at most {said['max_queries_per_second_per_server']:g} queries/s go to one server"
    unseen = _more(len(said["servers"]) - len(servers))
    lists = [
        (each["file"], each["format"], "-" if each["zones"] is None else str(each["zones"])) for each in said["lists"]
    ]
    nobody = "" if said["receivers"] else "nobody is told of anything"
    keys = [(key["name"], key["wire_name"], key["algorithm"]) for key in said["keys"]]
    receivers = [(receiver["name"], receiver["type"]) for receiver in said["receivers"]]
    windows = [row for window in said["maintenance"] for row in window_rows(window)]
    found = [
        PrintedTable(
            "Zones",
            ("zone", "servers", "primary", "max lag", "records"),
            [_zone_row(zone, resolved=resolved) for zone in zones],
            more,
        ),
        PrintedTable("Lists", ("file", "format", "zones"), lists),
        PrintedTable(
            "Catalogs",
            ("catalog", "from", "key", "every", "groups"),
            list(map(_catalog_row, said["catalogs"])),
            "their members are known to the service only, which transfers them" if said["catalogs"] else "",
        ),
        PrintedTable("Servers", SERVER_COLUMNS, servers, f"{unseen}; {cap}" if unseen else cap),
        PrintedTable("Checks", CHECK_COLUMNS, list(map(_check_row, said["checks"]))),
        PrintedTable("Cadences of zones", ("zone", "check", "every"), list(_cadence_rows(zones))),
        PrintedTable("Severities of zones", ("zone", "code", "severity"), list(_severity_rows(zones))),
        PrintedTable("Transfers", ("zone", "server", "key", "expected"), list(_transfer_rows(zones))),
        PrintedTable("Canaries", ("will change", "at", "with key", "within"), list(_canary_rows(zones))),
        PrintedTable("Tokens", ("token", "role"), [(token["name"], token["role"]) for token in said["tokens"]]),
        PrintedTable("Keys", ("key", "on the wire", "algorithm"), keys),
        PrintedTable("Receivers", ("receiver", "type"), receivers, nobody),
        PrintedTable("Routes", ROUTE_COLUMNS, list(map(_route_row, said["routes"]))),
        PrintedTable("Maintenance", WINDOW_COLUMNS, windows),
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


def _catalog_row(catalog: dict[str, Any]) -> tuple[str, ...]:
    from monitor.probe.message.names import show

    groups, servers = ", ".join(catalog["groups"]), ", ".join(catalog["from"])
    return show(catalog["zone"]), servers, catalog["key"] or "no key", _span(catalog["refresh_seconds"]), groups


def _server_row(server: dict[str, Any], *, resolved: bool) -> tuple[str, ...]:
    name = server["name"] + (" (hidden)" if server["hidden"] else "")
    unknown = f"{server['host']} does not resolve" if resolved else f"to be resolved from {server['host']}"
    addresses = ", ".join(server["addresses"]) or unknown
    return name, addresses, ", ".join(server["upstream"]), server["group"], f"{server['queries_per_second']:g}"


def _check_row(check: dict[str, Any]) -> tuple[str, ...]:
    settings = ", ".join(f"{name} = {_toml(value)}" for name, value in check["settings"].items())
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
    """The matrix: "*" stands for every server that no other rule of the same row names."""
    for zone in zones:
        for rule in zone["transfer"]:
            named = {other["server"] for other in zone["transfer"] if _row(other) == _row(rule)}
            others = [server for server in zone["servers"] if server not in named]
            for server in [rule["server"]] if rule["server"] != "*" else others or ["*"]:
                expected = rule["expect"] + (", to its end" if rule["whole"] else "")
                yield zone["name"], server, (rule["key"] or "no key") + _way(rule), expected


def _canary_rows(zones: Iterable[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """What the running service changes, and nothing else does."""
    from monitor.probe.message.names import show

    for zone in zones:
        if (canary := zone["canary"]) is not None:
            yield f"{show(canary['name'])} TXT", canary["server"], canary["key"], _span(canary["max_lag_seconds"])


def _row(rule: dict[str, Any]) -> tuple[Any, ...]:
    return rule["key"], rule["transport"], rule["source"]


def _way(rule: dict[str, Any]) -> str:
    over = ", over TLS" if rule["transport"] == "tls" else ""
    return over + (f", from {rule['source']}" if rule["source"] else "")


def _route_row(route: dict[str, Any]) -> tuple[str, ...]:
    return tuple(", ".join(route[name]) or "any" for name in ROUTE_COLUMNS)


def _span(seconds: float) -> str:
    from datetime import timedelta

    from monitor.config.durations import written

    return written(timedelta(seconds=seconds))


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
