"""The house keeps its rules: style, types, layers, the size of a file, pinned dependencies."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
ROOMS = ("checks", "alerting", "monitor")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["lint-imports", "--no-cache"],
        ["mypy"],
    ],
    ids=["ruff", "format", "import-linter", "mypy"],
)
def test_gate(command: list[str]) -> None:
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run([str(program), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_outgrows_one_reading() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if (lines := path.read_text().count("\n")) > 350
    }
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    mute = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if not path.read_text().startswith('"""')
    ]
    assert not mute


def test_the_lock_pins_every_dependency_by_hash_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|file://|--index|--find-links", lock)
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock, flags=re.MULTILINE))
    assert lock.count("--hash=sha256:") > len(pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(line)
        assert wanted.name.lower() in pins, f"{wanted.name} is not in requirements.lock"
        assert wanted.specifier.contains(pins[wanted.name.lower()]), line


def test_nobody_is_named_by_the_words_we_do_not_use() -> None:
    forbidden = re.compile(r"^\s*(?:class|def)\s+\w*(?:Manager|Helper|Util|Master|Slave)\w*", re.MULTILINE)
    found = {
        str(path.relative_to(ROOT)): forbidden.findall(path.read_text())
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if forbidden.search(path.read_text())
    }
    assert not found
