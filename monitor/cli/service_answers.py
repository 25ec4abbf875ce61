"""What a service answers to a command: read up to a size, and of the shape that is asked for, whoever answers there."""

import json
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass

MAX_ANSWER = 32 * 1024 * 1024
"""Octets; a hundred incidents that name a thousand zones each, or a thousand silences, are far fewer."""


@dataclass(frozen=True, slots=True)
class Each:
    """An object with any keys, whose values have one shape."""

    shape: "Shape"


Shape = type | None | list["Shape"] | tuple["Shape", ...] | Mapping[str, "Shape"] | Each
"""A type of JSON; a list of one shape; a tuple: one of these; the keys that an object has at least."""

TEXT_OR_NONE = (str, None)

INCIDENT: Shape = {
    "id": str,
    "title": str,
    "phase": str,
    "severity": str,
    "worst_severity": str,
    "began_at": str,
    "acknowledged": (None, {"by": TEXT_OR_NONE, "note": TEXT_OR_NONE}),
}

SILENCE: Shape = {
    "id": str,
    "state": str,
    "matchers": Each([str]),
    "starts_at": str,
    "ends_at": TEXT_OR_NONE,
    "created_by": str,
    "comment": str,
    "ended_by": TEXT_OR_NONE,
}


class TooLong(Exception):
    """More than a service would say."""


async def whole(chunks: AsyncIterable[bytes]) -> bytes:
    """All of them. Raises TooLong."""
    read = bytearray()
    async for chunk in chunks:
        read += chunk
        if len(read) > MAX_ANSWER:
            raise TooLong
    return bytes(read)


def json_or_none(body: bytes) -> object:
    """What it says; None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def has_shape(value: object, shape: Shape) -> bool:
    """Whether all is there that is asked for; what is there besides is passed over."""
    if isinstance(shape, tuple):
        return any(has_shape(value, one) for one in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(has_shape(one, shape[0]) for one in value)
    if isinstance(shape, Each):
        return isinstance(value, dict) and all(has_shape(one, shape.shape) for one in value.values())
    if isinstance(shape, Mapping):
        return isinstance(value, dict) and all(key in value and has_shape(value[key], shape[key]) for key in shape)
    return value is None if shape is None else isinstance(value, shape)
