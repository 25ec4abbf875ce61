"""Labels that zones and incidents are looked for by: ``team=web``, or ``team`` for any value."""

import re
from dataclasses import dataclass

from checks.model import Labels

MAX_SOUGHT = 16
"""Labels that one request may look for; no zone has more."""

_WRITTEN = re.compile(r"(?:^|\s)label:", re.ASCII)


@dataclass(frozen=True, slots=True)
class SoughtLabel:
    """A label of this name, and of this value unless it is None. Both are as they are written: case counts."""

    name: str
    value: str | None = None

    @classmethod
    def of(cls, text: str) -> "SoughtLabel":
        name, said, value = text.partition("=")
        return cls(name, value if said else None)

    def is_in(self, labels: Labels) -> bool:
        return any(name == self.name and self.value in (None, value) for name, value in labels)


def split_labels(text: str) -> tuple[str, list[SoughtLabel]]:
    """A text without the labels that are written in it, ``example label:team=web shop label:tier``, and these.

    A value goes on to the next of them, or to the end: it may have spaces.
    """
    rest, *labels = _WRITTEN.split(text)
    return rest.strip(), [SoughtLabel.of(label.strip()) for label in labels[:MAX_SOUGHT]]
