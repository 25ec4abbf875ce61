"""Audiences: receivers that hear of the same zones by the same clocks, because their routes say the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

from alerting.model import Alert, Policy, Route
from alerting.routing import covers, fits
from checks.model import Labels


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told of the zones that any of ``routes`` selects, and of no others.

    ``key`` tells it from others for as long as the routes say the same; ``policy`` is what holds where they say
    nothing.
    """

    key: str
    receivers: tuple[str, ...]
    routes: tuple[Route, ...]
    policy: Policy
    shared: Policy
    """How patient the alerts are that it is told of."""

    def patience(self, alert: Alert, of_zone: Sequence[Route]) -> Policy:
        """The grace and settle of an alert: of the routes that select it, else of those that select its zone.

        ``of_zone`` are the latter. It is told as soon as any of them wants, and over when all of them say so.
        """
        wanted = [route for route in of_zone if fits(route, alert)] or of_zone
        return Policy(
            min(each(route.grace, self.policy.grace) for route in wanted),
            max(each(route.settle, self.policy.settle) for route in wanted),
        )

    def of_zone(self, zone: str, labels: Labels = ()) -> tuple[Route, ...]:
        """The routes that select the zone, which has these labels."""
        return tuple(route for route in self.routes if covers(route, zone, labels))

    @property
    def remind(self) -> timedelta:
        """The shortest that any route wants; zero: never."""
        wanted = (each(route.remind, self.policy.remind) for route in self.routes)
        return min(filter(None, wanted), default=timedelta(0))

    @property
    def send_resolved(self) -> bool:
        return any(route.send_resolved for route in self.routes)


def each(own: timedelta | None, otherwise: timedelta) -> timedelta:
    """What a route says, where it says anything."""
    return otherwise if own is None else own


def widest(policy: Policy, routes: Sequence[Route]) -> Policy:
    """What alerts go by, so that each route can have its own: the shortest grace, and the longest settle."""
    return replace(
        policy,
        grace=min([policy.grace, *(route.grace for route in routes if route.grace is not None)]),
        settle=max([policy.settle, *(route.settle for route in routes if route.settle is not None)]),
    )


@lru_cache(maxsize=16)
def audiences(routes: tuple[Route, ...], policy: Policy) -> tuple[Audience, ...]:
    """One for all receivers whose routes are equal, unless these say nothing but what holds for everybody: who hears of
    whole incidents, by the clocks of all alerts, is in none.
    """
    together: dict[tuple[Route, ...], list[str]] = {}
    for name in dict.fromkeys(name for route in routes for name in route.receivers):
        own = tuple(replace(route, receivers=()) for route in routes if name in route.receivers)
        together.setdefault(own, []).append(name)
    shared = widest(policy, routes)
    return tuple(
        Audience(_key(own, policy), tuple(names), own, policy, shared)
        for own, names in together.items()
        if shared != policy or any(map(_is_special, own))
    )


def _is_special(route: Route) -> bool:
    """Whether it says more than whom a whole incident is told to."""
    timing = (route.grace, route.settle, route.remind)
    return bool(route.zones or route.labels) or timing != (None, None, None) or not route.send_resolved


def _key(routes: tuple[Route, ...], policy: Policy) -> str:
    return sha256(repr((routes, policy)).encode()).hexdigest()[:12]
