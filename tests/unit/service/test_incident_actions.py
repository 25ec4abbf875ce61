"""What people do about incidents is decided with all else: kept, shown, told, and there after a restart."""

from dataclasses import replace

import pytest

from alerting.incident import IncidentEvent
from monitor.service.incident_actions import ServiceIncidents
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import NotKept
from tests.support.evaluator import EvaluatorBench
from tests.support.observations import zone


async def bad() -> tuple[EvaluatorBench, str]:
    """One open incident, of which somebody was told."""
    one = zone()
    bench = EvaluatorBench(one)
    bench.evaluator.plan = replace(bench.plan, receivers=("hook", "mail"), hearing_acknowledgements=frozenset({"hook"}))
    await bench.look(one, 0, ns1="10", ns2="10")
    await bench.look(one, 1, ns1="10", ns2="-")
    (incident,) = bench.status.incidents
    return bench, incident


async def test_it_is_kept_shown_and_told() -> None:
    bench, incident = await bad()
    told, changed = bench.told, bench.changed
    done = await ServiceIncidents(bench.evaluator).acknowledge(incident, "anna", "mine")
    assert done is not None
    assert done.acknowledged is not None
    assert (done.acknowledged.by, done.acknowledged.note) == ("anna", "mine")
    assert bench.status.incidents[incident] == done
    kept = await bench.disk.kept.incident_record(incident)
    assert kept.incident == done
    assert [(each.event, each.who, each.note) for each in kept.timeline] == [
        ("opened", "", ""), ("acknowledged", "anna", "mine"),
    ]  # fmt: skip
    heard = [(each.receiver, each.event) for each in kept.deliveries][-1]
    assert heard == ("hook", IncidentEvent.ACKNOWLEDGED)
    assert (bench.told - told, bench.changed > changed) == (1, True)


async def test_a_restart_knows_of_it() -> None:
    bench, incident = await bad()
    await ServiceIncidents(bench.evaluator).acknowledge(incident, "anna", "")
    again = EvaluatorBench(zone(), memory=MonitorState.of(await bench.disk.kept.restore()))
    await again.look(zone(), 2, ns1="10", ns2="-")
    done = await ServiceIncidents(again.evaluator).unacknowledge(incident, "bert", "")
    assert done is not None
    assert done.acknowledged is None
    assert [each.who for each in (await again.disk.kept.incident_record(incident)).timeline] == ["bert"]


async def test_what_is_not_open_or_not_acknowledged_stays_as_it_is() -> None:
    bench, incident = await bad()
    actions, commits = ServiceIncidents(bench.evaluator), len(bench.disk.commits)
    assert await actions.acknowledge("x", "anna", "") is None
    assert await actions.unacknowledge("x", "anna", "") is None
    untouched = await actions.unacknowledge(incident, "anna", "")
    assert untouched == bench.status.incidents[incident]
    assert len(bench.disk.commits) == commits


async def test_what_is_said_again_is_no_news_and_what_is_new_is() -> None:
    """Whoever got no answer sends it again; a hundred times is one line of the timeline and one message."""
    bench, incident = await bad()
    actions = ServiceIncidents(bench.evaluator)
    first = await actions.acknowledge(incident, "anna", "mine")
    commits = len(bench.disk.commits)
    assert await actions.acknowledge(incident, "anna", "mine") == first
    assert len(bench.disk.commits) == commits
    for who, note in (("anna", "disk"), ("bert", "disk"), ("anna", "mine")):
        await actions.acknowledge(incident, who, note)
    kept = await bench.disk.kept.incident_record(incident)
    assert [(each.who, each.note) for each in kept.timeline[1:]] == [
        ("anna", "mine"), ("anna", "disk"), ("bert", "disk"), ("anna", "mine"),
    ]  # fmt: skip
    told = [each.event for each in kept.deliveries if each.receiver == "hook"]
    assert told == [IncidentEvent.OPENED, *[IncidentEvent.ACKNOWLEDGED] * 3], "the fourth is told in ten minutes"


async def test_what_the_disk_does_not_take_is_not_done_and_nobody_is_told_of_it() -> None:
    bench, incident = await bad()
    actions, told = ServiceIncidents(bench.evaluator), bench.told
    bench.disk.full = True
    for _ in range(2):
        with pytest.raises(NotKept, match="the disk is full"):
            await actions.acknowledge(incident, "anna", "mine")
    assert (bench.status.incidents[incident].acknowledged, bench.status.store_ok) == (None, False)
    assert (bench.record.messages, bench.told) == ((), told)
    bench.disk.full = False
    done = await actions.acknowledge(incident, "anna", "mine")
    assert (await bench.disk.kept.incident_record(incident)).incident == done
    assert (bench.status.store_ok, bench.told) == (True, told + 1)
