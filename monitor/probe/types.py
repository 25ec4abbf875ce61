"""What those who ask the prober give it and get from it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from alerting.model import Secret
from checks.model import Observation, Query


@dataclass(frozen=True, slots=True)
class TsigKey:
    """A TSIG key (RFC 8945). ``name`` is as in the configuration, ``wire_name`` as servers know it."""

    name: str
    wire_name: str
    algorithm: str
    secret: Secret


class Prober(Protocol):
    """Exactly one observation per query, in any order, in batches as they come; never an exception.

    Closing makes what is in flight end as UNASKED, soon.
    """

    def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]: ...

    async def close(self) -> None: ...
