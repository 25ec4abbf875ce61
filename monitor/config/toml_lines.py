"""Finds the line of the file on which a key stands."""

import re
from collections.abc import Iterator, Mapping

from monitor.config.errors import KeyPath

_TOKENS = re.compile(
    r"""
      (?P<string>  \"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<line>    \n )
    | (?P<mark>    [\[\]{},=.] )
    | (?P<bare>    [^\s\[\]{},=.\#"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}

Token = tuple[str, int]


class Lines(Mapping[KeyPath, int]):
    """The lines of a document, which is not gone through again before somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[KeyPath, int] | None = None

    def _lines(self) -> dict[KeyPath, int]:
        if self._found is None:
            self._found = lines(self._text)
        return self._found

    def __getitem__(self, path: KeyPath) -> int:
        return self._lines()[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._lines())

    def __len__(self) -> int:
        return len(self._lines())


def lines(text: str) -> dict[KeyPath, int]:
    """The line of every table, key and array element of a TOML document that is known to be valid."""
    scan = _Scan(list(tokens(text)))
    scan.document()
    return scan.found


def tokens(text: str) -> Iterator[Token]:
    """The pieces of a TOML document but for its comments, each with its line; the last is the end of a line."""
    line = 1
    for match in _TOKENS.finditer(text):
        piece = match.group()
        if match.lastgroup != "comment":
            yield piece, line
        line += piece.count("\n")
    yield "\n", line


class _Scan:
    """Walks the tokens as the grammar of TOML 1.0 has them; ``found`` fills up on the way."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self.last: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self.at < len(self.tokens):
            piece, _ = self.tokens[self.at]
            if piece == "\n":
                self.at += 1
            elif piece == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> KeyPath:
        line = self.tokens[self.at][1]
        array = self.tokens[self.at + 1][0] == "["
        self.at += 2 if array else 1
        path = self.resolved(self.key("]"))
        self.at += 2 if array else 1
        if array:
            self.last[path] = self.last.get(path, -1) + 1
            self.found.setdefault(path, line)
            path = (*path, self.last[path])
        self.found.setdefault(path, line)
        return path

    def resolved(self, key: tuple[str, ...]) -> KeyPath:
        """A header's key with the current index of every array of tables it goes through."""
        path: KeyPath = ()
        for depth, part in enumerate(key):
            path = (*path, part)
            if depth < len(key) - 1 and path in self.last:
                path = (*path, self.last[path])
        return path

    def key(self, end: str) -> tuple[str, ...]:
        """The parts of a dotted key; stands at ``end`` afterwards."""
        parts = []
        while (piece := self.tokens[self.at][0]) != end:
            if piece != ".":
                parts.append(_unquoted(piece))
            self.at += 1
        return tuple(parts)

    def pair(self, table: KeyPath) -> None:
        line = self.tokens[self.at][1]
        key = self.key("=")
        self.at += 1
        for depth in range(1, len(key) + 1):
            self.found.setdefault((*table, *key[:depth]), line)
        self.value((*table, *key))

    def value(self, path: KeyPath) -> None:
        piece = self.tokens[self.at][0]
        if piece == "[":
            self.array(path)
        elif piece == "{":
            self.inline(path)
        else:
            while self.tokens[self.at][0] not in (",", "]", "}", "\n"):
                self.at += 1

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while (token := self.tokens[self.at])[0] != "]":
            if token[0] in (",", "\n"):
                self.at += 1
                continue
            self.found[(*path, index)] = token[1]
            self.value((*path, index))
            index += 1
        self.at += 1

    def inline(self, path: KeyPath) -> None:
        self.at += 1
        while (token := self.tokens[self.at])[0] != "}":
            if token[0] in (",", "\n"):
                self.at += 1
                continue
            self.pair(path)
        self.at += 1


def _unquoted(piece: str) -> str:
    if piece.startswith("'"):
        return piece[1:-1]
    if piece.startswith('"'):
        return re.sub(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", _unescaped, piece[1:-1])
    return piece


def _unescaped(match: re.Match[str]) -> str:
    what = match.group(1)
    return chr(int(what[1:], 16)) if len(what) > 1 else _ESCAPES.get(what, what)
