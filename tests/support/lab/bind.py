"""BIND 9 (named) for the lab."""

import shutil
from pathlib import Path

from checks.model import Address
from monitor.probe.types import TsigKey
from tests.support.lab.model import XFR, Duty, Setup, filename
from tests.support.lab.process import Process
from tests.support.lab.writing import rewrite
from tests.support.require import program

CONFIG = """\
{tls}
options {{
    directory "{room}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ {ipv4}; }};
    listen-on-v6 port {port} {{ {ipv6}; }};
    server-id {nsid};
    recursion no;
    dnssec-validation no;
    allow-query {{ any; }};
    allow-transfer {{ none; }};
    notify explicit;
    notify-rate 100;
    startup-notify-rate 100;
    notify-delay 0;
    serial-query-rate 100;
    transfers-in 100;
    transfers-per-ns 100;
    transfers-out 100;
    min-refresh-time 1;
    min-retry-time 1;
    interface-interval 0;
    {limit}
    {listen_tls}
}};
controls {{ inet {control} port {port} allow {{ 127.0.0.1; }} keys {{ "{key}"; }}; }};
"""
# The rates and the delay keep a NOTIFY from waiting seconds for its turn; the least times let a test expire a zone.
# The eleventh transfer at once would get SERVFAIL, and some secondaries are slow to ask again after that.

RNDC = """\
options {{ default-server {control}; default-port {port}; default-key "{key}"; }};
"""
CONTROL = "127.0.0.2"
"""Where it takes orders: its own port again, at another address of loopback, so that it needs no second one."""


def _key(key: TsigKey) -> str:
    return f'key "{key.wire_name}" {{ algorithm {key.algorithm}; secret "{key.secret.reveal()}"; }};\n'


def _at(address: Address, key: TsigKey | None = None) -> str:
    signed = f' key "{key.wire_name}"' if key else ""
    return f"{address.host} port {address.port}{signed};"


def _zone(duty: Duty) -> str:
    may = "any;" if duty.everyone else " ".join(f'key "{key.wire_name}";' for key in duty.allow) or "none;"
    told = " ".join(_at(address, duty.notify_key) for address in duty.notify)
    common = f"allow-transfer {{ {may} }}; also-notify {{ {told} }};"
    if duty.dynamic:
        common += f' allow-update {{ key "{XFR.wire_name}"; }};'
    if duty.forwards:
        common += " allow-update-forwarding { any; };"
    if duty.signs:
        common += f" dnssec-policy default; inline-signing {'no' if duty.dynamic else 'yes'};"
    if duty.upstream is None:
        return f'zone "{duty.zone}" {{ type primary; file "{filename(duty.zone)}"; {common} }};\n'
    upstream = f"primaries {{ {_at(duty.upstream, duty.upstream_key)} }};"
    return f'zone "{duty.zone}" {{ type secondary; file "{filename(duty.zone)}"; {upstream} {common} }};\n'


def _tls(setup: Setup) -> dict[str, str]:
    if setup.tls is None:
        return {"tls": "", "listen_tls": ""}
    has, port = setup.tls.certificate, setup.tls.port
    return {
        "tls": f'tls lab {{ cert-file "{has.chain}"; key-file "{has.key}"; }};',
        "listen_tls": f"listen-on port {port} tls lab {{ {setup.ipv4.host}; }};\n"
        f"    listen-on-v6 port {port} tls lab {{ {setup.ipv6.host}; }};",
    }


def write(setup: Setup, room: Path) -> None:
    port, key = setup.ipv4.port, XFR.wire_name
    limit = f"rate-limit {{ responses-per-second {setup.rate}; slip 2; }};" if setup.rate else ""
    head = CONFIG.format(
        room=room, name=setup.name, port=port, ipv4=setup.ipv4.host, ipv6=setup.ipv6.host, control=CONTROL, key=key,
        limit=limit, nsid=f'"{setup.name}"' if setup.named else "none", **_tls(setup),
    )  # fmt: skip
    rewrite(room / "rndc.conf", _key(XFR) + RNDC.format(control=CONTROL, port=port, key=key))
    for duty in setup.duties:
        if duty.content is not None:
            rewrite(room / filename(duty.zone), duty.content.text())
    rewrite(room / "named.conf", head + "".join(map(_key, setup.keys)) + "".join(map(_zone, setup.duties)))


def command(room: Path) -> list[str]:
    """Where AppArmor confines /usr/sbin/named to its usual folders, a copy under another path is not confined."""
    named = program("named", package="bind9")
    if Path("/sys/module/apparmor").exists():
        named = shutil.copy(named, room / "named")
    return [named, "-g", "-n", "1", "-c", str(room / "named.conf")]


def reload(process: Process, room: Path) -> None:
    process.hang_up()


def orders(room: Path) -> dict[str, list[str]]:
    return {"rndc": [program("rndc", package="bind9"), "-c", str(room / "rndc.conf")]}
