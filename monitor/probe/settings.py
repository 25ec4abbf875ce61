"""How questions are asked: the settings of the prober."""

from dataclasses import dataclass


def waits(timeout: float, attempts: int) -> tuple[float, ...]:
    """Seconds to wait for a response to each of the attempts: more each time, on average ``timeout`` (1, 2, 3 s)."""
    first = timeout * 2 / (attempts + 1)
    return tuple(first * number for number in range(1, attempts + 1))


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Where a transfer is ended by us: seconds, octets, messages and records."""

    deadline: float = 60.0
    octets: int = 100_000_000
    messages: int = 100_000
    records: int = 5_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """How questions are asked. ``timeout`` is per attempt, in seconds; ``source`` are addresses to ask from."""

    timeout: float = 2.0
    attempts: int = 3
    max_qps_per_server: float = 200.0
    max_in_flight: int = 256
    transfers_per_server: int = 2
    transfer: TransferLimits = TransferLimits()
    source: tuple[str, ...] = ()
    workers: int = 1
    """Processes that ask for serials, each for its share of the zones; 1: the service itself asks."""
    max_qps: float | None = None
    """Questions a second to all servers together; None for no limit."""
