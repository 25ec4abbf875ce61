"""What people do about incidents, through the evaluator: so it is decided, kept and told as all else is."""

from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from alerting.acknowledgement import Told, acknowledge, unacknowledge
from alerting.incident import Incident
from alerting.incidents import IncidentUpdate, OpenIncidents, act_on
from alerting.timeline import TimelineEvent, entry
from monitor.state.evaluator import Evaluator

log = structlog.get_logger(__name__)


class ServiceIncidents:
    """Each returns the incident as it is afterwards; None: none of that id is open. Raises NotKept."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    async def acknowledge(self, id: str, who: str, note: str) -> Incident | None:
        """Nothing happens to one of which they have said just that."""

        def do(incident: Incident, hearing: Collection[str], at: datetime) -> Told:
            return acknowledge(incident, who, note, hearing, at)

        return await self._act(id, do, TimelineEvent.ACKNOWLEDGED, who, note)

    async def unacknowledge(self, id: str, who: str, note: str) -> Incident | None:
        """Nothing happens to one that is not acknowledged."""
        return await self._act(id, unacknowledge, TimelineEvent.UNACKNOWLEDGED, who, note)

    async def _act(
        self,
        id: str,
        do: Callable[[Incident, Collection[str], datetime], Told],
        event: TimelineEvent,
        who: str,
        note: str,
    ) -> Incident | None:
        def act(open_incidents: OpenIncidents, at: datetime) -> IncidentUpdate:
            incident = open_incidents.incidents.get(id)
            if incident is None:
                return IncidentUpdate(open_incidents)
            done, messages = do(incident, self._evaluator.plan.hearing_acknowledgements, at)
            if done is incident:
                return IncidentUpdate(open_incidents)
            return act_on(open_incidents, done, messages, entry(done, event, at, who=who, note=note))

        update = await self._evaluator.act(act)
        if update.incidents:
            log.info("incident", action=event.value, incident=id, who=who)
        return update.open_incidents.incidents.get(id)
