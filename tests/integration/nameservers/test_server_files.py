"""The configuration of each nameserver, read by us, holds the zones that its own tools find in it."""

import re
import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config.load import load
from monitor.config.server_files import zones_of
from monitor.config.server_listings import LISTINGS
from monitor.probe.message.names import parse_name
from tests.integration.nameservers.test_zone_lists import NEVER, VIEWS, ZONES
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab
from tests.support.require import program

few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example starts a program."""

LABELS = st.from_regex(r"[a-z0-9_]([a-zA-Z0-9_-]{0,8}[a-z0-9_])?", fullmatch=True)
NAMES = st.builds(
    lambda labels, end: ".".join([*labels, end]),
    st.lists(LABELS, min_size=1, max_size=3),
    st.sampled_from(["test", "test."]),
)
UNIQUE = st.lists(NAMES, min_size=1, max_size=6, unique_by=lambda name: name.lower().removesuffix("."))


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def by_named(path: Path) -> set[str]:
    lines = run(program("named-checkconf", package="bind9-utils"), "-l", path).splitlines()
    names = [LISTINGS["bind"].name(line) for line in lines]
    assert None not in names
    return {parse_name(name) for name in names if name}


def by_knot(path: Path) -> set[str]:
    database = path.parent / "confdb"
    knotc = program("knotc", package="knot")
    run(knotc, "-C", database, "conf-import", path)
    exported = run(knotc, "-C", database, "conf-export")
    (path.parent / "exported").write_text(exported)
    assert ours(path.parent / "exported", "knot.conf") == ours(path, "knot.conf")
    return {parse_name(name) for name in re.findall(r'^  - domain: "(.*)"$', exported, re.MULTILINE)}


def by_nsd(path: Path) -> set[str]:
    printed = run(program("nsd-checkconf", package="nsd"), "-v", path)
    (path.parent / "printed").write_text(printed)
    assert ours(path.parent / "printed", "nsd.conf") == ours(path, "nsd.conf")
    return {parse_name(name) for name in re.findall(r'^zone:\n\tname: "(.*)"$', printed, re.MULTILINE)}


def ours(path: Path, form: str) -> set[str]:
    return {parse_name(zone.name) for zone in zones_of(path, form)}


TYPES = {
    "primary": 'file "{};/*"; allow-transfer {{ !10.0.0.1; key "k"; }};',
    "Master": 'file "//{}";',
    "secondary": "primaries port 53 {{ 127.0.0.1; }};",
    "slave": 'masters {{ 127.0.0.1; ::1 port 54; }}; file "{};";',
    "forward": "forwarders {{ 127.0.0.1; }};",
    "mirror": "primaries {{ 127.0.0.1; }};",
    "stub": 'primaries {{ 127.0.0.1; }}; file "{}}}";',
    "static-stub": "server-addresses {{ 127.0.0.1; }};",
}
BETWEEN = st.sampled_from([" ", "\n", "\t", ' /* zone "c.test" { " }; */ ', ' # a }; "\n', " // b {\n", " /**/ "])


@st.composite
def named_conf(draw: st.DrawFn) -> tuple[str, str]:
    """A named.conf, and a file that it includes."""

    def zone(name: str) -> str:
        kind = draw(st.sampled_from(sorted(TYPES)))
        written = draw(st.sampled_from([f'"{name}"', name]))
        words = [draw(st.sampled_from(["zone", "ZONE"])), written, *draw(st.sampled_from([[], ["IN"], ["in"]])), "{"]
        said = [f"type {kind};", TYPES[kind].format(name)]
        words += [word for each in draw(st.permutations(said)) for word in each.split(" ")]
        return "".join(f"{word}{draw(BETWEEN)}" for word in [*words, "}", ";"])

    def zones() -> str:
        return "\n".join(map(zone, draw(UNIQUE)))

    key = 'key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n'
    included = zones()
    if draw(st.booleans()):
        views = [f'view "v{n}" {{ {zones()} }};\n' for n in range(draw(st.integers(1, 3)))]
        return f'{key}{"".join(views)}view "last" {{ include "more.inc"; }};', included
    return f'{key}include "more.inc";', included


@few
@given(named_conf())
def test_named_conf_as_named_checkconf_reads_it(tmp_path: Path, written: tuple[str, str]) -> None:
    text, included = written
    (tmp_path / "more.inc").write_text(included)
    (tmp_path / "named.conf").write_text(text.replace("more.inc", str(tmp_path / "more.inc")))
    found = by_named(tmp_path / "named.conf")
    assert ours(tmp_path / "named.conf", "named.conf") == found
    checkconf = program("named-checkconf", package="bind9-utils")
    for options in ("-p", "-px"):
        (tmp_path / "printed").write_text(run(checkconf, options, tmp_path / "named.conf"))
        assert ours(tmp_path / "printed", "named.conf") == found


@st.composite
def knot_conf(draw: st.DrawFn) -> tuple[str, str]:
    names = draw(UNIQUE)
    comment = st.sampled_from(["", " # zone:", "\n# - domain: c.test", "\n   #"])
    template = 'template:\n  - id: default\n    storage: /tmp\n    file: "%s # zone"\n'

    def section(names: list[str]) -> str:
        indent = " " * draw(st.integers(0, 4))
        text = f"zone{draw(st.sampled_from(['', ' ']))}:{draw(comment)}\n"
        for name in names:
            value = draw(st.sampled_from([f'"{name}"', name]))
            text += f"{indent}- domain: {value}{draw(comment)}\n"
            if draw(st.booleans()):
                text += f"{indent}  semantic-checks: {draw(st.sampled_from(['on', 'off # on']))}\n\n"
        return text

    cut = draw(st.integers(0, len(names) - 1))
    order = [template, section(names[cut:]), "include: more.inc\n"]
    return "".join(order), section(names[:cut])


@few
@given(knot_conf())
def test_knot_conf_as_knotc_reads_it(tmp_path: Path, written: tuple[str, str]) -> None:
    text, included = written
    (tmp_path / "knot.conf").write_text(text)
    (tmp_path / "more.inc").write_text(included)
    found = ours(tmp_path / "knot.conf", "knot.conf")
    subprocess.run(["rm", "-rf", tmp_path / "confdb"], check=True)
    assert by_knot(tmp_path / "knot.conf") == found


@st.composite
def nsd_conf(draw: st.DrawFn) -> tuple[str, str]:
    between = st.sampled_from([" ", "\n", "\t", " # name: c.test\n", "\n# zone:\n"])
    pattern = 'pattern:\n name: "p.test"\n zonefile: "zone: name: %s"\nkey: name: k algorithm: hmac-sha256 secret: ""\n'

    def zone(name: str) -> str:
        value = draw(st.sampled_from([f'"{name}"', name]))
        said = [("name:", value), ("include-pattern:", '"p.test"'), ("request-xfr:", "192.0.2.1", "NOKEY")]
        words = ["zone:", *(word for each in draw(st.permutations(said)) for word in each)]
        return "".join(f"{word}{draw(between)}" for word in words)

    names = draw(UNIQUE)
    cut = draw(st.integers(0, len(names) - 1))
    return (
        pattern
        + "".join(map(zone, names[cut:]))
        + draw(st.sampled_from(["include: more.inc\n", 'include: "more.inc"'])),
        "".join(map(zone, names[:cut])),
    )


@few
@given(nsd_conf())
def test_nsd_conf_as_nsd_checkconf_reads_it(tmp_path: Path, written: tuple[str, str]) -> None:
    text, included = written
    (tmp_path / "more.inc").write_text(included)
    (tmp_path / "nsd.conf").write_text(text.replace("more.inc", str(tmp_path / "more.inc")))
    assert by_nsd(tmp_path / "nsd.conf") == ours(tmp_path / "nsd.conf", "nsd.conf")


def test_views_as_named_checkconf_lists_them(tmp_path: Path) -> None:
    pointing = 'view third { zone "old.test" { in-view "the outside"; }; };\n'
    (tmp_path / "named.conf").write_text(VIEWS + pointing)
    assert by_named(tmp_path / "named.conf") == ours(tmp_path / "named.conf", "named.conf")


def test_files_of_servers_that_run_and_of_zones_that_were_added_to_them(tmp_path: Path) -> None:
    """BIND, Knot and NSD of the lab; a zone that ``nsd-control addzone`` added stands in zone.list alone."""
    with Lab() as lab:
        nobody = lab.server("knot", "nobody")
        for software in SOFTWARE:
            if software != "powerdns":
                lab.primary(software, *map(Content, ZONES), name=software).follow(nobody, NEVER, notify=False)
        lab.servers.remove(nobody)
        lab.start()
        for server in lab.servers:
            name = {"bind": "named.conf", "knot": "knot.conf", "nsd": "nsd.conf"}[server.software]
            (tmp_path / "config.toml").write_text(
                f'[[lists]]\nfile = "{server.room / name}"\nservers = ["192.0.2.1"]\n'
            )
            config = load(tmp_path / "config.toml", {})
            assert (set(config.zones), config.lists[0].format) == ({*ZONES, NEVER}, name)
        nobody.close()
