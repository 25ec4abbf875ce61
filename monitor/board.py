"""How is each zone, in a few octets? What is shown of very many zones without a picture of any."""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from alerting.model import Severity
from checks.model import Health, Zone
from checks.roll import Roll
from checks.states import STATES
from monitor.status import ServerTally, ZoneStatus
from monitor.still import micros, moment

_HEALTHS = (Health.UNKNOWN, Health.GOOD, Health.BAD)
_CODE = {health: code for code, health in enumerate(_HEALTHS)}
_WORST = {health: rank for rank, health in enumerate((Health.BAD, Health.UNKNOWN, Health.GOOD))}
_STATE = {state: code for code, state in enumerate(STATES)}

Draw = Callable[[str], ZoneStatus]


class Board:
    """The columns, by the zone's number in the roll; and tallies of them that are kept by difference."""

    def __init__(self, roll: Roll[Zone], draw: Draw) -> None:
        """``draw`` makes the picture of a zone as it is now; it is called on the event loop only."""
        self.draw = draw
        self._fresh(roll)

    def _fresh(self, roll: Roll[Zone]) -> None:
        self.roll = roll
        self._places = [[(s.name, s.addresses) for s in template.servers] for template in roll.templates]
        sizes = [sum(len(addresses) for _, addresses in places) for places in self._places]
        self._starts = roll.starts(sizes)
        self.health = bytearray(len(roll))
        self.worst = bytearray(len(roll))
        self._since = array("q", bytes(8 * len(roll)))
        self._states = bytearray(self._starts[-1])
        self.tally = [len(roll), 0, 0]
        self._text: str | None = None
        self.servers: dict[str, list[int]] = {}
        self.zones_at: Counter[str] = Counter()
        for kind, many in enumerate(roll.alike()):
            for name, addresses in self._places[kind]:
                self.zones_at[name] += many
                self.servers.setdefault(name, [0] * len(STATES))[0] += many * len(addresses)
        self._zones: BoardZones | None = None

    def use(self, roll: Roll[Zone], was: "array[int]") -> None:
        """Another plan; ``was`` has each zone's number before, or -1: such a zone is unknown until it is noted."""
        old_health, old_worst, old_since = self.health, self.worst, self._since
        old_starts, old_states, old_sizes = self._starts, self._states, self._sizes()
        self._fresh(roll)
        sizes = self._sizes()
        for number, past in enumerate(was):
            if past < 0 or not (old_health[past] or old_since[past]):
                continue
            states = bytes(sizes[number])
            if old_sizes[past] == sizes[number]:
                states = bytes(old_states[old_starts[past] : old_starts[past] + sizes[number]])
            self._set(number, old_health[past], old_worst[past], old_since[past], states)

    def _sizes(self) -> Sequence[int]:
        starts = self._starts
        return [starts[number + 1] - starts[number] for number in range(len(starts) - 1)]

    def note(
        self, name: str, health: Health, states: Sequence[str], worst: Severity | None, since_if_new: datetime
    ) -> None:
        """How a zone is now; ``since_if_new`` counts if its health was another before."""
        number = self.roll.number(name)
        code = _CODE[health]
        since = self._since[number]
        if not since or self.health[number] != code:
            since = micros(since_if_new)
        self._set(number, code, int(worst or 0), since, bytes(_STATE[state] for state in states))
        self._zones = None

    def _set(self, number: int, health: int, worst: int, since: int, states: bytes) -> None:
        self.tally[self.health[number]] -= 1
        self.tally[health] += 1
        self.health[number], self.worst[number], self._since[number] = health, worst, since
        start = self._starts[number]
        old = self._states[start : start + len(states)]
        if old == states:
            return
        place = 0
        for server, addresses in self._places[self.roll.kinds[number]]:
            counts = self.servers[server]
            for _ in addresses:
                counts[old[place]] -= 1
                counts[states[place]] += 1
                place += 1
        self._states[start : start + len(states)] = states

    def since(self, name: str) -> datetime | None:
        """Since when the zone's health is what it is; None while it has not been noted."""
        at = self._since[self.roll.number(name)]
        return moment(at) if at else None

    def touch(self) -> None:
        """Something else than health has changed in the pictures."""
        self._zones = None

    def zones(self) -> "BoardZones":
        """Another object whenever something has changed since the last call."""
        if self._zones is None:
            self._zones = BoardZones(self)
        return self._zones

    def text(self) -> str:
        """All names, each between line ends, for searching."""
        if self._text is None:
            self._text = "\n" + "\n".join(self.roll.names) + "\n"
        return self._text


class BoardZones(Mapping[str, ZoneStatus]):
    """What Status shows of the zones. Pictures are drawn when they are looked at, on the event loop, as of then."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __getitem__(self, name: str) -> ZoneStatus:
        if name not in self._board.roll:
            raise KeyError(name)
        return self._board.draw(name)

    def __contains__(self, name: object) -> bool:
        return name in self._board.roll

    def __iter__(self) -> Iterator[str]:
        return iter(self._board.roll)

    def __len__(self) -> int:
        return len(self._board.roll)

    def tally(self) -> Mapping[Health, int]:
        return dict(zip(_HEALTHS, self._board.tally, strict=True))

    def part(self, text: str, healths: Collection[Health], first: int, most: int) -> tuple[list[ZoneStatus], int]:
        """Of the zones of these healths whose names contain the text ``most`` from the ``first`` on, worst first, then
        by name; and how many there are in all.
        """
        numbers: Sequence[int] | None = self._search(text) if text else None
        found: list[ZoneStatus] = []
        total = 0
        for health in sorted(healths, key=_WORST.__getitem__):
            code = _CODE[health]
            if numbers is None:
                many = self._board.tally[code]
                turn = self._numbered(code, first - total, most - len(found)) if total + many > first else ()
            else:
                fitting = [number for number in numbers if self._board.health[number] == code]
                many = len(fitting)
                turn = fitting[max(0, first - total) :][: most - len(found)]
            if len(found) < most:
                found += [self._board.draw(self._board.roll.names[number]) for number in turn]
            total += many
        return found, total

    def _numbered(self, code: int, first: int, most: int) -> Sequence[int]:
        """The numbers of the zones with that health, ``most`` from the ``first`` on."""
        health = self._board.health
        if _HEALTHS[code] is Health.GOOD and self._board.tally[code] == len(health):
            return range(max(0, first), min(len(health), max(0, first) + most))
        found: list[int] = []
        number = health.find(code)
        while number >= 0 and (len(found) < max(0, first) + most):
            found.append(number)
            number = health.find(code, number + 1)
        return found[max(0, first) :]

    def _search(self, text: str) -> list[int]:
        names, whole = self._board.text(), self._board.roll
        found, place = [], names.find(text)
        while place >= 0:
            start = names.rfind("\n", 0, place) + 1
            end = names.find("\n", place)
            found.append(whole.number(names[start:end]))
            place = names.find(text, end)
        return found

    def servers(self) -> Mapping[str, ServerTally]:
        board = self._board
        return {
            name: ServerTally(board.zones_at[name], {s: n for s, n in zip(STATES, counts, strict=True) if n})
            for name, counts in board.servers.items()
        }
