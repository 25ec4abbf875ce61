"""The configuration of a soawatch that watches the pair."""

from collections.abc import Iterable

import dns.name
from dns.rdatatype import RdataType

from monitor.pair.nameserver import Nameserver
from monitor.pair.zone_template import MAIL
from monitor.pair.zonedata import ZoneData
from monitor.probe.types import TsigKey

RECORDS = f'"www A", {{ name = "mail", type = "A", expect = ["{MAIL}"] }}'
"""What is watched of the zones that come with the pair."""


def config_text(
    zones: Iterable[ZoneData],
    servers: tuple[Nameserver, Nameserver],
    key: TsigKey,
    *,
    listen: str,
    key_file: str | None,
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
            *(
                zone_entry(data.origin.to_text(), primary.name, secondary.name, key.name, _watched(data))
                for data in zones
            ),
        ]
    )


def zone_entry(zone: str, primary: str, secondary: str, key: str, records: str = RECORDS) -> str:
    """One zone: its servers, the records compared and the transfers tried."""
    return _ZONE.format(zone=zone, primary=primary, secondary=secondary, key=key, records=records)


def _watched(data: ZoneData) -> str:
    """The records that faults change, where they are those of the pair's own zones; other zones have no such."""
    mail = data.find(dns.name.from_text("mail", data.origin), RdataType.A)
    ours = bool(mail) and [rdata.address for rdata in mail[0]] == [MAIL]
    return RECORDS if ours and data.find(dns.name.from_text("www", data.origin), RdataType.A) else ""


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
ignore_servers = ["*"]  # no resolver knows the names in the pair's NS sets
records  = [{records}]
transfer = [
  {{ server = "{primary}", key = "{key}", expect = "allowed", whole = true }},
  {{ server = "*", expect = "refused" }},
]
"""
