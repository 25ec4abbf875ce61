"""Every key of a TOML file is found on its line, and no file whatever ends in anything but mistakes."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.load import ConfigError, parse
from monitor.config.toml_lines import lines
from tests.support.examples import examples

DOCUMENT = r'''a = 1 # [x]
[b.c]
d.e = [1,
  2, { x = 3, "y z" = """
foo # no comment
""" }, # a comment with ] and "
]
# [[zones]]
'quoted key' = 'it''s' if false
'''.replace("'it''s' if false", '"its"')

ZONES = """[[zones]]
name = "#[x]"
[[zones]]
name = 'q' # ]
records = [ { expect = [1, 2] },
  "u" ]
[[zones.more]]
v = 1.5
[[zones.more]]
w = 1979-05-27 07:32:00
[zones.table]
"\\u0041\\t" = -inf
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b", "c"), 2),
        (("b", "c", "d"), 3),
        (("b", "c", "d", "e", 0), 3),
        (("b", "c", "d", "e", 1), 4),
        (("b", "c", "d", "e", 2, "x"), 4),
        (("b", "c", "d", "e", 2, "y z"), 4),
        (("b", "c", "quoted key"), 9),
    ],
)
def test_tables_dotted_keys_arrays_over_lines_and_inline_tables(path: tuple[str | int, ...], line: int) -> None:
    assert lines(DOCUMENT)[path] == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("zones",), 1),
        (("zones", 0, "name"), 2),
        (("zones", 1), 3),
        (("zones", 1, "records", 0, "expect", 1), 5),
        (("zones", 1, "records", 1), 6),
        (("zones", 1, "more", 0, "v"), 8),
        (("zones", 1, "more", 1), 9),
        (("zones", 1, "more", 1, "w"), 10),
        (("zones", 1, "table", "A\t"), 12),
    ],
)
def test_arrays_of_tables_and_what_is_below_their_last_element(path: tuple[str | int, ...], line: int) -> None:
    assert lines(ZONES)[path] == line
    assert lines(ZONES.replace("\n", "\r\n"))[path] == line


def paths(found: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inside = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in inside:
        yield (*at, key)
        yield from paths(value, (*at, key))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[\n  " + ",\n  ".join(map(toml, value)) + "\n]" if value else "[]"
    return json.dumps(value)


plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
leaves = st.one_of(plain, st.booleans(), st.integers(-5, 70000), st.floats(-5, 5))
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=4), max_leaves=10
)
documents = st.dictionaries(plain, values, max_size=6)


def written(document: dict[str, Any]) -> str:
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in document.items())


@given(documents)
@examples(200)
def test_every_key_of_any_document_has_a_line(document: dict[str, Any]) -> None:
    text = written(document)
    assert tomllib.loads(text) == document
    assert set(lines(text)) == set(paths(document))


WHOLE = tomllib.loads("""
[service]
listen = "127.0.0.1:0"
token_env = "TOKEN"
[cadence]
records = "5m"
[checks.soa-serial]
stuck_after = 2
[probe]
timeout = "2s"
source = ["192.0.2.9"]
transfer = { deadline = "1m" }
[resolver]
addresses = ["192.0.2.53"]
[keys.xfr]
algorithm = "hmac-sha256"
secret_env = "KEY"
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
host = "ns2.example.net"
upstream = ["ns1"]
[[zones]]
name = "example.com"
servers = ["ns1", "ns2", "192.0.2.7"]
primary = "ns1"
records = ["www A", { name = "@", type = "MX", expect = ["10 mail"] }]
transfer = [{ server = "ns1", key = "xfr", expect = "allowed" }]
[severity]
transfer-open = "critical"
[alerting]
remind = "off"
[receivers.mail]
type = "email"
to = ["dns@example.com"]
smtp = { host = "mail.example.com", username = "u", password_env = "KEY" }
[[routes]]
receivers = ["mail"]
zones = ["*.example.com"]
[metrics]
max_zones = 10
""")
ENV = {"TOKEN": "sesame", "KEY": "aGVsbG8gd29ybGQ="}
PLACES = sorted(paths(WHOLE), key=str)


def changed(found: Any, at: tuple[str | int, ...], value: Any) -> Any:
    """A copy with another value at one place, or without it where the value is None; the same if it is not there."""
    if not at:
        return value
    if at[0] not in (found if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()):
        return found
    copy = found.copy()
    if len(at) == 1 and value is None:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(found[at[0]], at[1:], value)
    return copy


def test_the_whole_document_is_understood() -> None:
    assert parse(written(WHOLE), Path("config.toml"), ENV).keys["xfr"]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.none() | values), min_size=1, max_size=4))
@examples(200)
def test_any_document_is_understood_or_refused_with_sentences(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    document = WHOLE
    for at, value in changes:
        document = changed(document, at, value)
    try:
        config = parse(written(document), Path("config.toml"), ENV)
    except ConfigError as error:
        told = error.mistakes
    else:
        told = ()
        assert config.zones
    for mistake in told:
        assert mistake.text
        assert mistake.line or mistake.text in ("no zones", "missing")
        assert str(mistake).isprintable()


@given(st.text(max_size=200))
@examples(200)
def test_any_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, Path("config.toml"), {})
