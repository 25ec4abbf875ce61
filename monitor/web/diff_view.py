"""What pages show of records that differ: by owner and type, what is missing, what is more and what is changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from checks.common.text import one_line, plural, truncate
from checks.common.zone_difference import ADDED, REMOVED, ZoneComparison, left_out
from checks.model import Address, Zone
from monitor.state.level import Level
from monitor.web.formatting import number

MAX_LINE = 1000
"""Characters of a record that are shown; a TXT record may have 65 535."""


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record without its owner and type."""

    sign: str
    ttl: str
    data: str

    @property
    def is_added(self) -> bool:
        return self.sign == ADDED


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """What differs at one owner and type."""

    owner: str
    type: str
    records: list[ShownRecord] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """``changed``, ``removed`` or ``added``."""
        signs = {record.sign for record in self.records}
        return "changed" if len(signs) > 1 else "added" if ADDED in signs else "removed"


def record_groups(signed: Iterable[tuple[str, str]]) -> list[RecordGroup]:
    """From signs and lines of a zone file, in their order."""
    groups: dict[tuple[str, str], RecordGroup] = {}
    for sign, line in signed:
        owner, ttl, _, type, data = (*one_line(line).split(" ", 4), "", "", "", "")[:5]
        group = groups.setdefault((owner, type), RecordGroup(owner, type))
        group.records.append(ShownRecord(sign, ttl, truncate(data, MAX_LINE)))
    for group in groups.values():
        group.records.sort(key=lambda record: record.sign != REMOVED)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """``before`` and ``after`` call the two what tells them apart; ``rest`` says what is not shown."""

    found: ZoneComparison
    level: Level
    verdict: str
    before: str
    after: str
    groups: Sequence[RecordGroup]
    rest: Sequence[str]


def comparison_view(found: ZoneComparison, lines: int, characters: int) -> ComparisonView:
    """With ``lines`` records at most, and so many characters of them."""
    one, other = found.before, found.after
    before, after = (one.server, other.server) if one.server != other.server else (str(one), str(other))
    shown, left = [], characters
    for sign, line in islice(found.difference, lines):
        left -= min(len(line), MAX_LINE)
        if left < 0:
            break
        shown.append((sign, line))
    if found.equal:
        level, verdict = Level.GOOD, f"The same {number(one.records)} records, serial {one.soa.serial}"
    else:
        at_least = "" if found.complete else "at least "
        counts = f"{plural(len(found.difference.removed), 'record')} only at {before}"
        verdict = f"{at_least}{counts}, {number(len(found.difference.added))} only at {after}"
        level = Level.CRITICAL if one.soa.serial == other.soa.serial else Level.PROPAGATING
    return ComparisonView(
        found, level, verdict[0].upper() + verdict[1:], before, after, record_groups(shown), left_out(found, len(shown))
    )


def place_text(server: str, address: Address) -> str:
    """What names an address of a zone in a form."""
    return f"{server}={address}"


@dataclass(frozen=True, slots=True)
class DiffForm:
    """The form that asks for a comparison, as it was filled in, or as it is most likely wanted.

    ``places``: what may be chosen, as it is sent and as it is shown.
    """

    path: str
    proof: str
    places: Sequence[tuple[str, str]]
    before: str
    after: str
    ignore_dnssec: bool = False


def diff_form(zone: Zone, path: str, proof: str, *, before: str = "", after: str = "", **how: bool) -> DiffForm | None:
    """Who leads first, and against it the first of another name; None where there are no two addresses."""
    pairs = [(server.name, address) for server, address in zone.server_addresses()]
    if len(pairs) < 2:
        return None
    places = [(place_text(*pair), f"{pair[0]} · {pair[1]}") for pair in pairs]
    first = next((pair for pair in pairs if zone.leads(pair[0])), pairs[0])
    second = next((pair for pair in pairs if pair[0] != first[0]), next(pair for pair in pairs if pair != first))
    known = {value for value, _ in places}
    return DiffForm(
        path,
        proof,
        places,
        before if before in known else place_text(*first),
        after if after in known else place_text(*second),
        **how,
    )
