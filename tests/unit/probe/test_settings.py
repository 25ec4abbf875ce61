"""Settings of the prober that are shared by several processes."""

import pytest

from monitor.probe.settings import Probe


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_all_processes_together_ask_no_more_than_one_may(workers: int) -> None:
    """The workers and, beside several of them, the service."""
    whole = Probe(workers=workers, max_qps_per_server=200.0, max_qps=900.0, max_in_flight=300)
    part, asking = whole.part(), workers + (workers > 1)
    assert part.max_qps_per_server * asking == pytest.approx(200.0)
    assert part.max_qps is not None
    assert part.max_qps * asking == pytest.approx(900.0)
    assert 300 - asking < part.max_in_flight * asking <= 300
    assert part.workers == 1


def test_each_has_room_for_as_much_as_it_needs_at_least() -> None:
    assert Probe(workers=8, max_in_flight=100).part(64).max_in_flight == 64
    assert Probe(workers=8, max_in_flight=10).part(64).max_in_flight == 10
    assert Probe(workers=2).part().max_qps is None
