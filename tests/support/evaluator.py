"""An evaluator with its queue and store, fed with polls by hand."""

from collections.abc import Iterable

from alerting.model import Policy
from checks.base import Check
from checks.model import Zone
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_state import MonitorState
from monitor.state.status import Status
from monitor.state.write_buffer import WriteBuffer
from tests.support.fakes.zones import FakeZones
from tests.support.monitor_state import Clock, FullDisk, minute, plan, reached
from tests.support.observations import NOON, QUICK, checked_at

BOTH: tuple[Check, ...] = (SoaSerial(), Reachable())


class EvaluatorBench:
    """A judge with a clock that is moved, a disk that can be full, and counters of who was told."""

    def __init__(
        self,
        *zones: Zone,
        checks: Iterable[Check] = BOTH,
        policy: Policy | None = None,
        memory: MonitorState | None = None,
    ) -> None:
        self.now = Clock()
        self.disk = FullDisk(self.now)
        self.changed = self.told = 0
        self.record = WriteBuffer(self.disk, self.now)
        self.plan = plan(*zones, checks=checks, **({"policy": policy} if policy else {}))
        self.evaluator = Evaluator(
            memory or MonitorState(),
            self.plan,
            Status("1", "local", NOON, NOON, FakeZones()),
            self.record,
            self.now,
            self.change,
            self.tell,
        )

    def change(self) -> None:
        self.changed += 1

    def tell(self) -> None:
        self.told += 1

    async def look(self, zone: Zone, at: float, **tokens: str) -> None:
        self.now.at = minute(at)
        await self.evaluator.process([checked_at(zone, tokens, self.now(), QUICK), reached(zone, self.now(), **tokens)])

    @property
    def status(self) -> Status:
        return self.evaluator.status
