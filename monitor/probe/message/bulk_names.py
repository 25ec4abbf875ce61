"""Encodes the names of very many zones, quickly."""

from collections.abc import Iterable

from monitor.probe.message.request import wire_name

_LENGTHS = tuple(bytes((length,)) for length in range(64))


def wire_names(names: Iterable[str]) -> list[bytes]:
    """Absolute names in lower case, as octets. Raises DNSException where one is none."""
    lengths, join = _LENGTHS, b"".join
    written = []
    for name in names:
        if "\\" in name or name == ".":
            written.append(wire_name(name))
            continue
        parts: list[bytes] = []
        for label in name.encode("ascii").split(b"."):  # the last, after the final dot, is the root's
            parts += (lengths[len(label)], label)
        written.append(join(parts))
    return written
