"""How many servers of a zone must answer: what is written of that, compared with the servers that there are."""

from collections.abc import Collection, Mapping
from typing import Any

from alerting.model import Policy
from monitor.config.errors import KeyPath, Problems
from monitor.config.model import ServerEntry

MORE = "fewer servers than min_good would be critical, and more than quorum a warning: raise quorum, or lower min_good"


def needed_servers(
    problems: Problems,
    path: KeyPath,
    table: Any,
    servers: Collection[str],
    defined: Mapping[str, ServerEntry],
    usual: Policy,
) -> dict[str, Any]:
    """``min_good`` and ``quorum`` of a zone, or of the zones of a list; ``servers`` are those that are named, and
    ``usual`` is what holds where nothing is written here.
    """
    min_good = usual.min_good if table.min_good is None else table.min_good
    quorum = usual.quorum if table.quorum is None else table.quorum
    there = [name for name in servers if name in defined and not defined[name].hidden] or list(servers)
    if table.min_good is not None and 0 < len(there) < min_good and problems.sound(*path, "servers"):
        listed = "the zone has one" if len(there) == 1 else f"the zone has {len(there)}"
        hint = "hidden servers are not counted where there are others" if len(there) < len(servers) else ""
        problems.mistake((*path, "min_good"), f"{min_good} servers cannot answer: {listed}", hint)
    if quorum is not None and quorum < min_good and (table.quorum, table.min_good) != (None, None):
        key, other = ("min_good", "quorum") if table.quorum is None else ("quorum", "min_good")
        mine, theirs = (min_good, quorum) if key == "min_good" else (quorum, min_good)
        than = "more" if key == "min_good" else "less"
        of = "" if getattr(table, other) is not None else " of [alerting]"
        problems.mistake((*path, key), f"{mine} is {than} than {other}{of}, {theirs}", MORE)
    return {"min_good": min_good if min_good > 1 else None, "quorum": quorum}


def check_usual(problems: Problems, policy: Policy) -> None:
    """What [alerting] says of all zones fits together."""
    if policy.quorum is not None and policy.quorum < policy.min_good and problems.sound("alerting"):
        problems.mistake(("alerting", "quorum"), f"{policy.quorum} is less than min_good, {policy.min_good}", MORE)
