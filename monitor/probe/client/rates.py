"""How much each server, and all of them together, may be asked: by all probers of one process."""

from collections.abc import Callable
from weakref import WeakValueDictionary

from monitor.clock import monotonic
from monitor.probe.client.target_queue import TokenBucket
from monitor.probe.settings import Probe


class Rates:
    """A token bucket for each server that is asked. Probers that a reload replaces go on with those of their successor:
    together they ask no more than one may.
    """

    def __init__(self, probe: Probe, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._buckets: WeakValueDictionary[tuple[str, bool], TokenBucket] = WeakValueDictionary()
        self._whole: TokenBucket | None = None
        self.use(probe)

    def use(self, probe: Probe) -> None:
        """From now on these caps hold, for what is under way as well."""
        self._per_server = probe.max_qps_per_server
        self._per_foreign_server = min(probe.max_qps_per_foreign_server, probe.max_qps_per_server)
        if probe.max_qps is None:
            self._whole = None
        elif self._whole is None:
            self._whole = TokenBucket(probe.max_qps, clock=self._clock)
        else:
            self._whole.change(probe.max_qps)
        for (_, foreign), bucket in self._buckets.items():
            bucket.change(self._rate(foreign=foreign), self._whole)

    def bucket(self, server: str, *, foreign: bool = False) -> TokenBucket:
        """What a server may be asked, by whomsoever, as one of a zone's own or as a ``foreign`` one. It lasts as long
        as anybody has it.
        """
        bucket = self._buckets.get((server, foreign))
        if bucket is None:
            bucket = TokenBucket(self._rate(foreign=foreign), self._whole, clock=self._clock)
            self._buckets[server, foreign] = bucket
        return bucket

    def _rate(self, *, foreign: bool) -> float:
        return self._per_foreign_server if foreign else self._per_server
