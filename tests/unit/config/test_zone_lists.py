"""Zones from files beside the configuration: what they come to, and how what is wrong with them is told."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.model import Expectation, TransferRule, WantedRecord
from checks.model.finding_type import Severity
from checks.model.zone_table import difference
from monitor.config.load import ConfigError, load
from monitor.config.load_estimate import as_written
from monitor.config.model import Config
from monitor.config.zone_lists import MAX_MISTAKES
from monitor.config.zone_rows import BLOCK_SIZE, MAX_LINE_LENGTH
from monitor.state.monitoring_plan import MonitoringPlan

SERVERS = """
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
addresses = ["192.0.2.2"]
"""


def read(place: Path, toml: str, **files: str | bytes) -> Config:
    """The configuration with these lists, ``a_csv`` is called a.csv, beside it."""
    for name, text in files.items():
        path = place / name.replace("_", ".")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (place / "config.toml").write_text(SERVERS + toml, encoding="utf-8")
    return load(place / "config.toml", {})


def mistakes(place: Path, toml: str, **files: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(place, toml, **files)
    return [str(mistake).replace(f"{place}/", "") for mistake in caught.value.mistakes]


def a_list(file: str, more: str = "") -> str:
    return f'[[lists]]\nfile = "{file}"\nservers = ["ns1"]\n{more}'


def test_names_in_every_way_they_are_written(tmp_path: Path) -> None:
    words = "\ufeff# ours\r\nexample.com\r\n\r\n  Example.ORG.  # a word\r\n"
    text = f"{words}bücher.example\r\n\tx_y.example\t# tab\r\n."
    config = read(tmp_path, a_list("a.txt"), a_txt=text)
    assert list(config.zones) == [".", "example.com.", "example.org.", "x_y.example.", "xn--bcher-kva.example."]
    assert {zone.servers for zone in config.zones.values()} == {("ns1",)}
    assert [(each.path, each.format, each.zones) for each in config.lists] == [(tmp_path / "a.txt", "names", 5)]
    assert len(config.zones.templates) == 1


def test_a_column_is_an_option_and_what_is_empty_is_that_of_the_list(tmp_path: Path) -> None:
    text = (
        "Name, servers ,max_lag,records,transfer,primary\n"
        "a.example,,,,,\n\n"
        'b.example,ns2 192.0.2.7,30m,"www A; @ MX",refused,ns2\n'
        "C.example,ns2 192.0.2.7,30m,,,\n"
    )
    config = read(tmp_path, a_list("a.csv", 'max_lag = "1h"\nrecords = "@ NS"\n'), a_csv=text)
    a, b, c = config.zones.values()
    assert (a.servers, a.max_lag, a.records) == (("ns1",), timedelta(hours=1), (WantedRecord("a.example.", "NS"),))
    assert (b.servers, b.max_lag, b.primary) == (("ns2", "192.0.2.7"), timedelta(minutes=30), "ns2")
    assert b.records == (WantedRecord("www.b.example.", "A"), WantedRecord("b.example.", "MX"))
    assert b.transfers == (TransferRule("*", Expectation.REFUSED),)
    assert (c.servers, c.records, c.transfers) == (("ns2", "192.0.2.7"), (WantedRecord("c.example.", "NS"),), ())
    assert "192.0.2.7" in config.servers


def test_records_that_may_differ_between_groups_are_as_seen_from_each_zone(tmp_path: Path) -> None:
    rows = 'name,ignore_between_groups\na.example,"_ACME-challenge*; @ ns"\nb.example,\n'
    config = read(tmp_path, a_list("a.csv", 'ignore_between_groups = ["* caa", "bücher A"]\n'), a_csv=rows)
    a, b = config.zones.values()
    assert a.ignored_between_groups == ("_acme-challenge* *", "@ NS")
    assert b.ignored_between_groups == ("* CAA", "xn--bcher-kva A")


def test_json_lines_have_all_keys_of_a_zone(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a.example"},
        {"name": "b.example", "records": [{"name": "@", "type": "MX", "expect": ["10 mail"]}], "servers": "ns2"},
        {"servers": "ns2", "records": [{"name": "@", "type": "MX", "expect": ["10 mail"]}], "name": "d.example"},
        {"name": "c.example", "transfer": [{"server": "ns1", "expect": "allowed", "whole": True}]},
    ]
    config = read(tmp_path, a_list("a.ndjson"), a_ndjson="\n".join(map(json.dumps, rows)))
    a, b, c, d = config.zones.values()
    assert a.servers == ("ns1",)
    assert b.records == (WantedRecord("b.example.", "MX", ("10 mail.b.example.",)),)
    assert c.transfers == (TransferRule("ns1", Expectation.ALLOWED, whole=True),)
    assert d.without_name() == b.without_name()
    assert len(config.zones.templates) == 3


def test_a_directory_is_as_many_lists_as_it_has_files(tmp_path: Path) -> None:
    place = tmp_path / "zones.d"
    (place / "below").mkdir(parents=True)
    for name, text in (("one", "a.example"), ("two.csv", "name\nb.example"), ("three.jsonl", '{"name": "c.example"}')):
        (place / name).write_text(text)
    for aside in (".hidden", "one~", "one.bak", "#one#"):
        (place / aside).write_text("not a name at all")
    config = read(tmp_path, '[[lists]]\ndirectory = "zones.d"\n[[zones]]\nname = "d.example"\nservers = "ns1"\n')
    assert list(config.zones) == ["a.example.", "b.example.", "c.example.", "d.example."]
    assert [(each.path.name, each.format) for each in config.lists] == [
        ("one", "names"), ("three.jsonl", "jsonl"), ("two.csv", "csv"),
    ]  # fmt: skip
    assert config.zones["a.example."].servers == ()


def test_what_is_in_a_directory_and_no_file_takes_no_zone_out_of_watch_in_silence(tmp_path: Path) -> None:
    """A link to an export that was moved away; a pipe. Directories in it, and what editors leave, are nobody's list."""
    where = tmp_path / "zones.d"
    (where / "more").mkdir(parents=True)
    (where / "a").write_text("a.example\n")
    (where / "b").symlink_to("../b.txt")
    (where / "c~").symlink_to("nowhere")
    os.mkfifo(where / "p")
    told = mistakes(tmp_path, '[[lists]]\ndirectory = "zones.d"\nservers = ["ns1", "ns2"]\n')
    assert [each.partition(": ")[2] for each in told] == [
        'lists[0].directory: "b", which leads to "../b.txt", cannot be read: no such file',
        'lists[0].directory: "p" cannot be read: a pipe, not a file',
    ]


def test_a_list_may_be_of_another_format_than_its_suffix_says(tmp_path: Path) -> None:
    config = read(tmp_path, a_list("a.txt", 'format = "csv"\n'), a_txt="name\na.example\n")
    assert (list(config.zones), config.lists[0].format) == (["a.example."], "csv")


SEVERAL = (
    "(one name in each line, or what named-checkconf -l, knotc zone-status, nsd-control zonestatus print; "
    "other keys need CSV or JSON lines)"
)
ROWS = [
    ("a.txt", "a.example\na..b\n", '2: "a..b": not a domain name: a DNS label is empty'),
    (
        "a.txt", "a.example ns1\n",
        f'1: "a.example ns1": not a domain name: holds a space or a control character {SEVERAL}',
    ),
    (
        "a.txt", "# ours\nb.example\n" + "a.example ns1\n" * 50,
        ('3: "a.example ns1": not a domain name: holds a space or a control character; 49 more lines are alike '
         f"{SEVERAL}"),
    ),
    ("a.txt", "[a.example.] role: master\n[b.example.]\n", '2: "[b.example.]": not a line of knotc zone-status'),
    (
        "a.txt", "a.example. IN _default primary\nerror: broken\nerror: pipe\n",
        '2: "error: broken": not a line of named-checkconf -l; 1 more line is alike',
    ),
    ("a.txt", "a.example;ns1\n", ('1: "a.example;ns1": not a domain name, but like a row of a table '
     '(name the columns in its first line and write format = "csv")')),
    (
        "a.txt", "name,servers\na.example,ns1\nb.example,\n",
        ('1: "name,servers": not a domain name, but like a row of a table; 2 more lines are alike '
         '(name the columns in its first line and write format = "csv")'),
    ),
    ("a.txt", "zone:\ta..b\n", '1: "a..b": not a domain name: a DNS label is empty'),
    ("a.txt", ". IN _default hint\n", " names no zone (was it cut short? take it away if it is meant to be empty)"),
    ("a.txt", "192.0.2.0/24\n", ('1: "192.0.2.0/24": an address, not a domain name '
     '(the reverse zone is called 2.0.192.in-addr.arpa.)')),
    ("a.txt", b"a.example\n\xff.example\n", "2: not UTF-8"),
    ("a.txt", "# nothing\n", " names no zone (was it cut short? take it away if it is meant to be empty)"),
    ("a.txt", "", " names no zone (was it cut short? take it away if it is meant to be empty)"),
    ("a.txt", "a" * (BLOCK_SIZE + MAX_LINE_LENGTH), "1: longer than 64 kB"),
    ("a.txt", "a.example\nb.example\nA.example.\n", "3: zone a.example. is there twice (first on line 1 of a.txt)"),
    ("a.txt", "a.example\nconfig.example\n", "2: zone config.example. is there twice (first on line 7 of config.toml)"),
    ("a.csv", "nane\n", '1: unknown column "nane" (did you mean "name"?)'),
    ("a.csv", "servers\nns1\n", "1: no column is called name (the first line names the columns: name,servers,…)"),
    ("a.csv", "name,name\n", '1: column "name" is there twice'),
    ("a.csv", "name,servers\na.example\n", "2: has 1 cells, the first line has 2"),
    ("a.csv", 'name\n"a.example" x\n', "2: not CSV: ',' expected after '\"'"),
    ("a.csv", "name,servers\na.example,ns1\nb.example,ns1 ns3\nc.example,ns1 ns3\n",
     '3: servers[1]: no server is called "ns3" (did you mean "ns2"?)'),
    ("a.csv", "name,max_lag\na.example,5 minutes\n", '2: max_lag: not a duration: "5 minutes" (did you mean "5m"?)'),
    ("a.csv", "name,records\na.example,www A; www\n",
     '2: records[1]: "www" is not a name and a type (write for example "www A" or "@ MX")'),
    ("a.csv", "name,primary\na.example,ns2\n", ('2: primary: "ns2" is not among the servers of the zone '
     "(add it to servers (ns1): a hidden primary is listed as well)")),
    ("a.csv", "name,transfer\na.example,ns1\n", '2: transfer: "ns1" is neither a table nor "allowed" nor "refused"'),
    ("a.jsonl", '{"name": "a.example"}\n{"name": \n', "2: not JSON: expecting value"),
    ("a.jsonl", "[" * 100_000 + "\n", "1: not JSON: nested too deeply, or a number too long"),
    ("a.jsonl", "7" * 5000, "1: not JSON: nested too deeply, or a number too long"),
    ("a.jsonl", '["a.example"]\n', '1: must be a JSON object (write {"name": "example.com"})'),
    ("a.jsonl", '{"servers": ["ns1"]}\n', "1: name: missing"),
    ("a.jsonl", '{"name": 7}\n', "1: name: must be text in quotes"),
    ("a.jsonl", '{"name": "a.example", "domain": "b"}\n', '1: domain: unknown key (here that is "name")'),
    ("a.jsonl", '{"name": "a.example", "servers": [1]}\n', "1: servers[0]: must be text in quotes"),
    ("a.jsonl", '{"name": "a.example", "records": [{"name": "@"}]}\n', "1: records[0].type: missing"),
    ("a.jsonl", '{"name": "a.example", "records": [{"name": "@", "type": "MX", "expect": ["mail"]}]}\n',
     '1: records[0].expect[0]: "mail" is not a value of MX records: expecting an integer'),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "said"), ROWS, ids=range(len(ROWS)))
def test_a_mistake_is_told_with_its_file_and_line(tmp_path: Path, file: str, text: str | bytes, said: str) -> None:
    toml = f'[[zones]]\nname = "config.example"\nservers = ["ns1", "ns2"]\n{a_list(file)}'.replace(
        "[[zones]]", "\n[[zones]]"
    )
    assert mistakes(tmp_path, toml, **{file.replace(".", "_"): text}) == [f"{file}:{said}"]


SECTIONS = [
    ('[[lists]]\nfile = "none.txt"\n', '7: lists[0].file: "none.txt" cannot be read: no such file'),
    ('[[lists]]\nfile = "d"\n', '7: lists[0].file: "d" is a directory (write directory = "…")'),
    ('[[lists]]\ndirectory = "a.txt"\n', '7: lists[0].directory: "a.txt" cannot be read: Not a directory'),
    ('[[lists]]\ndirectory = "d"\n', '7: lists[0].directory: there is no file in "d"'),
    ("[[lists]]\n", '6: lists[0]: names neither a file nor a directory nor a url (file = "zones.txt")'),
    (
        '[[lists]]\nfile = "a.txt"\ndirectory = "d"\n',
        "8: lists[0].directory: given together with file (one of them is enough)",
    ),
    ('[[lists]]\nfile = "a.txt"\nname = "a"\n', "8: lists[0].name: unknown key"),
    ('[[lists]]\nfile = "a.txt"\nformat = "cvs"\n', ('8: lists[0].format: must be "names", '
     '"csv", "jsonl", "bind", "knot", "nsd", "named.conf", "knot.conf", "nsd.conf" or "zone.list" '
     '(did you mean "csv"?)')),
    ('[[lists]]\nfile = "a.txt"\nservers = "ns3"\n', ('8: lists[0].servers: no server is called "ns3" '
     '(did you mean "ns2"?)')),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "said"), SECTIONS, ids=range(len(SECTIONS)))
def test_a_mistake_in_the_section_is_told_with_its_line(tmp_path: Path, toml: str, said: str) -> None:
    (tmp_path / "d").mkdir()
    assert mistakes(tmp_path, toml, a_txt="a.example\n") == [f"config.toml:{said}"]


def test_what_is_wrong_in_several_places_is_told_at_once_and_not_without_end(tmp_path: Path) -> None:
    two = a_list("a.txt") + a_list("b.csv", 'max_lag = "5"\n')
    told = mistakes(tmp_path, two, a_txt="a..b\n" * 1000, b_csv="name,servers\nx..y,\n")
    assert told[0].startswith("config.toml:12: lists[1].max_lag: not a duration")
    assert told[1 : MAX_MISTAKES + 1] == [
        f'a.txt:{line}: "a..b": not a domain name: a DNS label is empty' for line in range(1, MAX_MISTAKES + 1)
    ]
    assert told[MAX_MISTAKES + 1] == f"a.txt:{MAX_MISTAKES + 1}: and more mistakes; it was not read on"
    assert told[MAX_MISTAKES + 2 :] == ['b.csv:2: "x..y": not a domain name: a DNS label is empty']


def test_the_same_file_twice_is_told_of_and_not_without_end(tmp_path: Path) -> None:
    text = "".join(f"z{n}.example\n" for n in range(1000))
    told = mistakes(tmp_path, a_list("a.txt") * 2, a_txt=text)
    assert told[0] == "a.txt:1: zone z0.example. is there twice (first on line 1 of a.txt)"
    assert len(told) == MAX_MISTAKES + 1


RECORDS = (
    'records = ["www A", "www.b.example A", { name = "@", type = "MX", expect = ["20 mx.a.example.", "10 mail"] }]\n'
)


def test_options_that_name_a_zone_mean_another_thing_to_it(tmp_path: Path) -> None:
    """In b.example the second record is that of www; everywhere else it is a name below."""
    names = ["a.example", "b.example", "c.example", f"{'x' * 60}.{'y' * 60}.{'z' * 60}.{'w' * 40}.example"]
    listed = read(tmp_path, a_list("a.txt", RECORDS.replace('"www A", ', "")), a_txt="\n".join(names))
    written = "".join(f'[[zones]]\nname = "{name}"\nservers = ["ns1"]\n{RECORDS}' for name in names)
    assert listed.zones == read(tmp_path, written.replace('"www A", ', "")).zones
    assert listed.zones["b.example."].records[0].name == "www.b.example."
    assert mistakes(tmp_path, a_list("a.txt", RECORDS), a_txt="\n".join(names)) == [
        "config.toml:9: lists[0].records[1]: www.b.example. A is there twice"
    ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["a.example", "B.example.", "mail.test", "x.mail.test", "example.net", "."]),
        min_size=1, unique=True,
    ),
    st.lists(
        st.sampled_from(["mail.test", "mail", "mail.example.net.", "a", "a.b", "!", "~~", "mail.test."]),
        max_size=3, unique=True,
    ),
)  # fmt: skip
def test_a_list_says_what_the_same_zones_written_out_say(tmp_path: Path, names: list[str], values: list[str]) -> None:
    options = f'records = [{{ name = "@", type = "NS", expect = {json.dumps(values)} }}]\n'
    written = "".join(f'[[zones]]\nname = "{name}"\nservers = ["ns1"]\n{options}' for name in names)
    try:
        expected = read(tmp_path, written).zones
    except ConfigError:
        with pytest.raises(ConfigError):
            read(tmp_path, a_list("a.txt", options), a_txt="\n".join(names))
    else:
        assert read(tmp_path, a_list("a.txt", options), a_txt="\n".join(names)).zones == expected


def test_many_names_over_many_blocks_and_their_lines(tmp_path: Path) -> None:
    names = [f"zone-{n * 7919 % 60_000}.example" for n in range(60_000)]
    config = read(tmp_path, a_list("a.txt"), a_txt="\n".join(names))
    assert list(config.zones) == sorted(f"{name}." for name in names)
    assert mistakes(tmp_path, a_list("a.txt"), a_txt="\n".join([*names, "a b"])) == [
        (f'a.txt:60001: "a b": not a domain name: holds a space or a control character {SEVERAL}')
    ]
    assert mistakes(tmp_path, a_list("a.txt"), a_txt="\n".join([*names, names[41_000]])) == [
        f"a.txt:60001: zone {names[41_000]}. is there twice (first on line 41001 of a.txt)"
    ]


def test_read_again_only_what_was_edited_differs(tmp_path: Path) -> None:
    """Also where the options of a whole list moved to another place in the file."""
    names = [f"z{n:04}.example" for n in range(2000)]
    before = read(
        tmp_path, a_list("a.txt") + a_list("b.csv"), a_txt="\n".join(names), b_csv="name,servers\nb.example,ns2\n"
    )
    edited = [name for name in names if name != "z0007.example"] + ["new.example"]
    rows = "name,servers\nb.example,ns2\nz9999.example,ns2\n"
    after = read(tmp_path, a_list("b.csv") + a_list("a.txt"), a_txt="\n".join(reversed(edited)), b_csv=rows)
    parted = difference(before.zones, after.zones)
    assert (list(parted.removed), list(parted.added_or_changed)) == (
        ["z0007.example."],
        ["new.example.", "z9999.example."],
    )
    slower = read(tmp_path, a_list("b.csv") + a_list("a.txt", 'max_lag = "1h"\n'), a_txt="\n".join(edited), b_csv=rows)
    assert list(difference(after.zones, slower.zones).added_or_changed) == sorted(f"{name}." for name in edited)


LISTINGS = [
    (
        "bind",
        "example.test. IN _default primary\nold.test IN _ slave\n. IN _default hint\nfwd.test IN _default forward\n",
        ["example.test.", "old.test."],
    ),
    (
        "bind",  # in several views; a view may be called anything
        "example.test IN internal primary\nexample.test IN the outside secondary\nchaos.test CH _default primary\n\n",
        ["example.test."],
    ),
    ("bind", "0/25.2.0.192.in-addr.arpa IN v primary\n", ["0/25.2.0.192.in-addr.arpa."]),
    (
        "knot",
        "# by cron\n\n[example.test.] role: master | serial: 1\r\n[late.test.] role: slave | serial: - \n\n",
        ["example.test.", "late.test."],
    ),
    (
        "nsd",
        'zone:\texample.test\n\tpattern: all\n\tstate: master\nzone:\tlate.test.\n\twait: "32 sec between attempts"\n',
        ["example.test.", "late.test."],
    ),
    ("names", "example.test\nlate.test\nAll zonecount: 2\n", ["example.test.", "late.test."]),
    ("names", "late.test\nslave zonecount:1\n", ["late.test."]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "names"), LISTINGS)
def test_what_a_nameserver_prints_is_read_as_it_is(tmp_path: Path, form: str, text: str, names: list[str]) -> None:
    """The kind is every listing of zones that a nameserver's own tool makes; the real ones are in
    tests/integration/nameservers.
    """
    config = read(tmp_path, a_list("a.txt"), a_txt=text)
    assert (list(config.zones), config.lists[0].format) == (names, form)
    named = read(tmp_path, a_list("a.csv", f'format = "{form}"\n'), a_csv=text)
    assert list(named.zones) == names


def test_a_listing_in_the_wrong_format_is_one_mistake(tmp_path: Path) -> None:
    text = "example.test. IN _default primary\n" * 100
    (mistake,) = mistakes(tmp_path, a_list("a.txt", 'format = "names"\n'), a_txt=text)
    assert mistake.startswith('a.txt:1: "example.test. IN _default primary": not a domain name')
    (mistake,) = mistakes(tmp_path, a_list("a.txt", 'format = "knot"\n'), a_txt=text)
    assert mistake.endswith("not a line of knotc zone-status; 99 more lines are alike")


def test_a_listing_over_many_blocks(tmp_path: Path) -> None:
    names = [f"z{n:05}.example" for n in range(20_000)]
    text = "".join(f"[{name}.] role: master | serial: {n}\n" for n, name in enumerate(names))
    assert len(text) > 2 * BLOCK_SIZE
    assert list(read(tmp_path, a_list("a.txt"), a_txt=text).zones) == [f"{name}." for name in names]


def test_cadence_and_severity_are_those_of_the_list_or_of_the_row(tmp_path: Path) -> None:
    a_csv = "name,cadence,severity\na.example,,\nb.example,records=2h soa-fields=off,serial-late=info\n"
    row = {"name": "c.example", "cadence": {"soa-fields": "off", "records": "2h"}, "severity": {"serial-late": "info"}}
    own = 'cadence = { reachable = "off" }\nseverity = { serial-late = "critical" }\n'
    config = read(tmp_path, a_list("a.csv", own) + a_list("b.jsonl", own), a_csv=a_csv, b_jsonl=json.dumps(row))
    a, b, c = config.zones.values()
    default = ("records", timedelta(hours=1))
    assert (a.cadence, a.severity) == ((("reachable", timedelta(0)), default), (("serial-late", Severity.CRITICAL),))
    assert (b.cadence, b.severity) == (
        (("records", timedelta(hours=2)), ("soa-fields", timedelta(0))),
        (("serial-late", Severity.INFO),),
    )
    assert c.without_name() == b.without_name()
    assert len(config.zones.templates) == 2


def test_a_wrong_cadence_in_a_row_is_told_with_its_line(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path, a_list("a.csv"), a_csv="name,cadence\na.example,records\nb.example,record=1h\nc.example,records=1s\n"
    )
    assert told == [
        'a.csv:2: cadence.records: not a duration: "" (write for example "30s", "5m", "1h30m")',
        'a.csv:3: cadence.record: unknown check (did you mean "records"?)',
        'a.csv:4: cadence.records: "1s" is too often: 3 attempts of 2s take 6s',
    ]


def test_what_is_said_twice_in_a_cell_is_a_mistake(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path, a_list("a.csv"), a_csv="name,cadence,severity\na.example,records=1h records=2h,\n"
        "b.example,records=1h,serial-late=info serial-late=critical\n"
    )  # fmt: skip
    assert told == ['a.csv:2: cadence: "records" is there twice', 'a.csv:3: severity: "serial-late" is there twice']


def test_ten_thousand_zones_with_two_settings_are_two_templates(tmp_path: Path) -> None:
    rows = "".join(f"z{n}.example,{'records=2h' if n % 2 else ''}\n" for n in range(10_000))
    config = read(tmp_path, a_list("a.csv"), a_csv=f"name,cadence\n{rows}")
    assert (len(config.zones), len(config.zones.templates)) == (10_000, 2)
    zones = as_written(config)
    assert len(zones.templates) == 2
    plan = MonitoringPlan(zones, config.checks, cadence=config.cadence)
    assert {str(group) for group in plan.sweep_groups if group.check == "records"} == {
        "records every 2h", "records every 1h",
    }  # fmt: skip
