"""A status in which every text that a stranger can choose is hostile."""

from dataclasses import replace

from alerting.incident import Acknowledgement, Cause, IncidentChange, IncidentEvent
from alerting.notification import OutboxMessage
from alerting.outbox import DeliveryResult, ReceiverStatus
from alerting.timeline import TimelineEvent, entry
from checks.model import Address
from checks.zone_state.model import StateChange
from monitor.state.ports import Commit
from monitor.state.status import CheckStatus
from tests.support.web_status import (
    NOW,
    Stage,
    address,
    ago,
    bad,
    finding,
    incident,
    line,
    stage,
    status,
    zone,
)

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>' onmouseover=alert(3) {{7*7}} ${7*7} </title></style>"


async def hostile() -> Stage:
    where = Address("192.0.2.66")
    one = address(EVIL, where, nsid=EVIL, outcome=EVIL, state=EVIL, group=EVIL, hidden=False)
    found = finding("record-differs", EVIL, EVIL, where, subject=EVIL, check=EVIL, incident=EVIL)
    odd = finding("record-differs", EVIL, None, None, subject=EVIL)
    it = replace(
        bad(zone("example.com.", EVIL), found, replace(odd, key=replace(odd.key, code=EVIL))),
        addresses=(one,),
        primary=EVIL,
        checks=(CheckStatus(EVIL, NOW, zone("x.").health, EVIL),),
        reference_serials={EVIL: 7},
        labels=(("team", EVIL),),
    )
    told = replace(
        incident("evil", Cause("server", EVIL), found.severity, (line("record-differs", EVIL, EVIL, EVIL, EVIL),)),
        zones=(EVIL,),
        labels=(("team", EVIL),),
        acknowledged=Acknowledgement(NOW, EVIL, EVIL),
    )
    seen = status(
        [it], vantage=EVIL, version=EVIL, offline_families=(EVIL,), store_ok=False, store_error=EVIL, config_ok=False,
        config_error=EVIL, incidents={EVIL: replace(told, id=EVIL)},
        receivers={EVIL: ReceiverStatus(EVIL, EVIL, 1, last_error=EVIL)},
    )  # fmt: skip
    made = await stage(seen)
    runs = (
        StateChange("example.com.", EVIL, where, 7, "answered", ago(hours=3)),
        StateChange("example.com.", EVIL, where, None, EVIL, ago(hours=1)),
    )
    over = replace(told, phase="resolved", resolved_at=NOW)
    change = IncidentChange(servers=(EVIL,), named_zones=(EVIL,), more_zones=1)
    timeline = (
        entry(over, TimelineEvent.GREW, NOW, change=change),
        entry(over, TimelineEvent.ACKNOWLEDGED, NOW, who=EVIL, note=EVIL),
    )
    messages = (OutboxMessage("m", EVIL, IncidentEvent.OPENED, over, NOW),)
    await made.store.commit(Commit(state_changes=runs, incidents=(over,), timeline=timeline, messages=messages))
    await made.store.settle(DeliveryResult("m", NOW, EVIL))
    made.counters.dispatcher.attempts.labels(EVIL, EVIL).inc()
    made.counters.evaluator._failures.labels(EVIL).inc()
    return made
