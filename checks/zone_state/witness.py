"""Witnesses: who tells a monitor that is cut off from servers that are silent.

A witness is an address that is asked only when servers fall silent, and once in a while. The word of those of an
address family says one of three things of that family:

- CONNECTED: a witness answers, so that nothing but the servers is silent;
- CUT_OFF: none does, of whom one was to be relied on: named by the operator, or one that did before;
- UNCERTAIN: nobody is there whose answer or silence would show anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from checks.common.text import enumerated
from checks.model import Address


class WitnessAnswer(StrEnum):
    """What came back of a witness."""

    RESOLVED = "resolved"
    """It found out about a name that no cache has: so it reaches others."""
    ANSWERED = "answered"
    """Something, be it an error or a refused connection: so it is reached."""
    SILENT = "silent"


class WitnessVerdict(StrEnum):
    """What witnesses say of the way to the servers."""

    CONNECTED = "connected"
    CUT_OFF = "cut-off"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, order=True)
class Witness:
    """``named``: by the operator, who vouches that it answers exactly when this monitor is connected. ``role`` says
    what one is that is not: such a one is near, so that only what it resolves shows that others are reached.
    """

    address: Address
    named: bool = True
    role: str = ""

    def __str__(self) -> str:
        return f"{self.role or 'the witness'} {self.address}"


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """One witness, and what came back. ``proven``: it gave the answer that counts before, since the start."""

    witness: Witness
    answer: WitnessAnswer
    proven: bool = False

    @property
    def counts(self) -> bool:
        """Whether it shows that the monitor is connected."""
        return self.answer is (WitnessAnswer.RESOLVED) or (self.witness.named and self.answer is WitnessAnswer.ANSWERED)


@dataclass(frozen=True, slots=True)
class WitnessWord:
    """What all witnesses of one address family said when they were asked ``at`` (and no sooner)."""

    at: datetime
    replies: tuple[WitnessReply, ...] = ()

    def verdict(self, *, other_family: bool) -> WitnessVerdict:
        """``other_family``: servers are heard over the other one. Then a resolver that nobody named may have resolved
        over that, and shows nothing of this one.
        """
        found = [one for one in self.replies if one.counts]
        if any(one.witness.named or not other_family for one in found):
            return WitnessVerdict.CONNECTED
        if found or not any(one.witness.named or one.proven for one in self.replies):
            return WitnessVerdict.UNCERTAIN
        return WitnessVerdict.CUT_OFF

    @property
    def proven(self) -> bool:
        """Whether one of them that was to be relied on did answer before."""
        return any(one.proven for one in self.replies)

    def silence(self) -> str:
        """Who does not answer, as the end of a sentence that begins with servers that do not."""
        near = _listed(one for one in self.replies if one.answer is WitnessAnswer.ANSWERED)
        silent = _listed(one for one in self.replies if one.answer is WitnessAnswer.SILENT)
        if silent and near:
            return f", nor does {silent}, while {near} answers but reaches nobody"
        return f", nor does {silent}" if silent else f", and {near} answers but reaches nobody" if near else ""


def _listed(replies: Iterable[WitnessReply]) -> str:
    return enumerated([one.witness for one in replies], 3)
