"""Which configuration of soawatch watches this pair?"""

from collections.abc import Iterable

from monitor.pair.nameserver import Nameserver
from monitor.pair.template import MAIL
from monitor.ports import Key


def config_text(
    zones: Iterable[str], servers: tuple[Nameserver, Nameserver], key: Key, *, listen: str, key_file: str | None
) -> str:
    """A configuration on a fast clock: it looks every second or two, and alerts within a few.

    The key's secret stands in it, unless ``key_file`` names the file that has it.
    """
    held = f'secret_file = "{key_file}"' if key_file else f'secret = "{key.secret.reveal()}"'
    primary, secondary = servers
    return "\n".join(
        [
            _SERVICE.format(listen=listen),
            f"[keys.{key.name}]",
            f'name      = "{key.wire_name}"',
            f'algorithm = "{key.algorithm}"',
            held,
            "",
            *_server(primary),
            *_server(secondary),
            *(zone_entry(zone, primary.name, secondary.name, key.name) for zone in zones),
        ]
    )


def zone_entry(zone: str, primary: str, secondary: str, key: str) -> str:
    """One zone: its servers, the records compared and the transfers tried."""
    return _ZONE.format(zone=zone, primary=primary, secondary=secondary, key=key, mail=MAIL)


def _server(server: Nameserver) -> list[str]:
    listed = ", ".join(f'"{address}"' for address in server.addresses)
    return [f"[servers.{server.name}]", f"addresses = [{listed}]", ""]


_SERVICE = """\
# Written by "soawatch pair": watches its two servers, on a fast clock.
[service]
listen = "{listen}"

[cadence]
reachable  = "2s"
soa-serial = "2s"
soa-fields = "2s"
ns-set     = "2s"
records    = "2s"
transfer   = "4s"

[probe]
timeout  = "500ms"
attempts = 3
transfer = {{ deadline = "3s" }}

[alerting]
grace  = "1s"
settle = "2s"
"""

_ZONE = """\
[[zones]]
name     = "{zone}"
servers  = ["{primary}", "{secondary}"]
primary  = "{primary}"
max_lag  = "3s"
records  = ["www A", {{ name = "mail", type = "A", expect = ["{mail}"] }}]
transfer = [
  {{ server = "{primary}", key = "{key}", expect = "allowed", whole = true }},
  {{ server = "*", expect = "refused" }},
]
"""
