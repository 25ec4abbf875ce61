"""Zones of BIND's ``named.conf``: views, templates, includes, comments and strings as named reads them.

Also of what ``named-checkconf -p`` prints, and of the ``.nzf`` files in which named keeps what ``rndc addzone`` added.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from monitor.config.errors import near, quoted
from monitor.config.server_files.named_tokens import END, MARKS, NamedTokens
from monitor.config.server_files.sources import FileMistake, Sources, WrittenZone

SERVED_TYPES = frozenset({"primary", "master", "secondary", "slave"})
"""Types of zones that named has data of its own for, and answers with authority."""

OTHER_TYPES = frozenset({"mirror", "hint", "stub", "static-stub", "forward", "redirect", "delegation-only"})

_CLASSES = frozenset({"in", "ch", "chaos", "hs", "hesiod"})
_NAMED_BLOCKS = frozenset({"zone", "view", "template"})
_BEGINS = frozenset({"zone", "view", "options", "include", "key", "acl"})
"""What begins a statement: after the block of another one it says that a semicolon is missing there."""

_STATEMENTS = frozenset(
    {"acl", "controls", "dlz", "dnssec-policy", "dyndb", "http", "include", "key", "key-store", "keys", "logging"}
    | {"lwres", "managed-keys", "masters", "options", "parental-agents", "plugin", "primaries", "remote-servers"}
    | {"secondaries", "server", "statistics-channels", "template", "tls", "trust-anchors", "trusted-keys", "view"}
    | {"zone"}
)
"""All that stand outside of blocks, in BIND 9.11 to 9.21."""

_INSIDE = {
    "": frozenset({"zone", "view", "options", "template"}),
    "view": frozenset({"zone"}),
    "options": frozenset[str](),
    "zone": frozenset[str](),
    "template": frozenset[str](),
}
"""Which blocks are looked into, by the block around them."""


@dataclass(slots=True)
class _Block:
    """A block that is open, and what was said in it so far. ``kind`` is "" for that around all others."""

    kind: str
    name: str
    rclass: str
    path: Path
    line: int
    type: str = ""
    template: str = ""
    elsewhere: bool = False
    """It only points at a zone in another view."""


def named_zones(path: Path, sources: Sources) -> Iterator[WrittenZone]:
    """The zones of class IN that named answers for with authority. Raises FileMistake and OSError."""
    return _Reader(NamedTokens(sources, path), path).zones()


class _Reader:
    """Takes one configuration apart, statement by statement."""

    def __init__(self, tokens: NamedTokens, path: Path) -> None:
        self._tokens = tokens
        self._directory = path.absolute().parent
        self._blocks = [_Block("", "", "in", path, 1)]
        self._templates: dict[str, str] = {}
        self._of_template: list[_Block] = []

    def zones(self) -> Iterator[WrittenZone]:
        while True:
            read = self._tokens.read()
            if read == END:
                break
            if read == "}":
                if (zone := self._close()) is not None:
                    yield zone
            elif read in MARKS or self._tokens.quoted:
                raise self._mistake("no statement begins like this", "is a semicolon or a brace too many, or missing?")
            else:
                self._statement(read.lower())
        if len(self._blocks) > 1:
            raise self._unclosed(self._blocks[-1])
        for block in self._of_template:
            if block.template not in self._templates:
                hint = near(block.template, self._templates)
                raise FileMistake(block.path, block.line, f"there is no template {quoted(block.template)}", hint)
            block.type = self._templates[block.template]
            if (zone := self._served(block)) is not None:
                yield zone

    def _statement(self, keyword: str) -> None:
        block = self._blocks[-1]
        if keyword in _INSIDE[block.kind]:
            self._open(keyword)
            return
        self._refuse_misspelt(keyword, block.kind)
        words, opened = self._words()
        if opened and keyword != "include":
            self._pass_over()
        elif keyword == "include":
            if opened or len(words) != 1:
                raise self._mistake("include needs the name of one file", 'write include "FILE";')
            self._tokens.include(words[0], self._directory)
        elif len(words) == 1:
            self._say(block, keyword, words[0])

    def _refuse_misspelt(self, keyword: str, kind: str) -> None:
        """A zone must not be lost with the letter that its statement lacks. Options of views are too many to know."""
        known = {"": _STATEMENTS, "view": frozenset({"zone", "include"})}.get(kind)
        if known is None or keyword in known:
            return
        if kind == "" or get_close_matches(keyword, known, n=1, cutoff=0.75):
            hint = near(keyword, known) or "if named knows it, give what named-checkconf -l prints"
            raise self._mistake("not a statement of named.conf", hint)

    def _say(self, block: _Block, keyword: str, word: str) -> None:
        """What one of the statements that matter says of the block it is in."""
        if block.kind == "options" and keyword == "directory":
            # named changes to it where it reads this, so files that are included later are looked for there.
            self._directory /= word
        elif block.kind in ("zone", "template") and keyword == "type":
            block.type = word.lower()
            if block.type not in SERVED_TYPES and block.type not in OTHER_TYPES:
                hint = near(word, SERVED_TYPES | OTHER_TYPES)
                raise self._mistake(f"there is no type of zones {quoted(word)}", hint)
        elif block.kind == "zone" and keyword == "template":
            block.template = word
        elif block.kind == "zone" and keyword == "in-view":
            block.elsewhere = True

    def _open(self, kind: str) -> None:
        path, line = self._tokens.place()
        words, opened = self._words()
        if not opened:
            raise self._mistake(f"{kind} is not followed by a block", "is a brace missing?")
        rclass = self._blocks[-1].rclass
        if kind in _NAMED_BLOCKS and not words:
            raise self._mistake(f"the {kind} has no name")
        if kind in ("zone", "view") and len(words) == 2 and words[1].lower() in _CLASSES:
            rclass = words.pop().lower()
        if len(words) != (kind in _NAMED_BLOCKS):
            raise self._mistake(f"too many words between {kind} and its block", "is a semicolon missing?")
        self._blocks.append(_Block(kind, words[0] if words else "", rclass, path, line))

    def _close(self) -> WrittenZone | None:
        """The end of a block; the zone where it is that of one."""
        if len(self._blocks) == 1:
            raise self._mistake("this brace closes nothing", "is one too many, or a semicolon too few?")
        block = self._blocks.pop()
        if self._tokens.read() != ";" or self._tokens.quoted:
            raise self._mistake("the brace before this has no semicolon behind it", "write };")
        if block.kind == "template":
            self._templates[block.name] = block.type
        if block.kind != "zone" or block.elsewhere:
            return None
        if not block.type and block.template:
            self._of_template.append(block)
            return None
        return self._served(block)

    def _served(self, block: _Block) -> WrittenZone | None:
        if not block.type:
            hint = "write type primary; or type secondary;"
            raise FileMistake(block.path, block.line, f"zone {quoted(block.name)} has no type", hint)
        if block.rclass != "in" or block.type not in SERVED_TYPES:
            return None
        return WrittenZone(block.name, block.path, block.line)

    def _words(self) -> tuple[list[str], bool]:
        """The words up to the end of the statement, or up to a block that is opened in it."""
        words: list[str] = []
        while True:
            read = self._tokens.read()
            if self._tokens.quoted or read not in MARKS:
                if not self._tokens.quoted and read.lower() in ("zone", "view"):
                    raise self._mistake(f"{read.lower()} comes inside a statement", "is a semicolon missing before it?")
                words.append(read)
            elif read == ";":
                return words, False
            elif read == "{":
                return words, True
            else:
                what = "the end of the file" if read == END else "this brace"
                raise self._mistake(f"{what} comes inside a statement", "is a semicolon missing before it?")

    def _pass_over(self) -> None:
        """Reads to the end of a statement in which a block has just been opened."""
        begun = _Block("", "", "", *self._tokens.place())
        depth = 1
        while True:
            read = self._tokens.read()
            if self._tokens.quoted or read not in MARKS:
                if depth == 0 and not self._tokens.quoted and read.lower() in _BEGINS:
                    raise self._mistake("the brace before this has no semicolon behind it", "write };")
                continue
            if read == END:
                raise self._unclosed(begun)
            depth += (read == "{") - (read == "}")
            if read == ";" and depth == 0:
                return
            if depth < 0:
                raise self._mistake("this brace closes nothing", "is one too many, or a semicolon too few?")

    def _unclosed(self, block: _Block) -> FileMistake:
        what = f"the {block.kind}" if block.kind else "the block"
        return FileMistake(block.path, block.line, f"{what} that begins here has no end", "is a brace missing?")

    def _mistake(self, text: str, hint: str = "") -> FileMistake:
        return FileMistake(*self._tokens.place(), text, hint)
