"""Records as they are read out of answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Soa:
    serial: int
    mname: str
    rname: str
    refresh: int
    retry: int
    expire: int
    minimum: int
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class RrSet:
    """An RRset in canonical form (RFC 4034 section 6): rdata as escaped presentation text, sorted."""

    name: str
    type: str
    ttl: int
    rdata: tuple[str, ...]
