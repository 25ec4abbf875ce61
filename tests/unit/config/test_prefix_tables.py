"""Tables of prefixes: what is read of each form, and what is refused with its line."""

import gzip
from pathlib import Path

import pytest

from checks.redundancy import Redundancy
from monitor.config.load import ConfigError, parse
from monitor.config.prefix_tables import MAX_PREFIXES

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
TABLE = f'{ZONE}[checks.redundancy]\nprefix_as_table = "pfx2as"\n'


def read(place: Path, content: bytes) -> Redundancy:
    (place / "pfx2as").write_bytes(content)
    check = parse(TABLE, place / "c.toml", {}).checks["redundancy"]
    assert isinstance(check, Redundancy)
    return check


def test_without_a_file_nothing_is_known() -> None:
    check = parse(ZONE, Path("/etc/soawatch/c.toml"), {}).checks["redundancy"]
    assert check == Redundancy()


def test_both_forms_are_read_for_both_families(tmp_path: Path) -> None:
    check = read(
        tmp_path,
        b"# from somewhere\n; else\n\n192.0.2.0\t24\t64496\n198.51.100.0/24 AS64497\r\n203.0.113.0 24 64498_64499\n"
        b"2001:db8::/32 {64500,64501}\n2001:db8:1::\t48\t64502,64503\n2001:db8::1/128 64504\n0.0.0.0/0 as0",
    )
    assert check.prefix_as_table == tmp_path / "pfx2as"
    origins = {
        host: set(check.table.origins(host))
        for host in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1", "10.0.0.1")
    }
    assert origins == {
        "192.0.2.1": {64496}, "198.51.100.1": {64497}, "203.0.113.1": {64498, 64499}, "2001:db8::1": {64500, 64501},
        "2001:db8:1::1": {64502, 64503}, "10.0.0.1": {0},
    }  # fmt: skip
    assert len(check.table) == 6, "what is longer than /64 is left out"


def test_another_file_is_another_check_and_the_same_is_not(tmp_path: Path) -> None:
    first = read(tmp_path, b"192.0.2.0/24 64496\n")
    assert read(tmp_path, b"192.0.2.0/24 64496\n") == first
    assert read(tmp_path, b"192.0.2.0/24 64497\n") != first


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"\n192.0.2.0/24\n", 2, '"192.0.2.0/24" is not a prefix and its AS (write for example 192.0.2.0/24 64496)'),
        (b"192.0.2.0 24 64496 x\n", 1, '"192.0.2.0 24 64496 x" is not a prefix and its AS'),
        (b"192.0.2.0/x 64496\n", 1, "is not a prefix and its AS"),
        (b"192.0.2 24 64496\n", 1, '"192.0.2" is not an address'),
        (b"2001:db8::g/32 64496\n", 1, '"2001:db8::g" is not an address'),
        (b"\xff\x1b/32 64496\n", 1, "is not an address"),
        (b"192.0.2.1/24 64496\n", 1, '"192.0.2.1" has bits that are not in its /24'),
        (b"192.0.2.0/33 64496\n", 1, '"192.0.2.0" has bits that are not in its /33'),
        (b"192.0.2.0/99999 64496\n", 1, "has bits that are not in its /9999"),
        (b"# x\n\n192.0.2.0/24 sixty\n", 3, '"sixty" is not the number of an AS, or several'),
        (b"192.0.2.0/24 4294967296\n", 1, '"4294967296" is not the number of an AS'),
        (b"192.0.2.0/24 1_4294967296\n", 1, "is not the number of an AS"),
        (b"192.0.2.0/24 \xff\xfe\n", 1, "is not the number of an AS"),
        (b"a" * 10_000, 1, "is not a prefix and its AS"),
        (b"# nothing\n", None, "has no prefix"),
        (b"", None, "has no prefix"),
        (gzip.compress(b"192.0.2.0/24 64496\n", mtime=0), None, "is packed (unpack it: gunzip)"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, content: bytes, line: int | None, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, content)
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.line) == (str(tmp_path / "pfx2as"), line)
    assert said in str(mistake)
    assert str(mistake).isprintable()


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pfx2as: cannot be read: no such file"):
        parse(TABLE, tmp_path / "c.toml", {})
    (tmp_path / "pfx2as").mkdir()
    with pytest.raises(ConfigError, match="a directory, not a file"):
        parse(TABLE, tmp_path / "c.toml", {})


def test_there_is_an_end_to_what_is_read() -> None:
    assert MAX_PREFIXES < 2**22, "40 MB at most"
