"""The severity of a code: the operator's, or else the default."""

from collections.abc import Mapping

from alerting.model import Severity
from checks.codes import CODES


def severity_of(code: str, overrides: Mapping[str, Severity]) -> Severity:
    """What the operator said of a code, else what checks/codes.py says. A code nobody knows is a warning."""
    if code in overrides:
        return overrides[code]
    return Severity.parse(CODES[code].severity) if code in CODES else Severity.WARNING
