"""The configuration of a service that watches bundled pairs and tells a webhook receiver."""

from pathlib import Path

from monitor.cli.demo_environment import settings, zone_entries
from monitor.pair.pair import Pair
from tests.support.receiver import Receiver


def write(directory: Path, pair: Pair, hook: Receiver) -> Path:
    (directory / "xfr.key").write_text(pair.key.secret.reveal())
    (directory / "xfr.key").chmod(0o600)
    path = directory / "soawatch.toml"
    path.write_text(settings([pair]) + hook.toml() + zone_entries([pair]))
    return path


ZONE = """
[service]
listen = "127.0.0.1:0"
[probe]
timeout = "100ms"
attempts = 1
[servers.ns1]
addresses = ["127.0.0.1:1"]
[[zones]]
name = "example.com"
servers = ["ns1"]
"""
