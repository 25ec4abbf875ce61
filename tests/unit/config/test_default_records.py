"""A zone that says nothing of records has the default list, seldom; one that says something has what it says."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from checks.base import cadence_of
from checks.model import Zone
from checks.records import Records, compared_records
from monitor.cli.check_config import tables, understood
from monitor.config.load import parse
from monitor.config.load_estimate import as_written, demands
from monitor.config.model import Config

HERE = Path("/etc/soawatch/config.toml")
ZONE = '[[zones]]\nname = "a.example"\nservers = ["192.0.2.1", "192.0.2.2"]\n'
LIST = [
    *(f"a.example. {one}" for one in ("A", "AAAA", "MX", "TXT", "CAA")),
    "www.a.example. A", "www.a.example. AAAA",
]  # fmt: skip


def watched(text: str) -> tuple[Config, Zone]:
    config = parse(text, HERE, {})
    return config, as_written(config)["a.example."]


@pytest.mark.parametrize(
    ("text", "compared"), [("", LIST), ("records = []\n", []), ('records = ["mail A"]\n', ["mail.a.example. A"])]
)
def test_what_is_compared(text: str, compared: list[str]) -> None:
    config, zone = watched(ZONE + text)
    assert [str(record) for record in compared_records(zone)] == compared
    assert Records().applies(zone) is bool(compared)
    (said,) = understood(config)["zones"]
    assert [f"{record['name']} {record['type']}" for record in said["records"]] == compared
    assert said["default_records"] is (text == "")
    assert all(record.ttl is (text != "") for record in compared_records(zone))


@pytest.mark.parametrize(
    ("usual", "own", "every"),
    [
        ("", "", timedelta(hours=1)),
        ('[cadence]\nrecords = "1m"\n', "", timedelta(hours=1)),
        ('[cadence]\nrecords = "6h"\n', "", timedelta(hours=6)),
        ('[cadence]\nrecords = "off"\n', "", timedelta(0)),
        ("", 'cadence = { records = "1m" }\n', timedelta(minutes=1)),
        ("", 'cadence = { records = "off" }\n', timedelta(0)),
        ("", 'records = ["www A"]\n', timedelta(minutes=5)),
    ],
)
def test_how_often(usual: str, own: str, every: timedelta) -> None:
    config, zone = watched(usual + ZONE + own)
    assert cadence_of(Records, zone.cadence, config.cadence) == every


def test_it_is_counted_and_shown_without_a_row_of_its_own() -> None:
    config, _ = watched(ZONE)
    shares = demands(config).shares
    assert {share for (_, check, _), share in shares.items() if check == "records"} == {7 / 3600}
    found = {table.title: table for table in tables(understood(config), None)}
    assert found["Zones"].rows[0][-1] == "the default list"
    assert "Cadences of zones" not in found


def test_a_row_of_a_list_has_it_too(tmp_path: Path) -> None:
    rows = [{"name": "a.example"}, {"name": "b.example", "records": []}, {"name": "c.example", "records": ["@ A"]}]
    (tmp_path / "z.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse('[[lists]]\nfile = "z.jsonl"\nservers = ["192.0.2.1"]\n', tmp_path / "c.toml", {})
    found = {name: len(compared_records(zone)) for name, zone in as_written(config).items()}
    assert found == {"a.example.": 7, "b.example.": 0, "c.example.": 1}
