"""Transfers that a scripted nameserver signs, rightly or not."""

from typing import Any

from tests.support.misbehaviour import zone
from tests.support.nameserver import (
    Asked,
    Connection,
    Tcp,
    reply,
)
from tests.support.signing import Pen


def signing(build: Any, **pen: Any) -> Tcp:
    """``build`` gets the query and a pen, and gives the messages."""

    async def tcp(query: Asked, connection: Connection) -> None:
        for wire in build(query, Pen(query, **pen)):
            await connection.send(wire)
        await connection.stall()

    return tcp


def messages(query: Asked, count: int = 3) -> list[bytes]:
    return [reply(query, records) for records in zone(count)]


def all_signed(query: Asked, pen: Pen) -> list[bytes]:
    return [pen.sign(wire) for wire in messages(query)]
