"""Asks the witnesses when servers fall silent, and once an hour, so that it is known whom to rely on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from prometheus_client import CollectorRegistry, Gauge

from checks.model import Address, Family
from checks.zone_state.connectivity import Connectivity
from checks.zone_state.witness import Witness, WitnessAnswer, WitnessReply, WitnessWord
from monitor.clock import Now
from monitor.config.model import Config
from monitor.probe.client.sockets import Sockets
from monitor.probe.witness import ask_witness
from monitor.service.pause import pause
from monitor.service.system_witnesses import system_witnesses
from monitor.state.monitor_state import MonitorState
from monitor.state.offline import use_witnesses
from monitor.state.ports import QueueClosed, WitnessPoll

log = structlog.get_logger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at whether a family is in doubt."""

AGAIN = 30.0
"""Seconds after which witnesses are asked again while a family is in doubt: so long their word holds."""

FIRST_PROOF, PROOF = 60.0, 3600.0
"""Seconds from the start to the first time that all are asked without doubt, and from then to the next."""

AskWitness = Callable[[Address, Sockets], Awaitable[WitnessAnswer]]


def witness_gauge(registry: CollectorRegistry | None) -> Gauge:
    text = "1: this witness answered when it was asked last."
    return Gauge("soawatch_witness_up", text, ("witness",), registry=registry)


class Witnesses:
    """Those that the configuration names, or those that the system has. ``memory`` says what is in doubt and is told
    which families have witnesses; what these say is published as polls are.
    """

    def __init__(
        self,
        memory: MonitorState,
        config: Callable[[], Config],
        publish: Callable[[WitnessPoll], Awaitable[None]],
        now: Now,
        monotonic: Callable[[], float],
        registry: CollectorRegistry | None = None,
        ask: AskWitness = ask_witness,
    ) -> None:
        self._memory, self._config, self._publish = memory, config, publish
        self._now, self._monotonic, self._ask = now, monotonic, ask
        self._up = witness_gauge(registry)
        self._known: tuple[Witness, ...] = ()
        self._read: tuple[Config, float] | None = None
        self._proven: set[Address] = set()
        self._answered: dict[Address, bool] = {}
        self._asked: dict[Family, float] = {}
        self._prove_at = monotonic() + FIRST_PROOF

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self.look()
            await pause(stopping, INTERVAL)

    async def look(self) -> None:
        """Ask whom there is reason to ask."""
        await self.read()
        at, connectivity = self._monotonic(), self._memory.connectivity
        proving = at >= self._prove_at
        if proving:
            self._prove_at = at + PROOF
        due = [family for family in Family if proving or self._is_due(family, connectivity, at)]
        await asyncio.gather(*(self._ask_family(family) for family in due))

    async def read(self) -> None:
        """Find out who the witnesses are; those of the system may be others after a while."""
        config, at = self._config(), self._monotonic()
        if self._read is not None and self._read[0] is config and at < self._read[1] + PROOF:
            return
        named = config.policy.witness
        if named is None:
            self._known = await asyncio.to_thread(system_witnesses, config.resolver.addresses)
        else:
            self._known = tuple(map(Witness, dict.fromkeys(named)))
        self._read = config, at
        use_witnesses(self._memory, (one.address.family for one in self._known))
        for address in self._answered.keys() - {one.address for one in self._known}:
            del self._answered[address]
            self._up.remove(str(address))

    def _is_due(self, family: Family, connectivity: Connectivity, at: float) -> bool:
        if family in connectivity.asking:
            return True
        return family in connectivity.doubtful and at >= self._asked.get(family, at - AGAIN) + AGAIN

    async def _ask_family(self, family: Family) -> None:
        asked = [one for one in self._known if one.address.family is family]
        if not asked:
            return
        self._asked[family], at = self._monotonic(), self._now()
        sockets = Sockets(self._config().probe.source)
        answers = await asyncio.gather(*(self._ask(one.address, sockets) for one in asked))
        replies = self._replies(asked, answers)
        if family in self._memory.connectivity.doubtful:
            try:
                await self._publish(WitnessPoll(family, WitnessWord(at, tuple(replies))))
            except QueueClosed:
                return

    def _replies(self, asked: Sequence[Witness], answers: Iterable[WitnessAnswer]) -> Sequence[WitnessReply]:
        found = []
        for witness, answer in zip(asked, answers, strict=True):
            reply = WitnessReply(witness, answer, witness.address in self._proven)
            found.append(reply)
            if reply.counts:
                self._proven.add(witness.address)
            if self._answered.get(witness.address) is not reply.counts:
                self._answered[witness.address] = reply.counts
                log.info("witness", address=str(witness.address), role=witness.role or "named", answer=answer.value)
            self._up.labels(str(witness.address)).set(reply.counts)
        return found
