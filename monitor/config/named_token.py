"""A token, and what its holder may do: apart from what reads it, which takes longer to load."""

from dataclasses import dataclass, field
from enum import StrEnum

from alerting.model import Secret


class Role(StrEnum):
    """What the holder of a token may do."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """A token of its own for each person or program."""

    name: str = field(metadata={"given": True})
    token: Secret = field(metadata={"example": 'token_file = "anna.token"'})
    """What is sent with a request, or given at the page's form, once. No two are alike."""
    role: Role = Role.READ
    """`"read"`: sees everything, and has nameservers asked (wait, compare); `"operate"`: acts on incidents as well,
    under the NAME, which is shown to all who see everything, and to all who are told of the incident."""
