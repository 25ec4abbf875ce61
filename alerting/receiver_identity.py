"""Receivers told apart by where they lead: one that is called otherwise now is still owed what it was owed.

What is kept of a destination is a salted hash: it can be compared, and gives away neither token nor address.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from alerting.incident import Incident
from alerting.notifier import Notifier

DestinationHashes = Mapping[str, str]
"""Receiver → salt and hash of its destination."""

Successors = Mapping[str, str | None]
"""Receiver of before → who has its destination now, under whatever name; None: nobody."""


def destination_hashes(receivers: Mapping[str, Notifier], before: DestinationHashes) -> DestinationHashes:
    """What is to be kept of these; equal to ``before`` where nothing has changed."""
    return {
        name: before[name]
        if name in before and _has_destination(before[name], notifier)
        else _hash_destination(notifier, secrets.token_hex(8))
        for name, notifier in receivers.items()
    }


def successors(before: DestinationHashes, receivers: Mapping[str, Notifier], owed: Iterable[str] = ()) -> Successors:
    """Who everybody is now who was a receiver, or is ``owed`` something, and is not the same any more.

    A name that leads elsewhere passes on what it owes to the one with its old destination, if there is one; where
    there is none the name decides, for then it was its address that was changed.
    """
    found: dict[str, str | None] = {}
    for name in dict.fromkeys((*before, *owed)):
        hashed, notifier = before.get(name), receivers.get(name)
        if notifier is not None and (hashed is None or _has_destination(hashed, notifier)):
            continue
        successor = (
            None
            if hashed is None
            else next((each for each in receivers if _has_destination(hashed, receivers[each])), None)
        )
        if successor is not None or notifier is None:
            found[name] = successor
    return found


def follow(names: Iterable[str], moved: Successors) -> tuple[str, ...]:
    """These receivers as they are called now, without those that are gone; each once."""
    now = (moved.get(name, name) for name in names)
    return tuple(dict.fromkeys(name for name in now if name is not None))


def renamed(incident: Incident, moved: Successors) -> Incident:
    """The incident with all who heard of it under the names they have now."""
    parts = tuple(replace(part, receivers=follow(part.receivers, moved)) for part in incident.parts)
    return replace(incident, receivers=follow(incident.receivers, moved), parts=parts)


def _hash_destination(notifier: Notifier, salt: str) -> str:
    text = f"{type(notifier).__module__} {notifier.destination().reveal()}"
    return f"{salt} {hmac.new(salt.encode(), text.encode(), sha256).hexdigest()}"


def _has_destination(hashed: str, notifier: Notifier) -> bool:
    """Whether the notifier leads where the seal was made for."""
    return hmac.compare_digest(_hash_destination(notifier, hashed.partition(" ")[0]), hashed)
