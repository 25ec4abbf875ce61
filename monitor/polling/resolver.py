"""Asks the resolver for addresses and NS sets.

dnspython's resolver is imported with the first question: a command whose servers are all given by address has none.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype

from monitor.config.sections import Resolver

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as StubResolver
    from dns.resolver import Answer, NoNameservers

NameQuestion = tuple[str, str]
"""What the resolver is asked: a name with its final dot, and a type: "NS", "A" or "AAAA"."""

MAX_IN_FLIGHT = 32
MAX_TIMEOUTS = 2 * MAX_IN_FLIGHT
"""So many questions in a row without any answer, and the resolver is not asked the rest."""
NOT_ASKED = "not asked, because the resolver does not answer"


class Lookups:
    """Questions to the resolver, each put once: what it answered, and why it did not.

    ``answers`` has an entry, be it empty, for what the resolver knows; ``missing`` are those whose name does not exist
    (NXDOMAIN). ``aliases`` says which are a CNAME, and for what, with final dot. ``failures`` says why nothing is known
    of the others.
    """

    def __init__(self, settings: Resolver) -> None:
        self.settings = settings
        self.answers: dict[NameQuestion, tuple[str, ...]] = {}
        self.missing: set[NameQuestion] = set()
        self.aliases: dict[NameQuestion, str] = {}
        self.failures: dict[NameQuestion, str] = {}
        self.unasked = 0
        self._silent = 0

    async def ask(self, wanted: Iterable[NameQuestion]) -> None:
        """Puts the questions, each once, ``MAX_IN_FLIGHT`` at a time."""
        each = dict.fromkeys(wanted)
        if not each:
            return
        try:
            resolver = _resolver(self.settings)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            self.failures.update(dict.fromkeys(each, f"there is no resolver: {_words(error)}"))
            return
        questions = iter(each)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(MAX_IN_FLIGHT, len(each))):
                group.create_task(self._work(resolver, questions))

    async def _work(self, resolver: "StubResolver", questions: Iterator[NameQuestion]) -> None:
        for question in questions:
            if self._silent >= MAX_TIMEOUTS:
                self.unasked += 1
                self.failures[question] = NOT_ASKED
            else:
                await self._put(resolver, question)

    async def _put(self, resolver: "StubResolver", question: NameQuestion) -> None:
        """One question to the resolver; its end is in ``answers`` or in ``failures``."""
        import dns.resolver

        name, rdtype = question
        try:
            answer = await resolver.resolve(dns.name.from_text(name), rdtype, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            self._silent = 0
            self.answers[question] = ()
            self.missing.add(question)
        except dns.resolver.NoNameservers as error:
            rcode = _rcode(error)
            self._silent = 0 if rcode else self._silent + 1
            self.failures[question] = f"the resolver says {rcode}" if rcode else "the resolver does not answer"
        except (dns.exception.DNSException, OSError) as error:
            self._silent += 1
            timeout = isinstance(error, dns.exception.Timeout)
            self.failures[question] = "the resolver does not answer" if timeout else _words(error)
        else:
            self._silent = 0
            self.answers[question] = _values(answer)
            if answer.canonical_name != answer.qname:
                self.aliases[question] = answer.canonical_name.canonicalize().to_text()


def _resolver(settings: Resolver) -> "StubResolver":
    """The system's resolver, or the one that is configured. Raises DNSException where the system has none."""
    import dns.asyncresolver
    import dns.nameserver

    resolver = dns.asyncresolver.Resolver(configure=not settings.addresses)
    if settings.addresses:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(a.host, a.port) for a in settings.addresses]
    resolver.lifetime = settings.timeout
    resolver.timeout = min(2.0, settings.timeout)
    return resolver


def _values(answer: "Answer") -> tuple[str, ...]:
    if answer.rrset is None:
        return ()
    if answer.rrset.rdtype == dns.rdatatype.NS:
        return tuple(rdata.target.canonicalize().to_text() for rdata in answer.rrset)
    return tuple(rdata.address for rdata in answer.rrset)


def _rcode(error: "NoNameservers") -> str:
    """The rcode with which a resolver gave up; empty when none of them answered at all."""
    responses = [response for *_, response in error.kwargs.get("errors", ()) if response is not None]
    return dns.rcode.to_text(responses[-1].rcode()) if responses else ""


def _words(error: Exception) -> str:
    text = str(error).rstrip(".") or type(error).__name__
    return text[:1].lower() + text[1:]
