"""What is wrong with the monitor itself, as the result of a check of its own."""

from datetime import datetime, timedelta

from alerting.finding_types import (
    CATALOG_BROKEN,
    CONFIGURATION_REFUSED,
    DATABASE_FAILING,
    DATABASE_RECREATED,
    OFFLINE,
    RECEIVER_FAILING,
    ZONE_SOURCE_FAILING,
    ZONE_SOURCE_SHRUNK,
)
from checks.common.text import format_time
from checks.model import CheckResult, Finding, Health
from checks.zone_state.connectivity import offline_explanation
from monitor.state.monitor_state import MonitorState
from monitor.state.own_troubles import clock_off

MONITOR = ""
"""The zone of the monitor's own alerts."""

RECREATED_ALERT_DURATION = timedelta(hours=1)
"""How long it is a finding that the database had to be made anew: what deletes it may do so again."""
_SOURCE_WORDS = {
    ZONE_SOURCE_FAILING.code: "cannot be read",
    ZONE_SOURCE_SHRUNK.code: "may have been cut short",
    CATALOG_BROKEN.code: "must not be processed",
}
"""What is said of a source before the reason: a subject line has no room for more."""


def monitor_result(state: MonitorState, now: datetime) -> CheckResult:
    """What is wrong with the monitor itself: it is offline over an address family, cannot write its database, was given
    a configuration that it cannot take, has receivers that take nothing, sources of zones that cannot be believed, or a
    disk, a clock or cadences that are not as they should be.
    """
    findings = [
        Finding(OFFLINE.code, offline_explanation(state.connectivity, family), subject=family)
        for family in state.connectivity.told
    ]
    if state.store_error:
        findings.append(Finding(DATABASE_FAILING.code, f"the database takes no changes: {state.store_error}"))
    if state.config_error:
        findings.append(
            Finding(
                CONFIGURATION_REFUSED.code,
                f"the configuration is refused, and the one before goes on: {state.config_error}",
            )
        )
    findings += [Finding(RECEIVER_FAILING.code, text, subject=name) for name, text in state.failing.items()]
    findings += [
        Finding(one.code, f"{one.source} {_SOURCE_WORDS[one.code]}: {one.text}", subject=one.source)
        for one in state.source_troubles
    ]
    own = (*state.own_troubles, *clock_off(state.clock_skews, now))
    findings += [Finding(one.code, one.text, subject=one.subject) for one in own]
    anew = state.recreated
    if anew is not None and now - anew.at < RECREATED_ALERT_DURATION:
        text = f"the files of the database were lost at {format_time(anew.at)} and are made anew {anew.how}"
        findings.append(Finding(DATABASE_RECREATED.code, text))
    return CheckResult(MONITOR, "self", now, Health.BAD if findings else Health.GOOD, tuple(findings))
