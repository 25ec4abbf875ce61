"""Every fault of the bundled pair, played before a running service: what is found, who hears of it, and that it ends.

All stories are told at once in one event loop, for they mostly wait; each has a pair, a service, a database, a
webhook receiver and a mailbox of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from monitor.cli.demo_environment import Environment, environment
from monitor.cli.demo_runner import FaultResult, alerts, ready, run_fault
from monitor.pair.faults import FAULTS
from tests.support.mailbox import Mailbox, mailbox

AT_ONCE = 6

FINDING = 20.0
"""Seconds: two looks of a second, the two seconds of max_lag, refresh + retry, and a loaded machine."""

MAIL = """
[receivers.mail]
type = "email"
from = "soawatch@example.com"
to   = ["dns@example.com"]
smtp = {{ host = "127.0.0.1", port = {port}, tls = "none" }}
"""


@dataclass(frozen=True, slots=True)
class Story:
    noticed: FaultResult
    heard: tuple[str, ...]
    subjects: tuple[str, ...]


def all_ended(on: Environment, box: Mailbox) -> bool:
    """Whether the receiver has the end of every incident it has the beginning of, and the mailbox all of that."""
    kinds = [event.kind for event in on.receiver.events]
    return kinds.count("incident.opened") <= kinds.count("incident.resolved") and len(box.subjects) >= len(kinds)


async def tell(name: str) -> Story:
    async with mailbox() as box, environment(more=MAIL.format(port=box.port)) as on:
        await ready(on)
        noticed = await run_fault(on, FAULTS[name])
        async with asyncio.timeout(15):
            while noticed.alerted is not None and not all_ended(on, box):
                await asyncio.sleep(0.05)
        return Story(noticed, tuple(event.kind for event in on.receiver.events), tuple(box.subjects))


@pytest.fixture(scope="module")
def stories() -> Mapping[str, Story | BaseException]:
    async def all_of_them() -> list[Story | BaseException]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> Story:
            async with places:
                return await tell(name)

        return await asyncio.gather(*(one(name) for name in FAULTS), return_exceptions=True)

    return dict(zip(FAULTS, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.xdist_group("stories")
def test_a_fault_is_found_told_and_seen_to_end(stories: Mapping[str, Story | BaseException], name: str) -> None:
    story = stories[name]
    if isinstance(story, BaseException):
        raise story
    fault, noticed = FAULTS[name], story.noticed
    assert noticed.fired == set(fault.codes)
    if not alerts(fault):
        assert story.heard == ()
        assert story.subjects == ()
        return
    assert max(noticed.codes.values()) < FINDING
    assert story.heard[0] == "incident.opened"
    assert story.heard[-1] == "incident.resolved"
    opened = story.heard.count("incident.opened")
    assert opened == story.heard.count("incident.resolved")
    assert opened == (2 if fault.spreads_to else 1)
    assert set(story.heard[1:-1]) <= {"incident.worsened", "incident.opened", "incident.resolved"}
    assert any("no server is left that answers" in subject for subject in story.subjects) is bool(fault.spreads_to)
    assert noticed.resolved is not None
    first, ended = story.subjects[0], story.subjects[-1]
    assert first.startswith("[FIRING"), first
    assert ended.startswith("[RESOLVED"), ended
    assert len(story.subjects) == len(story.heard)
