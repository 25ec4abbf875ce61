"""Every finding type there is: those of the checks, and what the monitor finds of itself."""

from collections.abc import Mapping
from types import MappingProxyType

from alerting.model import NOT_CHECKED
from checks import registry
from checks.model.finding_type import FindingType, Scope, Severity

UNCHECKED = FindingType(
    NOT_CHECKED, Severity.WARNING, "The monitor has not been able to check this for a while", consequence=True
)
OFFLINE = FindingType(
    "monitor-offline", Severity.CRITICAL, "The monitor is offline over an address family",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
DATABASE_FAILING = FindingType(
    "database-failing", Severity.CRITICAL, "The monitor cannot write its database",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
RECEIVER_FAILING = FindingType(
    "receiver-failing", Severity.CRITICAL, "A receiver does not take what it is told", scope=Scope.RECEIVER
)
CONFIGURATION_REFUSED = FindingType(
    "configuration-refused", Severity.WARNING, "The monitor was given a configuration that it cannot take",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
DATABASE_RECREATED = FindingType(
    "database-recreated", Severity.WARNING, "The monitor's database was deleted while it ran", scope=Scope.MONITOR
)
ZONE_SOURCE_FAILING = FindingType(
    "zone-source-failing", Severity.WARNING, "A source of zones cannot be read, and its zones stay as they were",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
ZONE_SOURCE_SHRUNK = FindingType(
    "zone-source-shrunk", Severity.WARNING, "A source of zones has lost too many at once, and they stay",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
CATALOG_BROKEN = FindingType(
    "catalog-broken", Severity.WARNING, "A catalog zone must not be processed, and its members stay as they were",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
CADENCE_NOT_KEPT = FindingType(
    "cadence-not-kept", Severity.WARNING, "The monitor asks less often than it is to", scope=Scope.MONITOR,
    operators_only=True,
)  # fmt: skip
ZONES_VANISHED = FindingType(
    "zones-vanished", Severity.WARNING, "A reload has let go of most zones", scope=Scope.MONITOR, operators_only=True
)
DISK_LOW = FindingType(
    "disk-low", Severity.WARNING, "The disk of the monitor's database is nearly full",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
CLOCK_OFF = FindingType(
    "clock-off", Severity.WARNING, "The clock of the monitor's machine is wrong",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
CLOCK_JUMPED = FindingType(
    "clock-jumped", Severity.WARNING, "The clock of the monitor's machine was set, or the machine slept",
    scope=Scope.MONITOR, operators_only=True,
)  # fmt: skip
NOTIFY_MISSING = FindingType(
    "notify-missing", Severity.WARNING, "A primary has a new version, and no NOTIFY of it was taken here"
)
FINDINGS = (
    NOTIFY_MISSING, UNCHECKED, OFFLINE, DATABASE_FAILING, RECEIVER_FAILING, CONFIGURATION_REFUSED, DATABASE_RECREATED,
    ZONE_SOURCE_FAILING, ZONE_SOURCE_SHRUNK, CATALOG_BROKEN, CADENCE_NOT_KEPT, ZONES_VANISHED, DISK_LOW, CLOCK_OFF,
    CLOCK_JUMPED,
)  # fmt: skip

FINDING_TYPES: Mapping[str, FindingType] = MappingProxyType(
    {found.code: found for found in (*registry.FINDINGS, *FINDINGS)}
)
"""Code → its type, in the order in which they are documented."""


def severity_of(code: str, overrides: Mapping[str, Severity]) -> Severity:
    """What the operator said of a code, else its default. A code nobody knows is a warning."""
    if code in overrides:
        return overrides[code]
    return FINDING_TYPES[code].severity if code in FINDING_TYPES else Severity.WARNING
