"""A configuration whose names a fake resolver knows, for tests of discovery."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from checks.model.zone_table import ZoneTable
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.config.sections import Resolver
from tests.support.resolver import FakeResolver

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


LATER = NOON + timedelta(minutes=15)


DATA = {
    ("example.com.", "NS"): ["NS1.example.net.", "ns2.example.net."],
    ("ns1.example.net.", "A"): ["192.0.2.1"],
    ("ns1.example.net.", "AAAA"): ["2001:db8::1"],
    ("ns2.example.net.", "A"): ["192.0.2.3", "192.0.2.2"],
    ("empty.example.", "TXT"): ["x"],
}


def config(resolver: FakeResolver, *zones: ZoneEntry, **servers: ServerEntry) -> Config:
    named = {name.replace("_", "."): entry for name, entry in servers.items()}
    return Config(zones=ZoneTable.of(zones), servers=named, resolver=Resolver((resolver.address,), timeout=5.0))


def hurried(config: Config) -> Config:
    """Waits little, for a resolver that will not answer anyway."""
    return replace(config, resolver=replace(config.resolver, timeout=0.05))


def hosted(host: str, port: int = 53) -> ServerEntry:
    return ServerEntry(host.removesuffix("."), host=host, port=port)
