"""What pages show of labels: each with where it leads, to all that has the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

ZONES_WITH, INCIDENTS_WITH = ("/zones", "q", "label:"), ("/incidents", "label", "")
"""Where a label leads: the path, the parameter, and how it is written there."""


@dataclass(frozen=True, slots=True)
class LabelView:
    """``text`` is the label as it is written, ``path`` leads to what has it."""

    text: str
    path: str


def label_views(labels: Iterable[tuple[str, str]], leads: tuple[str, str, str]) -> list[LabelView]:
    """In their order; ``leads`` is ZONES_WITH or INCIDENTS_WITH."""
    path, parameter, before = leads
    texts = [f"{name}={value}" for name, value in labels]
    return [LabelView(text, f"{path}?{urlencode({parameter: before + text})}") for text in texts]
