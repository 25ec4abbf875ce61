"""Knot DNS (knotd) for the lab."""

from pathlib import Path

from checks.model import Address
from monitor.probe.types import TsigKey
from tests.support.lab.model import XFR, Duty, Setup, filename
from tests.support.lab.process import Process
from tests.support.lab.writing import rewrite
from tests.support.require import program

LIMIT = """\
mod-rrl:
  - id: default
    rate-limit: {rate}
    slip: 2
"""

CONFIG = """\
server:
    rundir: "{room}"
    listen: [ {ipv4}@{port}, {ipv6}@{port} ]
    identity: "{name}"
    nsid: "{nsid}"
    automatic-acl: off
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{room}"
    journal-db-max-size: 64M
    timer-db-max-size: 8M
    kasp-db-max-size: 8M
    catalog-db-max-size: 8M
"""

POLICY = """\
policy:
  - id: multi-signer
    dnskey-management: incremental
    delete-delay: 1h
    cds-cdnskey-publish: always
"""

ANY_CLIENT = """\
  - id: told
    address: [ 127.0.0.1, ::1 ]
    action: notify
  - id: everyone
    address: [ 0.0.0.0/0, ::/0 ]
    action: transfer
  - id: updates
    key: {updater}
    action: update
"""
# A rule with a key does not match an unsigned request, and one without does not match a signed one.


def _remote_id(address: Address, key: TsigKey | None) -> str:
    family = "v6" if ":" in address.host else "v4"
    return f"{family}-{address.port}" + (f"-{key.name}" if key else "")


def _remotes(setup: Setup) -> str:
    lines = ["remote:\n"] if setup.remotes else []
    for address, key in setup.remotes:
        lines.append(f"  - id: {_remote_id(address, key)}\n    address: {address.host}@{address.port}\n")
        if key is not None:
            lines.append(f"    key: {key.wire_name}\n")
    return "".join(lines)


def _keys(setup: Setup) -> str:
    return "key:\n" + "".join(
        f"  - id: {key.wire_name}\n    algorithm: {key.algorithm}\n    secret: {key.secret.reveal()}\n"
        for key in setup.keys
    )


def _acls(setup: Setup) -> str:
    signed = "".join(
        f"  - id: {key.name}\n    key: {key.wire_name}\n    action: [ transfer, notify ]\n" for key in setup.keys
    )
    return "acl:\n" + ANY_CLIENT.format(updater=XFR.wire_name) + signed


def _zone(duty: Duty) -> str:
    rules = [*(["everyone"] if duty.everyone else []), *(key.name for key in duty.allow), "told"]
    rules += ["updates"] if duty.dynamic else []
    lines = [f"  - domain: {duty.zone}", f"    file: {filename(duty.zone)}", f"    acl: [ {', '.join(rules)} ]"]
    lines.append(f"    zonefile-sync: {0 if duty.dynamic else -1}")
    if duty.signs:
        lines.append("    dnssec-signing: on")
        lines += ["    dnssec-policy: multi-signer"] if duty.dynamic else []
    lines += ["    zonemd-generate: zonemd-sha384"] if duty.zonemd else []
    if duty.upstream is not None:
        lines.append(f"    master: {_remote_id(duty.upstream, duty.upstream_key)}")
    if duty.notify:
        lines.append(f"    notify: [ {', '.join(_remote_id(address, duty.notify_key) for address in duty.notify)} ]")
    return "\n".join(lines) + "\n"


def write(setup: Setup, room: Path) -> None:
    head = CONFIG.format(
        room=room, name=setup.name, port=setup.ipv4.port, ipv4=setup.ipv4.host, ipv6=setup.ipv6.host,
        nsid=setup.name if setup.named else "",
    )  # fmt: skip
    if setup.rate:
        head += LIMIT.format(rate=setup.rate)
    for duty in setup.duties:
        if duty.content is not None:
            rewrite(room / filename(duty.zone), duty.content.text())
    limited = "    global-module: mod-rrl/default\n" if setup.rate else ""
    template = f'template:\n  - id: default\n    storage: "{room}"\n{limited}'
    zones = template + "zone:\n" + "".join(map(_zone, setup.duties))
    rewrite(room / "knot.conf", head + _keys(setup) + _remotes(setup) + _acls(setup) + POLICY + zones)


def command(room: Path) -> list[str]:
    return [program("knotd", package="knot"), "-c", str(room / "knot.conf")]


def reload(process: Process, room: Path) -> None:
    process.hang_up()


def orders(room: Path) -> dict[str, list[str]]:
    return {name: [program(name, package="knot"), "-c", str(room / "knot.conf")] for name in ("knotc", "keymgr")}
