"""What is owed stays owed to the right ones when receivers come, go, and get other names."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import replace

import structlog

from alerting.dispatcher import Dispatcher
from alerting.incident import OPEN, IncidentEvent
from alerting.incident_news import message_id
from alerting.notification import OutboxMessage
from alerting.receiver_identity import DestinationHashes, destination_hashes, follow, successors
from alerting.routing import route
from monitor.config.model import Config
from monitor.state.evaluator import Evaluator
from monitor.state.ports import Store, StoreError

log = structlog.get_logger(__name__)


class ReceiverMoves:
    """Brings each new configuration's receivers to the dispatcher; ``before`` is what is kept of those of before."""

    def __init__(self, store: Store, evaluator: Evaluator, dispatcher: Dispatcher, before: DestinationHashes) -> None:
        self._store, self._evaluator, self._dispatcher = store, evaluator, dispatcher
        self._destinations = before
        dispatcher.replacements = self._replacements

    async def use(self, config: Config) -> None:
        """Find the receivers of before under their new names; nothing is sent until all is owed to the right ones."""
        owed = await self._owed()
        async with self._dispatcher.paused():
            moved = successors(self._destinations, config.receivers, owed)
            for name, now in moved.items():
                if now is not None:
                    log.info("receiver renamed", before=name, now=now)
                elif name in owed:
                    log.warning("receiver gone", receiver=name, owed="goes to whoever is to hear of it now")
            destinations = destination_hashes(config.receivers, self._destinations)
            if moved or destinations != self._destinations:
                await self._evaluator.readdress(moved, destinations)
            self._destinations = destinations
            self._dispatcher.use(config.receivers, config.kinds, moved)

    async def _owed(self) -> Collection[str]:
        """Who has heard that something is open, or waits in the outbox."""
        heard = {name for i in self._evaluator.status.incidents.values() if i.resolved_at is None for name in i.told}
        with contextlib.suppress(StoreError):  # whoever is owed nothing else is found when his turn comes
            heard |= {each.name for each in await self._store.receivers() if each.pending}
        return heard

    def _replacements(self, message: OutboxMessage) -> Sequence[OutboxMessage]:
        """The end of an incident, owed to one who is gone: for those who are to hear of it now, and have not yet.

        Of what is still open, or has opened again, they hear on their own, as everybody does who comes later.
        """
        incident, plan = message.incident, self._evaluator.plan
        if message.event is not IncidentEvent.RESOLVED or incident.many is not None:
            return ()
        now = self._evaluator.status.incidents.get(incident.id, incident)
        if now.phase == OPEN or now.openings != incident.openings:
            return ()
        heard = follow(incident.receivers, self._dispatcher.moved)
        names = (
            name
            for name in route(incident, plan.routes, plan.receivers, plan.dependency_graph.labels)
            if name not in heard
        )
        return [replace(message, id=message_id(incident, name), receiver=name) for name in names]
