"""How far each part of the service is, and what keeps it from its work: what a heartbeat vouches for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from alerting.dispatcher import Dispatcher
from checks.model import Health
from monitor.clock import Now
from monitor.polling.poller import Poller
from monitor.service.heartbeat_task import PATIENCE, Marks
from monitor.service.scheduler import Scheduler
from monitor.state.evaluator import Evaluator
from monitor.state.write_buffer import WriteBuffer


@dataclass(frozen=True, slots=True)
class ServiceProgress:
    schedule: Scheduler
    poller: Poller
    evaluator: Evaluator
    write_buffer: WriteBuffer
    dispatcher: Dispatcher
    now: Now

    def marks(self) -> Marks:
        """Questions and judgements may be as far apart as the shortest cadence, and so far again."""
        status = self.evaluator.status
        cadences = (group.cadence for group in self.evaluator.plan.sweep_groups)
        asking = PATIENCE + 2 * min(cadences, default=timedelta(0))
        finished = max((sweep.finished for sweep in status.sweeps.values() if sweep.finished is not None), default=None)
        return {
            "the scheduler": (self.schedule.heartbeat, PATIENCE),
            "asking": (sum(self.poller.stats.queries.values()), asking),
            "judging": ((status.zones.checked_at, finished), asking),
            "writing the database": (self.write_buffer.writes, PATIENCE),
            "notifying": (self.dispatcher.turns, PATIENCE),
        }

    def troubles(self) -> Iterator[str]:
        """In few words, and without names: whoever gets them need not know what is watched."""
        status, health = self.evaluator.status, self.evaluator.status.zones.tally()
        if not status.store_ok:
            yield "the database takes no changes"
        if not len(status.zones):
            yield "no zone is watched"
        if status.offline_families and not health[Health.GOOD] and not health[Health.BAD]:
            yield f"the monitor is offline over {' and '.join(status.offline_families)}"
        receivers = self.dispatcher.receivers
        if receivers and receivers.keys() <= self.dispatcher.failing(self.now()).keys():
            yield "no receiver takes what it is told"
