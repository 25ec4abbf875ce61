"""The template of the pair's own zones."""

from dataclasses import dataclass

MAIL = "192.0.2.25"
"""The address of mail, which a fault moves."""


@dataclass(frozen=True, slots=True)
class Timers:
    """The SOA's, in whole seconds."""

    refresh: int = 2
    retry: int = 2
    expire: int = 600
    minimum: int = 5


def zone_text(timers: Timers | None = None, serial: int = 1000) -> str:
    """A small zone with one of everything that matters, all of it reserved for documentation (RFC 5737, 3849)."""
    t = timers or Timers()
    return f"""\
@          300 SOA   ns1 hostmaster {serial} {t.refresh} {t.retry} {t.expire} {t.minimum}
@          300 NS    ns1
@          300 NS    ns2
@          300 MX    10 mail
@          300 TXT   "a zone to try soawatch on"
ns1        300 A     192.0.2.1
ns2        300 A     192.0.2.2
www        300 A     192.0.2.80
www        300 AAAA  2001:db8::80
mail       300 A     {MAIL}
alias      300 CNAME www
*.wild     300 TXT   "any name under wild"
child      300 NS    ns.child
ns.child   300 A     192.0.2.53
"""
