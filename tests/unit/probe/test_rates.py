"""Rates that several probers of one process share, and that a reload changes under them."""

import gc

from monitor.probe.client.rates import Rates
from monitor.probe.settings import Probe


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(bucket, time: Time, seconds: float) -> int:
    """All that may be asked in so many seconds, by somebody who is always at it."""
    count = 0
    for _ in range(round(seconds * 1000)):
        time.now += 0.001
        count += bucket.take(1000)
    return count


def test_whoever_asks_a_server_takes_from_the_same() -> None:
    time = Time()
    rates = Rates(Probe(max_qps_per_server=50), clock=time)
    one, two = rates.bucket("ns1"), rates.bucket("ns1")
    assert one is two
    assert rates.bucket("ns2") is not one
    assert taken(one, time, 0.0) == 0
    assert abs(taken(one, time, 10.0) - 505) <= 1


def test_other_caps_hold_at_once_for_those_who_have_a_bucket() -> None:
    time = Time()
    rates = Rates(Probe(max_qps_per_server=200), clock=time)
    bucket = rates.bucket("ns1")
    rates.use(Probe(max_qps_per_server=20))
    assert abs(taken(bucket, time, 10.0) - 202) <= 1, "its burst is smaller, too"
    rates.use(Probe(max_qps_per_server=100))
    assert abs(taken(bucket, time, 10.0) - 1000) <= 10
    rates.use(Probe(max_qps_per_server=100, max_qps=10))
    assert abs(taken(bucket, time, 10.0) - 101) <= 1
    other = rates.bucket("ns2")
    assert abs(taken(bucket, time, 5.0) + taken(other, time, 5.0) - 100) <= 1, "all servers together"
    rates.use(Probe(max_qps_per_server=100, max_qps=40))
    assert abs(taken(bucket, time, 10.0) - 400) <= 5
    rates.use(Probe(max_qps_per_server=100))
    assert abs(taken(bucket, time, 10.0) - 1000) <= 10


def test_those_who_wait_are_not_forgotten_under_other_caps() -> None:
    """Who takes many leaves them half, whatever their parent is by now."""
    time = Time()
    rates = Rates(Probe(max_qps_per_server=1000), clock=time)
    bucket = rates.bucket("ns1")
    bucket.add_waiters(1)
    rates.use(Probe(max_qps_per_server=1000, max_qps=500))
    assert bucket.take(1000) == 25, "half of the burst of all together"
    bucket.add_waiters(-1)
    time.now += 10
    assert bucket.take(1000) == 50
    bucket.add_waiters(1)
    rates.use(Probe(max_qps_per_server=1000))
    bucket.add_waiters(-1)
    rates.use(Probe(max_qps_per_server=1000, max_qps=500))
    time.now += 10
    assert bucket.take(1000) == 50


def test_what_nobody_asks_any_more_costs_nothing() -> None:
    rates = Rates(Probe())
    bucket = rates.bucket("ns1")
    assert len(rates._buckets) == 1
    del bucket
    gc.collect()
    assert len(rates._buckets) == 0


def test_a_foreign_server_has_a_lower_rate_of_its_own() -> None:
    time = Time()
    rates = Rates(Probe(max_qps_per_server=200, max_qps_per_foreign_server=50), clock=time)
    foreign = rates.bucket("ns1", foreign=True)
    assert rates.bucket("ns1") is not foreign
    assert abs(taken(foreign, time, 10.0) - 505) <= 1
    rates.use(Probe(max_qps_per_server=20, max_qps_per_foreign_server=50))
    assert abs(taken(foreign, time, 10.0) - 201) <= 1, "never more than one of a zone's own"
