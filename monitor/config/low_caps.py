"""Caps below what the cadences need: how long sweeps take then, and the cap that would do."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monitor.config.durations import rounded, written
from monitor.config.load_estimate import Demand, Shares
from monitor.probe.settings import Probe

SWEEP_SHARE = 0.8
"""The share of a cadence that a sweep is spread over; the rest is left for answers that take their time."""

SweepKey = tuple[str, timedelta]
"""A check, and how often it asks the zones of a sweep."""


@dataclass(frozen=True, slots=True)
class LowCap:
    """A cap that allows fewer questions a second than the cadences need, while all is well."""

    setting: str
    """Its key in the configuration, ``probe.max_qps_per_server``."""
    server: str | None
    """Where more is needed; None: at all servers together."""
    cap: float
    needed: float
    """Queries a second, by all checks."""
    part: float = 1.0
    """The part of the cap that can be used, where processes that have not all the same to ask have equal shares."""

    @property
    def words(self) -> str:
        """The cap, and what of it can be used."""
        shared = f", of which the processes that share it equally can use {self.part:.0%}" if self.part < 1 else ""
        return f"{self.cap:g}{shared}"

    @property
    def factor(self) -> float:
        """How many times their cadence sweeps take."""
        return self.needed / (self.cap * self.part)

    @property
    def sufficient(self) -> float:
        """A cap that would do, in two figures: a sweep asks all its questions in ``SWEEP_SHARE`` of its cadence."""
        least = self.needed / (SWEEP_SHARE * self.part)
        step = 10.0 ** (math.floor(math.log10(least)) - 1)
        return float(f"{math.ceil(round(least / step, 6)) * step:.6g}")

    def time(self, cadence: timedelta) -> timedelta:
        """How long the questions of one cadence take under this cap, whichever check asks them."""
        return cadence * self.factor


def shortage(low: LowCap, shares: Shares) -> str:
    """What a low cap means, in words: for all sweeps, and for the one that asks most under it."""
    rates: defaultdict[SweepKey, float] = defaultdict(float)
    for (server, check, cadence), rate in shares.items():
        if low.server in (None, server):
            rates[check, cadence] += rate
    (check, cadence), most = max(rates.items(), key=lambda sweep: (sweep[1], sweep[0]))
    part = f", {few(most)} of them for {check}" if few(most) != few(low.needed) else ""
    return (
        f"the cadences need {few(low.needed)} queries/s at {low.server or 'all servers together'}{part}; the cap is "
        f"{low.words}, so sweeps take about {few(low.factor)} times their cadence ({check} "
        f"{written(rounded(low.time(cadence)))} instead of {written(cadence)}); a cap of {low.sufficient:g} would do"
    )


def low_caps(probe: Probe, demand: Demand) -> list[LowCap]:
    """The lowest first, as measured by what is needed."""
    found = [
        LowCap("probe.max_qps_per_server", server, probe.max_qps_per_server, sum(rates), usable(rates))
        for server, rates in demand.by_process.items()
    ]
    if probe.max_qps is not None:
        every = [sum(rates) for rates in zip(*demand.by_process.values(), strict=True)]
        found.append(LowCap("probe.max_qps", None, probe.max_qps, sum(every), usable(every)))
    return sorted((low for low in found if low.factor > 1), key=lambda low: (-low.factor, low.server or ""))


def usable(rates: Sequence[float]) -> float:
    """The part of a cap that processes can use that are to ask at these rates, when each has an equal share of it."""
    return sum(rates) / (len(rates) * max(rates)) if any(rates) else 1.0


def by_sweep(probe: Probe, demand: Demand) -> Mapping[SweepKey, tuple[LowCap, ...]]:
    """The caps that make a sweep longer than its cadence: of each setting the lowest that it is under."""
    lows: dict[str | None, LowCap] = {low.server: low for low in low_caps(probe, demand)}
    found: defaultdict[SweepKey, dict[str, LowCap]] = defaultdict(dict)
    if not lows:
        return {}
    for server, check, cadence in demand.shares:
        for low in filter(None, (lows.get(server), lows.get(None))):
            known = found[check, cadence].get(low.setting)
            if known is None or low.needed > known.needed:
                found[check, cadence][low.setting] = low
    return {sweep: tuple(caps.values()) for sweep, caps in found.items() if caps}


def few(rate: float) -> str:
    """A rate to three figures, or to the whole."""
    return f"{rate:.3g}" if rate < 100 else f"{rate:.0f}"
