"""Asks the witnesses that the configuration names, where a look brought nothing at all over an address family."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace

from checks.model import Family, ZonePoll
from checks.zone_state.connectivity import Connectivity, record_poll
from checks.zone_state.witness import Witness, WitnessReply, WitnessVerdict, WitnessWord
from monitor.clock import now
from monitor.config.model import Config
from monitor.probe.client.sockets import Sockets
from monitor.probe.witness import ask_witness

PATIENCE = 1.0
"""Seconds for each of the two ways to ask one: somebody waits."""


async def witnessed(config: Config, look: Iterable[ZonePoll], until: float | None) -> Connectivity:
    """Nothing but what witnesses say; nothing at all where none is named, nobody is in doubt, or it is ``until``."""
    seen = said = Connectivity()
    for poll in look:
        seen = record_poll(seen, poll)
    for family in seen.offline:
        asked = [Witness(one) for one in config.policy.witness or () if one.family is family]
        if asked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    said = _with(said, family, await _word(config, asked))
    return said


async def _word(config: Config, asked: Iterable[Witness]) -> WitnessWord:
    at, sockets, witnesses = now(), Sockets(config.probe.source), tuple(asked)
    answers = await asyncio.gather(*(ask_witness(one.address, sockets, PATIENCE) for one in witnesses))
    return WitnessWord(at, tuple(map(WitnessReply, witnesses, answers)))


def _with(connectivity: Connectivity, family: Family, word: WitnessWord) -> Connectivity:
    connected = word.verdict(other_family=False) is WitnessVerdict.CONNECTED
    return replace(
        connectivity,
        words={**connectivity.words, family: word},
        decided={**connectivity.decided, family: not connected},
    )
