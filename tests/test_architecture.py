"""The house keeps its rules: style, types, layers, the size of a file, pinned dependencies."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


def modules() -> dict[str, Path]:
    """Dotted name → file."""
    files = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sorted(files)
    }


def imports() -> dict[str, set[str]]:
    """Module → the modules of ours that it imports, wherever in the file."""
    known, found = modules(), {}
    for name, path in known.items():
        found[name] = set[str]()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{each.name}" for each in node.names}
                found[name] |= (whole & known.keys()) or ({node.module} & known.keys())
    return found


def room_of(module: str) -> str:
    return ".".join(module.split(".")[: 2 if module.startswith("monitor.") else 1])


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    try:
        list(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        return [error.args[1]]
    return []


def test_no_module_of_the_monitor_is_without_a_room() -> None:
    loose = {name for name, path in modules().items() if path.parent == ROOT / "monitor"}
    assert loose == {"monitor", "monitor.__main__", "monitor.clock"}
    rooms = {room_of(name) for name in modules()} - {"monitor", "monitor.__main__"}
    assert len(rooms) <= 16


def test_the_layers_are_as_few_as_anybody_can_remember() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [one["layers"] for one in settings["contracts"] if one["type"] == "layers"]
    assert sum(map(len, layers)) <= 16


def test_no_import_goes_in_a_circle_between_rooms_or_inside_one() -> None:
    known = imports()
    assert circles(known) == []
    rooms: dict[str, set[str]] = {}
    for name, others in known.items():
        rooms.setdefault(room_of(name), set()).update({room_of(other) for other in others} - {room_of(name)})
    assert circles(rooms) == []


def test_a_module_says_what_it_is_and_nothing_asks_a_riddle() -> None:
    trees = {name: ast.parse(path.read_text()) for name, path in modules().items()}
    riddles = [
        (name, text)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and "?" in (text := (ast.get_docstring(node) or "").partition("\n")[0].replace("``?``", ""))
    ]
    assert riddles == []
    said = {name: ast.get_docstring(tree) or "" for name, tree in trees.items()}
    wordless = [name for name, text in said.items() if len(text.split()) < 3]
    assert wordless == []


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


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_pins_by_hash_and_names_no_address(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not re.search(r"https?://|file://|--index|--find-links", lock)
    pinned = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(pinned) == len(pins(name))
    assert all("--hash=sha256:" in each for each in pinned)


def test_what_running_needs_is_locked_and_nothing_else() -> None:
    """Whoever installs the service gets no browser driver, type checker or test runner."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = pins("requirements.lock")
    for line in project["dependencies"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[wanted.name]), line
    elsewhere = {"colorama"}  # needed by click on Windows only
    assert set(locked) - elsewhere == needed(project["dependencies"])


def test_the_lock_of_the_tests_has_what_running_needs_in_the_same_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = pins("requirements-test.lock")
    assert pins("requirements.lock").items() <= locked.items()
    for line in project["optional-dependencies"]["test"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[wanted.name]), line


def pins(name: str) -> dict[str, str]:
    """Package → version."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / name).read_text(), flags=re.MULTILINE))


def needed(requirements: list[str]) -> set[str]:
    """The names of packages that these need on this machine, as the packages that are installed say themselves."""
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    open_ends = [Requirement(line) for line in requirements]
    while open_ends:
        one = open_ends.pop()
        name = canonicalize_name(one.name)
        found.add(name)
        for extra in {"", *one.extras} - {extra for other, extra in asked if other == name}:
            asked.add((name, extra))
            inner = map(Requirement, distribution(name).requires or ())
            open_ends += [each for each in inner if each.marker is None or each.marker.evaluate({"extra": extra})]
    return found


def test_nobody_is_named_by_the_words_we_do_not_use() -> None:
    forbidden = re.compile(r"^\s*(?:class|def)\s+\w*(?:Manager|Helper|Util|Master|Slave)\w*", re.MULTILINE)
    found = {
        str(path.relative_to(ROOT)): forbidden.findall(path.read_text())
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if forbidden.search(path.read_text())
    }
    assert not found


def test_no_type_of_a_layer_has_the_name_of_another_there() -> None:
    """Notifiers are each the ``Notifier`` of their module, by which they are found."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, path in modules().items():
        for node in ast.parse(path.read_text()).body:
            named = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                named = [each.id for each in node.targets if isinstance(each, ast.Name)]
            for each in named:
                if re.match("[A-Z]+[a-z]", each):
                    found.setdefault((name.partition(".")[0], each), []).append(name)
    twice = {key: places for key, places in found.items() if len(places) > 1 and key != ("alerting", "Notifier")}
    assert not twice


CALLED_BY_LIBRARIES = {
    "capture_signals", "datagram_received", "error_received", "format_commands", "get_command", "get_next_fire_time",
    "list_commands", "pause_writing", "resume_writing",
}  # fmt: skip
"""What asyncio, click, APScheduler and uvicorn call."""


def test_nothing_is_in_the_product_for_tests_alone() -> None:
    """Each function, method and class is used, is a protocol, or a step of the schema: what only tests need is in
    ``tests/support/``.
    """
    defined: dict[str, str] = {}
    used = CALLED_BY_LIBRARIES.copy()
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                protocol = isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
                step = any(ast.unparse(each).startswith("STEPS(") for each in node.decorator_list)
                if not (protocol or step or node.name.startswith("__")):
                    defined[node.name] = name
            elif isinstance(node, ast.Name | ast.Attribute):
                used.add(node.id if isinstance(node, ast.Name) else node.attr)
    templates = " ".join(path.read_text() for room in ROOMS for path in (ROOT / room).rglob("templates/*"))
    used |= set(re.findall(r"\w+", templates))
    assert {name: place for name, place in defined.items() if name not in used} == {}
