"""Catalog zones of real producers: BIND serves one that was written, Knot DNS and PowerDNS generate theirs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from checks.model import Address
from tests.support.lab import knot
from tests.support.lab.model import XFR, Content, Duty, Setup
from tests.support.lab.orders import order
from tests.support.lab.process import Process
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.lab.writing import rewrite

CATALOG = "catalog.test."


def catalog(members: Mapping[str, str], serial: int = 1, version: str = "2", *more: str) -> Content:
    """A catalog of these members, each with its group or none, as somebody writes it by hand."""
    records = ["@ NS invalid.", f'version TXT "{version}"', *more]
    for number, (zone, group) in enumerate(members.items()):
        records.append(f"m{number}.zones PTR {zone}")
        records += [f'group.m{number}.zones TXT "{group}"'] if group else []
    return Content(CATALOG, serial, refresh=60, retry=10, records=tuple(records))


class Producer:
    """A primary with a catalog of the zones in ``members`` (each with its group, or ""), which it serves, too."""

    def __init__(self, lab: Lab, software: str, members: Mapping[str, str]) -> None:
        self.software, self.members = software, dict(members)
        self.told: Address | None = None
        self.server: Server = lab.primary(software, *map(Content, members))
        if software == "bind":
            self.server.serve(catalog(members))
        elif software == "knot":
            self.server.driver = KnotProducer(self)

    def generate(self) -> None:
        """Once it runs: have it make the catalog."""
        if self.software == "powerdns":
            order(self.server, f"pdnsutil create-zone {CATALOG} && pdnsutil set-kind {CATALOG} producer")
            order(self.server, f"pdnsutil set-meta {CATALOG} TSIG-ALLOW-AXFR {XFR.wire_name.rstrip('.')}")
            for zone, group in self.members.items():
                self._list_powerdns(zone, group)

    def change(self, members: Mapping[str, str]) -> None:
        """Have other members; those that are new are served as well, those that are gone are not served any more."""
        before, self.members = self.members, dict(members)
        if self.software == "powerdns":
            for zone in before.keys() - members.keys():
                order(self.server, f"pdnsutil delete-zone {zone}")
            for zone in members.keys() - before.keys():
                order(self.server, f"pdnsutil create-zone {zone} ns1.{zone} && pdnsutil set-kind {zone} primary")
            for zone, group in members.items():
                if before.get(zone) != group:
                    self._list_powerdns(zone, group)
            return
        setup = self.server.setup
        for zone in members.keys() - before.keys():
            setup = setup.with_duty(Duty(zone, Content(zone)))
        for zone in before.keys() - members.keys():
            setup = setup.without(zone)
        if self.software == "bind":
            duty = setup.duty(CATALOG)
            setup = setup.with_duty(replace(duty, content=catalog(members, self.server.content(CATALOG).serial + 1)))
        self.server._take(setup)

    def tell(self, address: Address) -> None:
        """From now on send a NOTIFY to that address for each new version of the catalog."""
        self.told = address
        if self.software == "powerdns":
            order(self.server, f"pdnsutil set-meta {CATALOG} ALSO-NOTIFY {address.host}:{address.port}")
        elif self.software == "bind":
            self.server.tell(address, CATALOG)
        else:
            self.server._take(self.server.setup)

    def _list_powerdns(self, zone: str, group: str) -> None:
        order(self.server, f"pdnsutil set-catalog {zone} {CATALOG}")
        order(self.server, f"pdnsutil set-option {zone} producer group {group or chr(39) * 2}")


class KnotProducer:
    """The driver of Knot DNS, with its zones as members of a catalog that it generates."""

    def __init__(self, of: Producer) -> None:
        self._of = of

    def write(self, setup: Setup, room: Path) -> None:
        knot.write(setup, room)
        path = room / "knot.conf"
        text = path.read_text()
        for zone, group in self._of.members.items():
            member = f"\n    catalog-role: member\n    catalog-zone: {CATALOG}"
            member += f"\n    catalog-group: {group}" if group else ""
            text = text.replace(f"  - domain: {zone}", f"  - domain: {zone}{member}")
        text += f"  - domain: {CATALOG}\n    catalog-role: generate\n    acl: [ {XFR.name} ]\n"
        if (told := self._of.told) is not None:
            text += "    notify: soawatch\n"
            remote = f"remote:\n  - id: soawatch\n    address: {told.host}@{told.port}\n"
            text = text.replace("template:\n", f"{remote}template:\n")
        rewrite(path, text)

    def command(self, room: Path) -> list[str]:
        return knot.command(room)

    def reload(self, process: Process, room: Path) -> None:
        knot.reload(process, room)

    def orders(self, room: Path) -> dict[str, list[str]]:
        return knot.orders(room)
