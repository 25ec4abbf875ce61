"""What people do about silences, through the evaluator: so it is kept, and holds for all that is told from then on."""

import secrets
from dataclasses import replace
from datetime import datetime

import structlog

from alerting.silences import Matchers, Silence
from monitor.clock import Now
from monitor.state.evaluator import Evaluator

log = structlog.get_logger(__name__)


class ServiceSilences:
    """Makes silences, and ends them."""

    def __init__(self, evaluator: Evaluator, now: Now) -> None:
        self._evaluator, self._now = evaluator, now

    async def make(
        self, matchers: Matchers, starts_at: datetime | None, ends_at: datetime | None, who: str, comment: str
    ) -> Silence:
        """One that starts now, unless ``starts_at`` is another time. Raises NotKept."""
        now = self._now()
        made = Silence(
            f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", matchers, starts_at or now, ends_at, who, comment, now
        )
        await self._evaluator.keep_silence(made)
        log.info("silence made", silence=made.id, of=str(matchers), who=who, comment=comment)
        return made

    async def end(self, id: str, who: str) -> Silence | None:
        """The silence as it is then; one that is over stays as it was. None: there is none of that id.

        Raises NotKept.
        """
        now = self._now()
        known = next((one for one in self._evaluator.status.silences.made if one.id == id), None)
        if known is None or known.is_over(now):
            return known
        ended = replace(known, starts_at=min(known.starts_at, now), ends_at=now, ended_by=who)
        await self._evaluator.keep_silence(ended)
        log.info("silence ended", silence=id, who=who)
        return ended
