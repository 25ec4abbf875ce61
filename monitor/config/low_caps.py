"""Caps below what the cadences need: how long sweeps take then, and the cap that would do."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from monitor.config.durations import rounded, written
from monitor.config.load_estimate import Shares, total
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
    """The part of the cap at which very many zones are asked, where several processes share it."""

    @property
    def words(self) -> str:
        """The cap, and what of it the workers have."""
        return f"{self.cap:g}" + (f", {self.part:.0%} of it for the workers" if self.part < 1 else "")

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


def low_caps(probe: Probe, shares: Shares) -> list[LowCap]:
    """The lowest first, as measured by what is needed."""
    rates = total(shares)
    found = [
        LowCap("probe.max_qps_per_server", server, probe.max_qps_per_server, rate, probe.bulk_part)
        for server, rate in rates.items()
    ]
    whole = sum(rates.values())
    if probe.max_qps is not None:
        found.append(LowCap("probe.max_qps", None, probe.max_qps, whole, probe.bulk_part))
    return sorted((low for low in found if low.factor > 1), key=lambda low: (-low.factor, low.server or ""))


def by_sweep(probe: Probe, shares: Shares) -> Mapping[SweepKey, tuple[LowCap, ...]]:
    """The caps that make a sweep longer than its cadence: of each setting the lowest that it is under."""
    lows: dict[str | None, LowCap] = {low.server: low for low in low_caps(probe, shares)}
    found: defaultdict[SweepKey, dict[str, LowCap]] = defaultdict(dict)
    if not lows:
        return {}
    for server, check, cadence in shares:
        for low in filter(None, (lows.get(server), lows.get(None))):
            known = found[check, cadence].get(low.setting)
            if known is None or low.needed > known.needed:
                found[check, cadence][low.setting] = low
    return {sweep: tuple(caps.values()) for sweep, caps in found.items() if caps}


def few(rate: float) -> str:
    """A rate to three figures, or to the whole."""
    return f"{rate:.3g}" if rate < 100 else f"{rate:.0f}"
