"""The shapes of what is told of a wait, by the API and by ``soawatch wait --json``."""

from typing import Any

from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.common.wait_text import Ended, result_text, state_text


def step_data(progress: WaitProgress, one: AddressProgress) -> dict[str, Any]:
    """One address says something else than before, or has been good once more."""
    return {
        "event": "progress",
        "zone": progress.zone,
        "seconds": round(progress.seconds, 3),
        "done": len(progress.chosen) - len(progress.late),
        "of": len(progress.chosen),
        "address": _address(progress, one),
    }


def end_data(progress: WaitProgress, ended: Ended, seconds: float) -> dict[str, Any]:
    """The wait is over."""
    title, *_ = result_text(progress, ended, seconds)
    return {
        "event": ended.value,
        "zone": progress.zone,
        "seconds": round(seconds, 3),
        "done": len(progress.chosen) - len(progress.late),
        "of": len(progress.chosen),
        "text": title,
        "late": [state_text(progress, one) for one in progress.late],
        "addresses": [_address(progress, one) for one in progress.addresses.values()],
    }


def _address(progress: WaitProgress, one: AddressProgress) -> dict[str, Any]:
    return {
        "server": one.server,
        "address": str(one.address),
        "is_chosen": one.chosen,
        "is_done": progress.is_done(one),
        "is_good": progress.is_good(one),
        "looks": one.looks,
        "good_looks": one.row,
        "arrived_seconds": None if one.arrived is None or not progress.is_good(one) else round(one.arrived, 3),
        "serial": one.look.serial,
        "nsids": list(one.nsids),
        "late_machines": [
            {"nsid": machine.nsid, "serial": machine.look.serial, "text": progress.text(one, machine.look)}
            for machine in progress.late_machines(one)
        ],
        "text": progress.text(one),
    }
