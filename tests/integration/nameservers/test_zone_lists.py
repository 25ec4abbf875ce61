"""The lists of zones that the nameservers' own tools print are read."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config.load import load
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.require import program

ZONES = ("example.test.", "xn--bcher-kva.test.", "0-15.2.0.192.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.")
NEVER = "never.test."
"""A secondary zone that was never transferred; ``pdnsutil`` leaves it out."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        nobody = lab.server("knot", "nobody")
        for software in SOFTWARE:
            server = lab.primary(software, *map(Content, ZONES), name=software)
            server.follow(nobody, NEVER, notify=False)
        lab.servers.remove(nobody)
        lab.start()
        yield lab
        nobody.close()


def printed(server: Server) -> bytes:
    room = server.room
    command = {
        "bind": (program("named-checkconf", package="bind9-utils"), "-l", room / "named.conf"),
        "knot": (program("knotc", package="knot"), "-s", room / "knot.sock", "zone-status"),
        "nsd": (program("nsd-control", package="nsd"), "-c", room / "nsd.conf", "zonestatus"),
        "powerdns": (program("pdnsutil", package="pdns-server"), f"--config-dir={room}", "-v", "list-all-zones"),
    }[server.software]
    return subprocess.run(command, check=True, capture_output=True, timeout=20).stdout


def zones(place: Path, text: bytes) -> tuple[set[str], str]:
    (place / "zones").write_bytes(text)
    (place / "config.toml").write_text('[[lists]]\nfile = "zones"\nservers = ["192.0.2.1"]\n')
    config = load(place / "config.toml", {})
    return set(config.zones), config.lists[0].format


@pytest.mark.parametrize("software", SOFTWARE)
def test_the_list_of_each_software_is_read_as_it_is(tmp_path: Path, lab: Lab, software: str) -> None:
    server = next(server for server in lab.servers if server.software == software)
    form = "names" if software == "powerdns" else software
    assert zones(tmp_path, printed(server)) == ({*ZONES, NEVER}, form)


VIEWS = """
options { directory "/tmp"; };
view "internal" {
    match-clients { 10.0.0.0/8; };
    zone "example.test" { type primary; file "a"; };
    zone "." { type hint; file "b"; };
};
view "the outside" {
    zone "example.test" { type secondary; primaries { 127.0.0.1; }; file "c"; };
    zone "0/25.2.0.192.in-addr.arpa" { type primary; file "d"; };
    zone "forwarded.test" { type forward; forwarders { 127.0.0.1; }; };
    zone "stub.test" { type stub; primaries { 127.0.0.1; }; };
    zone "old.test" { type slave; masters { 127.0.0.1; }; };
    zone "static.test" { type static-stub; server-addresses { 127.0.0.1; }; };
};
"""


def test_a_zone_in_several_views_is_one_and_what_named_does_not_serve_is_none(tmp_path: Path) -> None:
    (tmp_path / "named.conf").write_text(VIEWS)
    checkconf = program("named-checkconf", package="bind9-utils")
    text = subprocess.run([checkconf, "-l", tmp_path / "named.conf"], check=True, capture_output=True).stdout
    assert text.count(b"example.test IN ") == 2
    assert zones(tmp_path, text) == ({"example.test.", "0/25.2.0.192.in-addr.arpa.", "old.test."}, "bind")
