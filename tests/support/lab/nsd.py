"""NSD for the lab."""

import subprocess
from pathlib import Path

from checks.model import Address
from tests.support.lab.model import GUEST, XFR, Duty, Setup, filename
from tests.support.lab.process import Process
from tests.support.lab.writing import rewrite
from tests.support.require import program

CONFIG = """\
server:
    ip-address: {ipv4}@{port}
    ip-address: {ipv6}@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{room}"
    zonelistfile: "{room}/zone.list"
    xfrdfile: "{room}/xfrd.state"
    xfrdir: "{room}"
    pidfile: "{room}/nsd.pid"
    database: ""
    identity: "{name}"
    {nsid}
    {tls}
    rrl-ratelimit: {rate}
    rrl-slip: 2
    rrl-whitelist-ratelimit: 0
    verbosity: 1
remote-control:
    control-enable: yes
    control-interface: "{room}/nsd.ctl"
"""
# Rate limiting is on by default, and a test asks faster than a resolver would.


def _at(address: Address) -> str:
    return f"{address.host}@{address.port}"


def _keys(setup: Setup) -> str:
    return "".join(
        f'key:\n    name: "{key.wire_name}"\n    algorithm: {key.algorithm}\n    secret: "{key.secret.reveal()}"\n'
        for key in setup.keys
    )


def _zone(duty: Duty) -> str:
    lines = [f'zone:\n    name: "{duty.zone}"', f'    zonefile: "{filename(duty.zone)}"']
    for source in ("127.0.0.1", "::1"):
        lines += [f'    provide-xfr: {source} "{key.wire_name}"' for key in duty.allow]
        if duty.everyone:
            lines.append(f"    provide-xfr: {source} NOKEY")
        if duty.upstream is not None:
            lines.append(f"    allow-notify: {source} NOKEY")
            lines += [f'    allow-notify: {source} "{key.wire_name}"' for key in (XFR, GUEST)]
    if duty.upstream is not None:
        key = f'"{duty.upstream_key.wire_name}"' if duty.upstream_key else "NOKEY"
        lines.append(f"    request-xfr: AXFR {_at(duty.upstream)} {key}")
    signed = f'"{duty.notify_key.wire_name}"' if duty.notify_key else "NOKEY"
    lines += [f"    notify: {_at(address)} {signed}" for address in duty.notify]
    return "\n".join(lines) + "\n"


def _tls(setup: Setup) -> list[str]:
    if setup.tls is None:
        return []
    has, port = setup.tls.certificate, setup.tls.port
    return [
        *(f"ip-address: {address.host}@{port}" for address in setup.addresses),
        f"tls-port: {port}", f'tls-service-pem: "{has.chain}"', f'tls-service-key: "{has.key}"',
    ]  # fmt: skip


def write(setup: Setup, room: Path) -> None:
    head = CONFIG.format(
        room=room, name=setup.name, port=setup.ipv4.port, ipv4=setup.ipv4.host, ipv6=setup.ipv6.host, rate=setup.rate,
        nsid=f'nsid: "ascii_{setup.name}"' if setup.named else "", tls="\n    ".join(_tls(setup)),
    )  # fmt: skip
    for duty in setup.duties:
        if duty.content is not None:
            rewrite(room / filename(duty.zone), duty.content.text())
    rewrite(room / "nsd.conf", head + _keys(setup) + "".join(map(_zone, setup.duties)))


def command(room: Path) -> list[str]:
    return [program("nsd", package="nsd"), "-d", "-c", str(room / "nsd.conf")]


def reload(process: Process, room: Path) -> None:
    """``reconfig`` takes up zones, keys and access lists; ``reload`` the zone files."""
    for verb in ("reconfig", "reload"):
        subprocess.run([*orders(room)["nsd-control"], verb], check=True, capture_output=True, timeout=10)


def orders(room: Path) -> dict[str, list[str]]:
    return {"nsd-control": [program("nsd-control", package="nsd"), "-c", str(room / "nsd.conf")]}
