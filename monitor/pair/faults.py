"""The table of faults that the pair can play, and what soawatch should say of each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from monitor.pair.behaviour import Conduct
from monitor.pair.fault import Fault
from monitor.pair.faults_transfer import TRANSFER
from monitor.pair.faults_wire import WIRE
from monitor.pair.faults_zone import ZONE

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in (*ZONE, *TRANSFER, *WIRE)})


class UnknownFault(ValueError):
    """There is no fault of that name; the sentence says which there are."""


def fault(name: str) -> Fault:
    """Raises UnknownFault."""
    if name not in FAULTS:
        raise UnknownFault(f"no fault is called {name!r}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]


def conduct(active: Iterable[str]) -> Conduct:
    """How a server behaves with these faults; where two set the same thing, the later wins."""
    behaviour = Conduct()
    for name in active:
        behaviour = replace(behaviour, **fault(name).sets)
    return behaviour
