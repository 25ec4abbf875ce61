"""Asks again without EDNS where an error may be meant for that."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from monitor.probe.client.observations import ExchangeResult, Response
from monitor.probe.message.response import NO_EDNS

TIMES = 2
"""How often it is asked with EDNS once more: one of several machines behind an address that fails may be the one that
has every other turn.
"""

AskAnew = Callable[[bool], Awaitable[ExchangeResult]]
"""Asks the same question, with EDNS or without."""


async def retry_without_edns(found: Response, count: Callable[[], None], ask: AskAnew) -> Response:
    """An error may be meant for EDNS: the question without it tells (RFC 6891 section 7). Without EDNS any answer
    counts beside an error that says so, and beside another error one that is none, if with EDNS the error comes again;
    otherwise it is not EDNS that it depends on. ``count`` is told of each question.
    """
    rcode = found.answer.rcode
    count()
    no_edns = await ask(False)
    if not isinstance(no_edns, Response) or no_edns.answer.rcode == rcode:
        return found
    if rcode not in NO_EDNS:
        if no_edns.answer.error:
            return found
        for _ in range(TIMES):
            count()
            again = await ask(True)
            if not isinstance(again, Response) or again.answer.rcode != rcode:
                return found
    return replace(no_edns, discarded=no_edns.discarded + found.discarded, without_edns=rcode)
