"""A resolver on loopback that knows what it is told, and can be made silent or broken."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from checks.model import Address


@dataclass
class FakeResolver(asyncio.DatagramProtocol):
    """``data`` maps (name, type) to rdata; names that are nowhere in it do not exist."""

    data: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    servfail: set[str] = field(default_factory=set)
    dead: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> Address:
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")[:2]
        return Address(host, port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, rdtype = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, rdtype))
        if self.dead or name in self.silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.servfail:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, "CNAME") in self.data:
            (target,) = self.data[name, "CNAME"]
            response.answer.append(dns.rrset.from_text(name, 300, "IN", "CNAME", target))
            if (target, rdtype) in self.data:
                response.answer.append(dns.rrset.from_text(target, 300, "IN", rdtype, *self.data[target, rdtype]))
        elif (name, rdtype) in self.data:
            response.answer.append(dns.rrset.from_text(name, 300, "IN", rdtype, *self.data[name, rdtype]))
        elif name not in {known for known, _ in self.data}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        assert self.transport is not None
        self.transport.sendto(response.to_wire(), addr)


@contextlib.asynccontextmanager
async def resolving(data: Mapping[tuple[str, str], list[str]]) -> AsyncIterator[FakeResolver]:
    loop = asyncio.get_running_loop()
    resolver = FakeResolver(dict(data))
    transport, _ = await loop.create_datagram_endpoint(lambda: resolver, local_addr=("127.0.0.1", 0))
    try:
        yield resolver
    finally:
        transport.close()
