"""Every replication state has a level, and every state that a finding brings is one of them."""

from checks.registry import FINDINGS
from checks.replication_state import STATES
from monitor.state.level import Level, state_level


def test_every_state_but_the_unknown_one_has_a_level_of_its_own() -> None:
    assert [state for state in STATES if state_level(state) is Level.UNKNOWN] == ["unknown"]


def test_the_states_of_findings_are_among_them() -> None:
    assert {found.state for found in FINDINGS if found.state is not None} <= set(STATES)
