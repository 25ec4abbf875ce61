"""min_good and quorum: of all zones, of one, of a list, of a catalog and of its groups. What is refused is in bad/."""

from pathlib import Path

from monitor.config.load import parse
from monitor.config.model import Config, ZoneEntry

SERVERS = """
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
addresses = ["192.0.2.2"]
[servers.ns3]
addresses = ["192.0.2.3"]
hidden = true
"""


def configuration(text: str, path: Path = Path("soawatch.toml")) -> Config:
    return parse(SERVERS + text, path, {})


def needs(entry: ZoneEntry) -> tuple[int, int]:
    zone = entry.zone(())
    return zone.min_good, zone.quorum


def test_what_is_said_of_all_zones_holds_for_those_that_say_nothing() -> None:
    config = configuration(
        """
        [alerting]
        min_good = 2
        quorum = 3
        [[zones]]
        name = "usual.example"
        [[zones]]
        name = "one.example"
        servers = ["ns1"]
        [[zones]]
        name = "own.example"
        servers = ["ns1", "ns2", "ns3"]
        min_good = 1
        quorum = 2
        """
    )
    assert [needs(entry) for entry in config.zones.values()] == [(2, 3), (1, 2), (2, 3)]


def test_where_nothing_is_said_one_server_must_answer_and_severity_is_that_of_the_codes() -> None:
    config = configuration('[[zones]]\nname = "a.example"')
    assert [needs(entry) for entry in config.zones.values()] == [(1, 0)]


def test_a_list_its_rows_and_a_group_of_a_catalog_have_their_own(tmp_path: Path) -> None:
    (tmp_path / "zones.csv").write_text("name,min_good,quorum\na.example,,\nb.example,2,2\n")
    config = configuration(
        """
        [alerting]
        quorum = 4
        [[lists]]
        file = "zones.csv"
        min_good = 3
        [[catalogs]]
        zone = "catalog.example"
        from = "ns1"
        min_good = 2
        [catalogs.groups.gold]
        quorum = 5
        """,
        tmp_path / "soawatch.toml",
    )
    assert {name: needs(entry) for name, entry in config.zones.items()} == {"a.example.": (3, 4), "b.example.": (2, 2)}
    (catalog,) = config.catalogs
    assert (needs(catalog.entry), needs(catalog.groups[0][1])) == ((2, 4), (2, 5))
