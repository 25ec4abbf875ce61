"""What routes and silences match by: shell globs for names, and codes."""

import unicodedata

from alerting.finding_types import FINDING_TYPES
from monitor.config.errors import InvalidValue, near, quoted
from monitor.probe.message import names

MAX_PATTERN_LENGTH = 1024

NOT_TEXT = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Categories of Unicode: control characters, halves of a character, line ends."""


def code(text: str) -> str:
    """The code of a finding type. Raises InvalidValue."""
    if text not in FINDING_TYPES:
        raise InvalidValue(f"unknown code {quoted(text)}", near(text, FINDING_TYPES))
    return text


def pattern(text: str) -> str:
    """A shell glob (``*``, ``?``, ``[abc]``, ``[!abc]``) in lower case. Raises InvalidValue."""
    if not text:
        raise InvalidValue("an empty pattern matches nothing", '"*" matches everything')
    if len(text) > MAX_PATTERN_LENGTH:
        raise InvalidValue(f"longer than {MAX_PATTERN_LENGTH} characters")
    if any(unicodedata.category(char) in NOT_TEXT for char in text):
        raise InvalidValue(f"{quoted(text)} has a control character, as no name has")
    rest = text
    while "[" in rest:
        before, _, after = rest.partition("[")
        end = after.find("]", 2 if after.startswith("!") else 1)
        if end < 0:
            raise InvalidValue(f"{quoted(text)} opens a bracket that it does not close")
        rest = after[end + 1 :]
        del before
    return text.lower()


def zone_pattern(text: str) -> str:
    """A glob for the names of zones: in A-labels, as these are; with or without final dot. Raises InvalidValue."""
    glob = pattern(text)
    if glob.isascii():
        return glob
    try:
        return ".".join(label if label.isascii() else names.parse_name(label).rstrip(".") for label in glob.split("."))
    except names.BadName as error:
        raise InvalidValue(f"{quoted(text)}: {error.reason}", error.hint) from None
