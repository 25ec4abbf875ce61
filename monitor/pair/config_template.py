"""The template of a configuration on a fast clock: it looks every second or two, and alerts within a few."""

import json
from collections.abc import Iterable, Mapping

import dns.name
from dns.rdatatype import RdataType

from checks.registry import CHECKS
from monitor.pair.zonedata import MAIL, ZoneData
from monitor.probe.types import TsigKey

RECORDS = f'"www A", {{ name = "mail", type = "A", expect = ["{MAIL}"] }}'
"""What is watched of the zones that come with the pair."""


def config_text(
    servers: Mapping[str, Iterable[object]],
    *,
    every: str = "2s",
    key: TsigKey | None = None,
    key_file: str = "",
    service: Mapping[str, object] | None = None,
    cadence: Mapping[str, object] | None = None,
    probe: Mapping[str, object] | None = None,
    deadline: str = "3s",
    settle: str = "1s",
) -> str:
    """All but zones and receivers, for these servers (name → addresses), each check run ``every`` so often.

    The key's secret stands in it, unless ``key_file`` names the file that has it. ``deadline`` is how long a transfer
    may take. ``service``, ``cadence`` and
    ``probe`` are added to what those tables have.
    """
    tables: dict[str, Mapping[str, object]] = {
        "service": {"listen": "127.0.0.1:0"} | dict(service or {}),
        "cadence": dict.fromkeys(CHECKS, every) | dict(cadence or {}),
        "probe": {"timeout": "500ms", "attempts": 2} | dict(probe or {}),
        "probe.transfer": {"deadline": deadline},
        "alerting": {"grace": "1s", "settle": settle, "witness": []},
    }
    if key is not None:
        secret = {"secret_file": key_file} if key_file else {"secret": key.secret.reveal()}
        tables[f"keys.{key.name}"] = {"name": key.wire_name, "algorithm": key.algorithm, **secret}
    for name, addresses in servers.items():
        tables[f"servers.{name}"] = {"addresses": [str(address) for address in addresses]}
    return "".join(_table(name, values) for name, values in tables.items())


def _table(name: str, values: Mapping[str, object]) -> str:
    """A table of TOML; text, numbers and lists are written in it as in JSON."""
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), "\n"])


def zone_entry(zone: str, primary: str, secondary: str, key: str, records: str = RECORDS) -> str:
    """One zone: its servers, the records compared and the transfers tried."""
    return f"""\
[[zones]]
name = "{zone}"
servers = ["{primary}", "{secondary}"]
primary = "{primary}"
max_lag = "3s"
ignore_servers = ["*"]  # no resolver knows the names in the pair's NS sets
records = [{records}]
transfer = [
  {{ server = "{primary}", key = "{key}", expect = "allowed", whole = true }},
  {{ server = "*", expect = "refused" }},
]

"""


def watched_records(data: ZoneData) -> str:
    """The records that faults change, where they are those of the pair's own zones; other zones have no such."""
    mail = data.find(dns.name.from_text("mail", data.origin), RdataType.A)
    ours = bool(mail) and [rdata.address for rdata in mail[0]] == [MAIL]
    return RECORDS if ours and data.find(dns.name.from_text("www", data.origin), RdataType.A) else ""
