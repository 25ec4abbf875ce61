"""The delegation of a zone as a server of its parent zone gives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Referral:
    """What a referral holds (RFC 1034 section 4.3.2, step 3b). Names are absolute and in lower case, all in order.

    ``zone`` is what is delegated: the owner of the NS records; ``ttl`` is theirs, in seconds. ``glue`` are name and IP
    address of what stands beside them. ``ds`` are the DS records of that owner, in presentation form; ``denied``: there
    are none, and NSEC or NSEC3 records are there to prove it (RFC 4035 section 3.1.4).
    """

    zone: str
    nameservers: tuple[str, ...]
    ttl: int
    glue: tuple[tuple[str, str], ...] = ()
    ds: tuple[str, ...] = ()
    denied: bool = False

    def addresses(self, name: str) -> tuple[str, ...]:
        """The glue of that nameserver."""
        return tuple(ip for owner, ip in self.glue if owner == name)
