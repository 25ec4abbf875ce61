"""The finding of those checks that compare what servers have at equal serials: single records, and whole zones."""

from checks.model.finding_type import RECORDS, FindingType, Severity

CONTENT_DIFFERS = FindingType(
    "content-differs", Severity.CRITICAL, "Equal serials, but a record differs", family=RECORDS, transient=True
)
