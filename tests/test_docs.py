"""What the documents promise is there."""

import re
from pathlib import Path

import pytest

from monitor.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    here = ROOT / page
    broken = [
        link
        for link in LINK.findall(here.read_text())
        if not link.startswith(("http://", "https://")) and not (here.parent / link).exists()
    ]
    assert not broken


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert not [name for name in COMMANDS if f"`soawatch {name}" not in readme]


def test_the_two_commands_stand_in_the_readme_to_the_letter() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, end in (("demo", "--no-dev soawatch demo"), ("tests", "pytest")):
        section = readme.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
        commands = [line for line in section.splitlines() if line and not line.startswith("```")]
        assert len(commands) == 1
        assert commands[0].endswith(f".uv/bin/uv run {end}")


def test_the_changelog_is_kept() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    kinds = set(re.findall(r"^### (.+)$", changelog, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("page", [*PAGES, "config.example.toml", "CHANGELOG.md"])
def test_no_document_speaks_of_the_machine_it_was_written_on(page: str) -> None:
    text = (ROOT / page).read_text()
    assert not re.search(r"/(?:root|tmp/prep|work)/|pypi\.org/simple", text)
