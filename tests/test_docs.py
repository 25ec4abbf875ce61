"""What the documents promise is there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


def commands_between(marker: str) -> list[str]:
    """The lines of the README between two comments of that name, but for the fences."""
    section = (ROOT / "README.md").read_text().partition(f"<!-- {marker} -->")[2].partition(f"<!-- /{marker} -->")[0]
    return [line for line in section.splitlines() if line and not line.startswith("```")]


def test_the_two_commands_stand_in_the_readme_to_the_letter() -> None:
    uv = "pip install -qU --target .uv uv && .uv/bin/uv"
    assert commands_between("demo") == [f"{uv} run --no-dev soawatch demo"]
    assert commands_between("tests") == [f"{uv} run pytest"]


def test_the_demo_command_installs_what_running_needs_and_the_test_command_the_rest() -> None:
    """``uv run`` adds the default groups to the dependencies, ``--no-dev`` leaves out the group "dev"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["dependency-groups"] == {"dev": ["soawatch[test]"]}
    assert project["tool"]["uv"]["default-groups"] == ["dev"]
    tools = {Requirement(line).name for line in project["project"]["optional-dependencies"]["test"]}
    assert {"mypy", "playwright", "pytest", "ruff"} <= tools
    for_running = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert tools.isdisjoint(for_running)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    reading = re.search(
        r"^command=\$\((sed .+) README\.md \| tail -n 1\)$", (ROOT / ".ci/run").read_text(), re.MULTILINE
    )
    assert reading
    found = subprocess.run(f"{reading[1]} README.md", shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == commands_between("tests")


def test_the_changelog_is_kept() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    kinds = set(re.findall(r"^### (.+)$", changelog, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("page", [*PAGES, "config.example.toml", "CHANGELOG.md"])
def test_no_document_speaks_of_the_machine_it_was_written_on(page: str) -> None:
    text = (ROOT / page).read_text()
    assert not re.search(r"/(?:root|tmp/prep|work)/|pypi\.org/simple", text)
