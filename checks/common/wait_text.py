"""Says in sentences what a wait is for, and what it came to."""

from collections.abc import Iterator
from enum import StrEnum

from checks.common.text import enumerated, format_duration, plural, truncate
from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.model.awaited import Awaited, AwaitedRecord, Presence

MAX_GOALS = 3
"""Things waited for that are told; the others are counted."""


class Ended(StrEnum):
    """How a wait ended."""

    DONE = "done"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"


def goal_text(awaited: Awaited, *, one: bool = False) -> str:
    """What the addresses are to do, as a predicate: "serve 2026112701 or newer"; of ``one``: "serves …"."""
    s = "s" if one else ""
    if awaited.same_version:
        return f"serve{s} the same version"
    goals = [] if awaited.serial is None else [f"serve{s} {awaited.serial} or newer"]
    goals += [_record(record, "has" if one else "have", f"lack{s}") for record in awaited.records]
    more = f" and {len(goals) - MAX_GOALS} more" if len(goals) > MAX_GOALS else ""
    return " and ".join(goals[:MAX_GOALS]) + more


def _record(record: AwaitedRecord, have: str, lack: str) -> str:
    values = enumerated(map(truncate, record.rdata), most=4)
    if record.presence is Presence.ABSENT:
        return f"{lack} {values} for {record}" if values else f"{lack} {record}"
    if record.presence is Presence.EXACT:
        return f"{have} exactly {values} for {record}"
    return f"{have} {values or 'something'} for {record}"


def state_text(progress: WaitProgress, one: AddressProgress) -> str:
    """One address, in a sentence: "ns1 (192.0.2.1) serves 2026112700, older than 2026112701"."""
    return f"{one} {progress.text(one)}{_looks(progress, one)}{_machines(progress, one)}"


def _looks(progress: WaitProgress, one: AddressProgress) -> str:
    if progress.needed == 1 or not progress.is_good(one):
        return ""
    return f", {min(one.row, progress.needed)} of {plural(progress.needed, 'look')} in a row"


def _machines(progress: WaitProgress, one: AddressProgress) -> str:
    """Where several answered at one address, their names, or those that are late and what they have."""
    late = [
        f"this is NSID {machine.nsid}"
        if machine.look == one.look
        else f"NSID {machine.nsid} {progress.text(one, machine.look)}"
        for machine in progress.late_machines(one)
    ]
    if late and len(one.nsids) > 1:
        return f" (of {len(one.nsids)} machines there, {enumerated(late, most=3)})"
    return f" (machines {enumerated(one.nsids, most=8)})" if len(one.nsids) > 1 else ""


def result_text(progress: WaitProgress, ended: Ended, seconds: float) -> Iterator[str]:
    """What it came to: a sentence, and one more for each address that is late."""
    there = len(progress.chosen)
    if ended is Ended.DONE:
        goal = goal_text(progress.awaited, one=there == 1)
        version = f" ({progress.served})" if progress.served is not None else ""
        yield f"{'its address' if there == 1 else f'all {there} addresses'} {goal}{version}, after {precise(seconds)}"
        return
    late, goal = progress.late, goal_text(progress.awaited)
    do = "does" if len(late) == 1 else "do"
    why = "the time is over" if ended is Ended.TIMEOUT else "interrupted"
    yield f"{why} after {precise(seconds)}; {len(late)} of {plural(there, 'address')} {do} not yet {goal}"
    yield from (state_text(progress, one) for one in late)


def precise(seconds: float) -> str:
    """A duration; to a tenth of a second below ten."""
    return f"{seconds:.1f} s" if seconds < 10 else format_duration(seconds)
