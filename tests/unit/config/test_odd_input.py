"""What nobody writes as a configuration is refused in a line or a few, short ones, before it costs time.

The kind is input whose reading costs more than its size: keys and names whose parts are handled in the square of their
number, numbers and words without end, brackets in brackets; and paths behind which there is no file that ends.
"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import pytest
from click.testing import CliRunner

from monitor.cli.check_config import command
from monitor.config.errors import MAX_TOLD
from monitor.config.load import ConfigError, load, parse
from monitor.probe.message.names import BadName, parse_name

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
HOOK = '[receivers.h]\ntype = "webhook"\nurl = "https://h.example/"\n[[routes]]\nreceivers = "h"\n'
MAIL = '[receivers.m]\ntype = "email"\nsmtp = { host = "mail.example.com" }\n'
PARTS = 50_000
DEEP = "tables or lists are nested too deeply"
WIDE = "a whole number of more than 64 bits"
QUICK = 5.0
"""Seconds of CPU; before, most of these took minutes."""
LONGEST_LINE = 500


def refused(text: str) -> list[str]:
    start = process_time()
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("c.toml"), {})
    assert process_time() - start < QUICK
    told = str(caught.value).splitlines()
    assert max(map(len, told)) < LONGEST_LINE
    return told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a." * PARTS + "b = 1\n", f"c.toml:1: {DEEP}"),
        ("\n\na . " + "a . " * PARTS + "b = 1\n", f"c.toml:3: {DEEP}"),
        ('"a".' * PARTS + "b = 1\n", f"c.toml:1: {DEEP}"),
        ("'a\\'." * PARTS + "b = 1\n", f"c.toml:1: {DEEP}"),
        ("[" + "a." * PARTS + "b]\n", f"c.toml:1: {DEEP}"),
        ("[[" + "a." * PARTS + "b]]\n", f"c.toml:1: {DEEP}"),
        ("x = { " + "a." * PARTS + "b = 1 }\n", f"c.toml:1: {DEEP}"),
        ('x = "\\"" # \'\ny = """\n"\\""" """\n' + "a." * PARTS + "b = 1\n", f"c.toml:4: {DEEP}"),
        ("a = " + "[" * PARTS + "]" * PARTS, f"c.toml: {DEEP}"),
        ("a = " + "{a=" * PARTS + "1" + "}" * PARTS, f"c.toml: {DEEP}"),
        ("a = " + "{a=[" * 100 + "1" + "]}" * 100, f"c.toml: {DEEP}"),
        (f"{ZONE}max_lag = {'9' * 100_000}\n", f"c.toml:4: {WIDE}"),
        (f"{ZONE}max_lag = -{'9' * 100_000}\n", f"c.toml:4: {WIDE}"),
        (f"{ZONE}[probe]\nattempts = 0x{'9' * PARTS}\n", "c.toml:5: probe.attempts: must be a whole number of at most"),
        (f"{ZONE}[checks.soa-serial]\nstuck_after = {2**63}\n", "c.toml:5: checks.soa-serial.stuck_after: must be a"),
        (f"{ZONE}[probe]\nsource = ['::1', 0b{'1' * 64}]\n", "c.toml:5: probe.source[1]: must be a whole number of"),
        (f'{ZONE}max_lag = "{"9" * 100_000}s"\n', "c.toml:4: zones[0].max_lag: longer than ten years"),
        (f'{ZONE}max_lag = "{"9" * 100_000}"\n', "c.toml:4: zones[0].max_lag: not a duration"),
        (f'{ZONE}max_lag = "{"9" * 100_000} hours"\n', "c.toml:4: zones[0].max_lag: not a duration"),
        (f'{ZONE}max_lag = "{"5 " * 100_000}m"\n', "c.toml:4: zones[0].max_lag: not a duration"),
        ("a" * 300_000 + " = 1\n", "c.toml: no zones"),
        (f"{ZONE}[receivers.{'a' * 300_000}]\n", "c.toml:4: receivers.aaa"),
        (f'zones = ["{"a" * 300_000}"]\n', "c.toml:1: zones[0].name"),
        (f'zones = ["{"a." * 150_000}"]\n', "c.toml:1: zones[0].name"),
        (f'zones = ["{"ü" * 300_000}"]\n', "c.toml:1: zones[0].name"),
        (f'zones = ["{chr(92) * 300_000}"]\n', "c.toml:1: zones[0].name"),
        (f'{ZONE}primary = "{"a." * 100_000}"\n', "c.toml:4: zones[0].primary"),
        (f'{ZONE}records = ["{"a." * 100_000} A"]\n', "c.toml:4: zones[0].records[0].name"),
        (f'{ZONE}records = ["www {"A" * 100_000}"]\n', "c.toml:4: zones[0].records[0].type"),
        (
            f"{ZONE}records = [{{ name = '@', type = 'TXT', expect = '{'a' * 70_000}' }}]\n",
            "c.toml:4: zones[0].records[0]",
        ),
        (f'{ZONE}{HOOK}zones = ["{"[a]" * 100_000}"]\n', "c.toml:9: routes[0].zones[0]: longer than 1024"),
        (f'{ZONE}{HOOK}servers = ["{"[" * 100_000}"]\n', "c.toml:9: routes[0].servers[0]: longer than 1024"),
        (f'{ZONE}{MAIL}to = ["{"a" * 150_000}"]\n', "c.toml:4: receivers.m"),
        (f'{ZONE}{MAIL}to = ["{"a " * 50_000}<b"]\n', "c.toml:4: receivers.m"),
        (f'{ZONE}[severity]\ntransfer-open = "{"critical" * 20_000}"\n', "c.toml:5: severity.transfer-open"),
        ('zones = ["a\0b"]\n', "c.toml:1: not TOML: illegal character"),
    ],
    ids=range(36),
)
def test_text_that_nobody_writes_is_refused_at_once(text: str, told: str) -> None:
    assert refused(text)[0].startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        # An IPv6 reverse zone has 34 labels, and a line may hold many names.
        'zones = ["' + "0." * 28 + '8.b.d.0.1.0.0.2.ip6.arpa"] # ' + "a." * 100,
        "zones = [" + ", ".join(f'"z{n}.example"' for n in range(3000)) + "]\n",
        f'{ZONE}# "\n' + "#" + "a." * 1000 + "\n",
        ZONE + "records = [{ name = '@', type = 'TXT', expect = ['''" + "a." * 100 + "\n" + "b." * 50 + "''']}]\n",
        f"{ZONE}[metrics]\nmax_zones = {2**63 - 1}\n",
    ],
    ids=["reverse zone", "many names", "comment", "text of several lines", "widest number"],
)
def test_long_lines_that_mean_something_are_read(text: str) -> None:
    assert parse(text, Path("c.toml"), {}).zones


def test_of_very_many_mistakes_some_are_told_and_the_others_counted() -> None:
    for text in (
        "".join(f"k{n} = 1\n" for n in range(5_000)),
        f'{ZONE}[[zones]]\nname = "a.example"\nservers = [' + ", ".join(f'"x{n}"' for n in range(5_001)) + "]\n",
    ):
        told = refused(text)
        assert len(told) == MAX_TOLD + 1
        assert told[-1] in ("c.toml: and 4500 more mistakes", "c.toml: and 4501 more mistakes")


@pytest.mark.parametrize("text", ["a" * 1021, "ü" * 100_000, "." * 100_000, "a." * 100_000])
def test_a_name_is_not_taken_apart_when_it_is_too_long_for_one(text: str) -> None:
    start = process_time()
    with pytest.raises(BadName, match=r"longer than 255 octets|label is empty|too long"):
        parse_name(text)
    assert process_time() - start < 1


def test_the_longest_name_can_be_written_with_every_octet_escaped() -> None:
    labels = [63, 63, 63, 61]
    text = ".".join("\\001" * length for length in labels) + "."
    assert parse_name(text) == text


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        ("z.txt", "a." * 30_000, "1: "),
        ("z.txt", "ü" * 30_000, "1: "),
        ("z.txt", "\0" * 100_000, "1: "),
        ("z.jsonl", "[" * 30_000, "1: not JSON: nested too deeply"),
        ("z.jsonl", '{"name": "a.example", "records": ' + "[" * 900 + "]" * 900 + "}", f"1: {DEEP}"),
        ("z.jsonl", '{"name": "a.example", "x": ' + '{"a":' * 900 + "1" + "}" * 901, f"1: {DEEP}"),
        ("z.jsonl", '{"name": "a.example", "max_lag": ' + "9" * 50_000 + "}", "1: not JSON: "),
        ("z.jsonl", '{"name": "a.example", "max_lag": ' + "9" * 4000 + "}", f"1: {WIDE}"),
        ("z.jsonl", '{"name": "a.example", "' + "x" * 50_000 + '": 1}', "1: xxx"),
        ("z.jsonl", '{"name": "a.example", "servers": ["' + "a" * 50_000 + '"]}', "1: servers[0]: "),
        ("z.csv", "name,max_lag\na.example," + "9" * 50_000 + "s", "2: max_lag: longer than ten years"),
        ("z.csv", 'name\n"' + "x\n" * 100_000, "65538: not CSV: "),
        ("z.csv", ",".join(f"c{n}" for n in range(9000)), "1: has 9000 columns"),
        ("z.csv", ",".join(f"c{n}" for n in range(64)), "1: unknown column"),
    ],
    ids=range(14),
)
def test_rows_of_lists_that_nobody_writes(tmp_path: Path, name: str, row: str, told: str) -> None:
    (tmp_path / name).write_text(f"{row}\n" * 30)
    (tmp_path / "c.toml").write_text(f'[[lists]]\nfile = "{name}"\nservers = ["192.0.2.1"]\n')
    start = process_time()
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "c.toml", {})
    assert process_time() - start < QUICK
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{tmp_path / name}:{told}")
    assert len(lines) <= 21
    assert max(map(len, lines)) < LONGEST_LINE + len(str(tmp_path))


# --- what is no file ---


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def zero(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def directory(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.fixture
def sockets() -> Iterator[Callable[[Path], Path]]:
    opened: list[socket.socket] = []

    def made(path: Path) -> Path:
        opened.append(socket.socket(socket.AF_UNIX))
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket has at most 108 octets
        try:
            opened[-1].bind(path.name)
        finally:
            os.chdir(here)
        return path

    yield made
    for each in opened:
        each.close()


def test_a_configuration_that_is_no_file(tmp_path: Path, sockets: Callable[[Path], Path]) -> None:
    for name, make, kind in (
        ("p.toml", pipe, "a pipe, not a file"),
        ("z.toml", zero, "a device, not a file"),
        ("d.toml", directory, "a directory, not a file"),
        ("s.toml", sockets, "a socket, not a file"),
    ):
        path = make(tmp_path / name)
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}: cannot be read: {kind}"


def test_check_config_ends_with_78_for_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(pipe(tmp_path / "p.toml"))])
    assert result.exit_code == 78
    assert result.stderr == f"{tmp_path}/p.toml: cannot be read: a pipe, not a file\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'{ZONE}[service]\ntoken_file = "{{}}"\n', "5: service.token_file"),
        (f'{ZONE}[keys.k]\nsecret_file = "{{}}"\n', "5: keys.k.secret_file"),
        (f'{ZONE}[keys.k]\nsecret_credential = "{{}}"\n', "5: keys.k.secret_credential"),
        (f"{ZONE}{HOOK.replace('url', 'url_file', 1).replace('https://h.example/', '{}')}", "6: receivers.h.url_file"),
        (f"{ZONE}{HOOK.replace('[[', 'ca_file = {q}{}{q}{n}[[', 1)}", "7: receivers.h.ca_file"),
        (f'{ZONE}{MAIL}to = "a@example.com"\nca_file = "{{}}"\n', "8: receivers.m.ca_file"),
        (f'{ZONE}[service]\ndatabase = "{{}}"\n', "5: service.database"),
        ('[[lists]]\nfile = "{}"\n', "2: lists[0].file"),
    ],
)
@pytest.mark.parametrize(("make", "kind"), [(pipe, "a pipe"), (zero, "a device")], ids=["pipe", "device"])
def test_what_a_configuration_names_is_no_file(
    tmp_path: Path, text: str, told: str, make: Callable[[Path], Path], kind: str
) -> None:
    make(tmp_path / "odd")
    path = tmp_path / "c.toml"
    path.write_text(text.replace("{q}", '"').replace("{n}", "\n").replace("{}", "odd"))
    with pytest.raises(ConfigError) as caught:
        load(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{told}: ")
    assert f"{kind}, not a file" in line


def test_a_pipe_among_lists_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    lists = directory(tmp_path / "lists")
    pipe(lists / "odd.txt")
    (lists / "zones.txt").write_text("example.com\n")
    (tmp_path / "c.toml").write_text('[[lists]]\ndirectory = "lists"\n')
    with pytest.raises(ConfigError, match=r'"odd\.txt" cannot be read: a pipe, not a file'):
        load(tmp_path / "c.toml", {})


def test_a_database_in_a_directory_that_nobody_may_enter_or_that_is_not_there_is_for_the_service_to_tell() -> None:
    assert parse(f'{ZONE}[service]\ndatabase = "/nowhere/at/all.db"\n', Path("c.toml"), {}).warnings == ()
