"""Every replication state has a level; a server has that of the worst of its own."""

from checks.model.finding_type import Severity
from monitor.state.level import NOT_ASKED_STATE, Level, server_level, state_level
from tests.support.zone_states import REPLICATION_STATES


def test_every_state_but_the_unknown_one_has_a_level_of_its_own() -> None:
    assert [state for state in REPLICATION_STATES if state_level(state) is Level.UNKNOWN] == ["unknown"]


def test_a_server_is_as_grave_as_the_worst_that_is_known_of_it_and_zones_that_are_not_asked_weigh_nothing() -> None:
    assert server_level(["in-sync", NOT_ASKED_STATE], []) is Level.GOOD
    assert server_level([NOT_ASKED_STATE], []) is Level.UNKNOWN
    assert server_level([NOT_ASKED_STATE], [Severity.CRITICAL]) is Level.CRITICAL
    assert server_level(["late", NOT_ASKED_STATE], [Severity.INFO]) is Level.WARNING
