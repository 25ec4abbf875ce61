"""What host names resolve to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a host name resolves to: its ``addresses``, or the ``reason`` why it has none.

    ``certain``: the resolver said so, and not that it does not know; or it has not known for long what it knows of
    others. ``alias``: it is a CNAME for that name, without final dot.
    """

    addresses: tuple[str, ...] = ()
    reason: str = ""
    certain: bool = True
    alias: str = ""
