"""The records of a zone in canonical order (RFC 4034 section 6), whatever the order in which they came.

What is too much for memory is sorted in runs, which stand one after the other in a temporary file without a name and
are merged in the end: so memory does not grow with the zone. Whoever uses it calls what may wait for a disk, ``spill``
and ``merge``, where nobody else has to wait with it.
"""

import heapq
import io
import tempfile
from collections.abc import Iterator
from struct import Struct

RUN_OCTETS = 4_000_000
"""Octets of records that are sorted at one time, with what Python needs beside each: some 25 000 records."""

MAX_SPILLED = 1_000_000_000
"""Octets of the temporary file, at most."""

BLOCK = 32_768
"""Octets read of a run at one time."""

SLICE = 100_000
"""Octets merged before whoever waits is heard again, some 2000 records: about a hundredth of a second."""

_OVERHEAD = 150
_HEAD = Struct("!I4s")
"""Octets of key and rdata, and the TTL, before each entry of a run."""


def order_key(owner: bytes) -> bytes:
    """Of a wire name in lower case octets that sort as names do (RFC 4034 section 6.1), labels from the right.

    Labels end in a zero, the name in another, and what is 0 or 1 in them is written in two octets.
    """
    labels: list[bytes] = []
    position = 0
    while length := owner[position]:
        label = owner[position + 1 : position + 1 + length]
        labels.append(label.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1"))
        position += 1 + length
    labels.reverse()
    return b"\0".join(labels) + b"\0\0"


def owner_of(key: bytes) -> bytes:
    """The wire name that ``order_key`` was made of."""
    labels = key[:-2].split(b"\0") if len(key) > 2 else []
    plain = (label.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1") for label in labels[::-1])
    return b"".join(bytes((len(label),)) + label for label in plain) + b"\0"


class RecordSorter:
    """Takes records of class IN one by one; ``merge`` gives them back in order, each once, in canonical wire form.

    Of the same record with several TTLs the first that came stands. Where it fails, because there is too much or the
    disk does not play its part, it keeps nothing, and ``failed`` says why. ``run`` and ``spilled`` are octets, at most.
    """

    __slots__ = (
        "_file", "_key", "_most", "_octets", "_owner", "_run", "_run_octets", "_runs", "_ttls", "_written", "failed",
    )  # fmt: skip

    def __init__(self, run: int = RUN_OCTETS, spilled: int = MAX_SPILLED) -> None:
        self.failed = ""
        self._run_octets, self._most = run, spilled
        self._run: dict[bytes, bytes] = {}
        """Key, type and rdata → TTL."""
        self._octets = self._written = 0
        self._ttls: dict[bytes, bytes] = {}
        self._owner = self._key = b""
        self._runs: list[tuple[int, int]] = []
        """Where each begins and ends in the file."""
        self._file: io.FileIO | None = None

    def add(self, owner: bytes, rest: bytes) -> None:
        """``rest`` is type, class, TTL, length and rdata, in canonical form as ``owner`` is."""
        if owner != self._owner:
            self._owner, self._key = owner, order_key(owner)
        entry = self._key + rest[:2] + rest[10:]
        if entry not in self._run and not self.failed:
            ttl = rest[4:8]
            self._run[entry] = self._ttls.setdefault(ttl, ttl) if len(self._ttls) < 1000 else ttl
            self._octets += len(entry) + _OVERHEAD

    def __len__(self) -> int:
        """Records in memory."""
        return len(self._run)

    @property
    def full(self) -> bool:
        """It is time to ``spill``."""
        return self._octets >= self._run_octets

    def spill(self) -> None:
        """Sorts what is in memory and writes it to the file."""
        run = self._run
        block = b"".join(_HEAD.pack(len(entry), run[entry]) + entry for entry in sorted(run))
        if self._written + len(block) > self._most:
            return self._give_up(f"too large: to sort it takes more than {self._most} octets")
        try:
            self._write(block)
        except OSError as error:
            return self._give_up(_words(error))
        self._runs.append((self._written, self._written + len(block)))
        self._written += len(block)
        self._run, self._octets = {}, 0
        return None

    def merge(self) -> Iterator[bytes]:
        """The records in order, some at a time, joined; they end where ``failed`` is set as well."""
        try:
            yield from self._merged()
        except OSError as error:
            self._give_up(_words(error))

    def _merged(self) -> Iterator[bytes]:
        runs: list[Iterator[tuple[bytes, bytes]]] = [self._stored(*run) for run in self._runs]
        runs.append((entry, self._run[entry]) for entry in sorted(self._run))
        entries = heapq.merge(*runs, key=_entry) if len(runs) > 1 else runs[0]
        yield from _slices(_records(entries))

    def close(self) -> None:
        """Lets go of all that it has."""
        self._run, self._runs, self._octets = {}, [], 0
        if self._file is not None:
            self._file.close()

    def _give_up(self, reason: str) -> None:
        self.failed = reason
        self.close()

    def _write(self, block: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="soawatch-", buffering=0)  # noqa: SIM115 - closed by close()
        self._file.seek(self._written)
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]

    def _stored(self, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
        """The entries of a run that was written."""
        rest = b""
        while position < end or rest:
            start = 0
            while start + _HEAD.size <= len(rest):
                size, ttl = _HEAD.unpack_from(rest, start)
                after = start + _HEAD.size + size
                if after > len(rest):
                    break
                yield rest[start + _HEAD.size : after], ttl
                start = after
            more = self._read(position, min(BLOCK, end - position))
            position += len(more)
            rest = rest[start:] + more

    def _read(self, position: int, octets: int) -> bytes:
        assert self._file is not None  # noqa: S101 - there are runs only where something was written
        self._file.seek(position)
        found = self._file.read(octets)
        if octets and not found:
            raise OSError("it has become shorter")
        return found


def _words(error: OSError) -> str:
    return f"it cannot be sorted in a temporary file: {error.strerror or error}"


def _entry(pair: tuple[bytes, bytes]) -> bytes:
    return pair[0]


def _slices(records: Iterator[bytes]) -> Iterator[bytes]:
    some: list[bytes] = []
    octets = 0
    for record in records:
        some.append(record)
        octets += len(record)
        if octets >= SLICE:
            yield b"".join(some)
            some, octets = [], 0
    if some:
        yield b"".join(some)


def _records(entries: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Each once, in wire form."""
    before = key = head = b""
    for entry, ttl in entries:
        if entry == before:
            continue
        before = entry
        if not entry.startswith(key) or not key:
            key = entry[: entry.index(b"\0\0") + 2]
            head = owner_of(key)
        start = len(key)
        rdata = entry[start + 2 :]
        yield head + entry[start : start + 2] + b"\0\1" + ttl + len(rdata).to_bytes(2, "big") + rdata
