"""The runbook: what each finding means, where it comes from, and what mends it. One Markdown file for each, read once.

A file has the meaning, then the sections *Causes* (a numbered list, in order of likelihood), *What to do* (what to do
first on any software, then commands for each software, or a link to a file in ``fixes/`` that several share) and
*To see it* (lines of dig).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter

from alerting.finding_types import FINDING_TYPES

SOFTWARE = ("BIND", "Knot DNS", "NSD", "PowerDNS")

PLACEHOLDERS = frozenset({"zone", "address", "port", "key", "record"})
"""What lines of dig may hold; ``key`` is an option or nothing, ``record`` an owner and a type."""

_FILES = files(__name__)
_SECTIONS = re.compile(
    r"# (?P<code>.+?)\n(?P<meaning>.+?)\n## Causes\n(?P<causes>.+?)\n## What to do\n(?P<advice>.+?)"
    r"(?:\nCommands: \[.+?\]\((?P<shared>.+?)\)|(?P<fixes>\n### .+?))\n\n## To see it\n\n```sh\n(?P<dig>.+?)\n```\n",
    re.DOTALL,
)
_FIX = re.compile(r"^##+ ([^\n]+)\n\n```sh\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_CAUSE = re.compile(r"^\d+\. ", re.MULTILINE)


class RunbookError(ValueError):
    """A file of the runbook is not as described above."""


@dataclass(frozen=True, slots=True)
class RunbookEntry:
    """A finding explained."""

    code: str
    meaning: str
    causes: tuple[str, ...]
    advice: str
    commands: Mapping[str, str]
    """Software → what to type or to write into its configuration; lines that start with # explain. ``{zone}`` is the
    zone without its final dot, 192.0.2.1 stands for the primary, 192.0.2.2 for the secondary, ``xfr`` for a TSIG key.
    """
    dig: tuple[str, ...]
    """Lines that show the finding, with PLACEHOLDERS."""

    def fixes(self, zone: str) -> tuple[tuple[str, str], ...]:
        """Software and text, in the order of SOFTWARE."""
        return tuple((name, self.commands[name].replace("{zone}", zone)) for name in SOFTWARE)


@cache
def explain(code: str) -> RunbookEntry:
    """The entry of a code; KeyError if there is no such code, RunbookError if its file cannot be read as one."""
    if code not in FINDING_TYPES:
        raise KeyError(code)
    return parse(code, _read(f"{code}.md"))


def parse(code: str, text: str) -> RunbookEntry:
    """An entry from the text of its file. Raises RunbookError."""
    found = _SECTIONS.fullmatch(text)
    if found is None or found["code"] != code:
        raise RunbookError(f"{code}.md lacks a section, or they are not in order")
    dig = tuple(found["dig"].split("\n"))
    unknown = {name for line in dig for _, name, _, _ in Formatter().parse(line) if name} - PLACEHOLDERS
    if unknown:
        raise RunbookError(f"{code}.md has unknown placeholders in the lines of dig: {', '.join(sorted(unknown))}")
    causes = tuple(_joined(cause) for cause in _CAUSE.split(found["causes"])[1:])
    commands = _commands(_read(found["shared"]) if found["shared"] else found["fixes"])
    if commands.keys() != set(SOFTWARE):
        raise RunbookError(f"{code}.md has commands for {', '.join(commands)}; needed are {', '.join(SOFTWARE)}")
    return RunbookEntry(code, _joined(found["meaning"]), causes, _joined(found["advice"]), commands, dig)


def _read(name: str) -> str:
    return _FILES.joinpath(name).read_text(encoding="utf-8")


def _joined(text: str) -> str:
    return " ".join(text.split())


def _commands(text: str) -> Mapping[str, str]:
    """Software → text; a heading may name several."""
    return {name: fix for names, fix in _FIX.findall(text) for name in names.split(", ")}
