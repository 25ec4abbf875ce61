"""Every finding has its file in the runbook, and the document is their index."""

import importlib.util
import re
import shlex
import string
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import runbook
from alerting.finding_types import FINDING_TYPES
from alerting.runbook import SOFTWARE, RunbookError, explain, parse
from alerting.runbook.commands import dig
from checks.common.serial import newer, unordered

RUNBOOK = Path(runbook.__file__).parent
DOCS = Path(__file__).parents[3] / "docs"


def make_findings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_findings", DOCS / "make_findings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_code_is_explained_and_nothing_else() -> None:
    assert {path.stem for path in RUNBOOK.glob("*.md")} == set(FINDING_TYPES)


def test_the_document_is_what_the_catalogue_says() -> None:
    written = (DOCS / "findings.md").read_text(encoding="utf-8")
    assert written == make_findings().page(), "run: python docs/make_findings.py"


@pytest.mark.parametrize("code", FINDING_TYPES)
def test_entry_is_whole(code: str) -> None:
    entry = explain(code)
    assert entry.code == code
    assert 1 <= len(re.findall(r"[.?](?: |$)", entry.meaning)) <= 4
    assert len(entry.causes) >= 2
    assert all(text.endswith((".", ")")) for text in (entry.meaning, entry.advice, *entry.causes))
    assert entry.dig
    blocks = entry.fixes("example.org")
    assert [software for software, _ in blocks] == list(SOFTWARE)
    assert all(block.strip() and "{zone}" not in block for _, block in blocks)


@pytest.mark.parametrize("code", FINDING_TYPES)
def test_lines_that_show_it_use_only_known_words(code: str) -> None:
    known = {"zone", "address", "port", "key", "record"}
    for template in explain(code).dig:
        assert {name for _, name, _, _ in string.Formatter().parse(template) if name} <= known
        assert "{key}" not in template or any(word in template for word in (" AXFR", " IXFR"))


def test_nobody_is_told_to_type_a_secret() -> None:
    for entry in map(explain, FINDING_TYPES):
        assert not any(" -y" in line for line in entry.dig)


def test_every_shared_fix_is_used() -> None:
    linked = {name for path in RUNBOOK.glob("*.md") for name in re.findall(r"\(fixes/(.+?)\)", path.read_text())}
    assert linked == {path.name for path in (RUNBOOK / "fixes").glob("*.md")}


@pytest.mark.parametrize(
    ("was", "is_", "words"),
    [
        ("## Causes", "## Reasons", "lacks a section"),
        ("# tcp-unreachable", "# tcp", "lacks a section"),
        ("{address}", "{adress}", "unknown placeholders in the lines of dig: adress"),
        ("### NSD", "### Unbound", "needed are BIND, Knot DNS, NSD, PowerDNS"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(was: str, is_: str, words: str) -> None:
    text = (RUNBOOK / "tcp-unreachable.md").read_text(encoding="utf-8")
    assert parse("tcp-unreachable", text) == explain("tcp-unreachable")
    with pytest.raises(RunbookError, match=words):
        parse("tcp-unreachable", text.replace(was, is_))


def test_an_unknown_code_has_no_entry() -> None:
    with pytest.raises(KeyError):
        explain("no-such-code")


def test_a_line_for_one_place() -> None:
    assert dig(explain("tcp-unreachable"), "example.org.", "192.0.2.2") == (
        "dig @192.0.2.2 example.org. SOA +norecurse +tcp",
        "dig @192.0.2.2 example.org. SOA +norecurse +nsid",
    )


def test_a_line_with_a_port_a_key_and_a_record() -> None:
    assert dig(explain("transfer-refused"), "example.org.", "2001:db8::1", 5353, key="xfr.key")[0] == (
        "dig @2001:db8::1 -p 5353 example.org. AXFR -k xfr.key | head"
    )
    assert dig(explain("record-differs"), "example.org.", "192.0.2.2", record="www.example.org. AAAA") == (
        "dig @192.0.2.2 www.example.org. AAAA +norecurse +nsid",
    )


def test_a_line_for_the_zone_as_a_whole_leaves_the_server_open() -> None:
    assert dig(explain("serial-unordered"), "example.org.") == ("dig @SERVER example.org. SOA +norecurse +nsid",)


@pytest.mark.parametrize("hostile", ["$(reboot).", "a;reboot.", "a`reboot`.", "a\\'b.", "a|b.", "a\nb."])
def test_a_line_pasted_into_a_shell_is_one_command_whatever_the_name(hostile: str) -> None:
    for line in dig(explain("serial-late"), hostile, "192.0.2.2"):
        words = shlex.split(line)
        assert words[:2] == ["dig", "@192.0.2.2"]
        assert words[2] == hostile
        assert shlex.split(shlex.join(words)) == words


@pytest.mark.parametrize("hostile", ["-fpasswd.", "+trace.", "@192.0.2.66."])
def test_a_name_is_not_taken_for_an_option(hostile: str) -> None:
    (line,) = dig(explain("serial-late"), hostile, "192.0.2.2")
    assert shlex.split(line)[2:4] == ["-q", hostile]


@given(st.integers(0, 2**32 - 1))
def test_the_two_steps_across_the_circle_lead_everybody_on(primary: int) -> None:
    across = (primary + 2**31) % 2**32
    first, second = (primary + 2147483647) % 2**32, (primary + 2147483649) % 2**32
    assert unordered(primary, across)
    assert newer(first, primary)
    assert newer(second, first)
    assert newer(second, across)
    assert "P + 2147483647" in explain("serial-unordered").commands["BIND"]
    assert "P + 2147483649" in explain("serial-unordered").commands["BIND"]


@given(st.integers(0, 2**32 - 1), st.integers(2, 2**31 - 1))
def test_two_steps_lead_to_any_lower_serial(served: int, lower_by: int) -> None:
    first, wanted = (served + 2147483647) % 2**32, (served - lower_by) % 2**32
    assert newer(first, served)
    assert newer(wanted, first)
