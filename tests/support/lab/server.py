"""One real nameserver: what it serves, whom it follows, and how it is broken."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from checks.model import Address, Family, Transport
from monitor.probe.types import TsigKey
from tests.support.certificates import Certificate
from tests.support.lab import bind, knot, nsd, powerdns
from tests.support.lab.model import XFR, Content, Duty, Setup, TlsPort, tsig
from tests.support.lab.ports import reserve
from tests.support.lab.process import Process
from tests.support.lab.waiting import until


class Driver(Protocol):
    """What is particular to one software: its files, its command line, how it takes up changed files."""

    def write(self, setup: Setup, room: Path) -> None: ...

    def command(self, room: Path) -> list[str]: ...

    def reload(self, process: Process, room: Path) -> None: ...

    def orders(self, room: Path) -> dict[str, list[str]]:
        """The programs that give it orders while it runs, each with what leads it to this server and no other."""
        ...


SOFTWARE: dict[str, Driver] = {"bind": bind, "knot": knot, "nsd": nsd, "powerdns": powerdns}


CLASH = ("address in use", "already in use", "interface ignored")
"""What servers say whose port another process has; BIND goes on without it, the others end."""


class Server:
    """A nameserver on 127.0.0.1 and ::1, on one port of its own.

    Everything it is told is a ``Setup``; each verb below makes another one of it, and a running server takes it up at
    once. The verbs do not wait for the outcome: ``wait`` does.
    """

    def __init__(self, software: str, name: str, room: Path) -> None:
        self.software = software
        self.name = name
        self.room = room
        self.driver = SOFTWARE[software]
        port, claim = reserve()
        self._claims = [claim]
        self.setup = Setup(name, Address("127.0.0.1", port), Address("::1", port))
        self.upstreams: dict[str, Server] = {}
        self._process: Process | None = None
        self._said = 0
        room.mkdir(parents=True)
        self.log = room / "log"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.software} at {self.ipv4}>"

    @property
    def ipv4(self) -> Address:
        return self.setup.ipv4

    @property
    def ipv6(self) -> Address:
        return self.setup.ipv6

    def at(self, family: Family) -> Address:
        return self.ipv6 if family is Family.IPV6 else self.ipv4

    # --- what it does ---

    def serve(
        self,
        content: Content,
        *,
        allow: tuple[TsigKey, ...] = (XFR,),
        everyone: bool = False,
        dynamic: bool = False,
        signs: bool = False,
        zonemd: bool = False,
    ) -> None:
        """Be a primary for a zone and give it to whoever has one of the keys in ``allow``."""
        duty = Duty(content.zone, content, allow=allow, everyone=everyone, dynamic=dynamic, signs=signs, zonemd=zonemd)
        self._take(self.setup.with_duty(duty))

    def follow(
        self,
        primary: "Server | Address",
        *zones: str,
        key: TsigKey | None = XFR,
        notify: bool = True,
        allow: tuple[TsigKey, ...] = (XFR,),
        over: Family = Family.IPV4,
        signs: bool = False,
        forwards: bool = False,
    ) -> None:
        """Be a secondary of ``primary`` for ``zones``, asking with ``key``; with ``notify`` it is told of changes.

        With ``signs`` it signs what it gets, under serials of its own. A primary that is not of this lab is an address,
        and has to be told by other means whom to notify.
        """
        setup, upstream = self.setup, primary if isinstance(primary, Address) else primary.at(over)
        for zone in zones:
            duty = Duty(zone, upstream=upstream, upstream_key=key, allow=allow, signs=signs, forwards=forwards)
            setup = setup.with_duty(duty)
        self._take(setup)
        if isinstance(primary, Server):
            self.upstreams.update(dict.fromkeys(zones, primary))
            if notify:
                primary.tell(self.at(over), *zones)

    def limit(self, rate: int) -> None:
        """Limit the rate of equal answers over UDP; to be said before it starts."""
        self.setup = replace(self.setup, rate=rate)

    def hide_name(self) -> None:
        """Give no NSID; to be said before it starts."""
        self.setup = replace(self.setup, named=False)

    def use_dnssec(self) -> None:
        """Sign, or give the signatures that there are; to be said before it starts."""
        self.setup = replace(self.setup, dnssec=True)

    def use_tls(self, certificate: Certificate) -> int:
        """Listen for TLS as well, at a port of its own, which it says; to be said before it starts."""
        port, claim = reserve()
        self._claims.append(claim)
        self.setup = replace(self.setup, tls=TlsPort(port, certificate))
        return port

    def drop(self, zone: str) -> None:
        """No longer serve the zone at all, as if it had been taken out of the configuration."""
        self._take(self.setup.without(zone))

    def put(self, *contents: Content) -> None:
        """Have other versions of zones it is primary for, whatever their serials, all at once."""
        setup = self.setup
        for content in contents:
            setup = setup.with_duty(replace(setup.duty(content.zone), content=content))
        self._take(setup)

    def edit(self, content: Content) -> None:
        """Write another version of a zone where it reads it, and leave it to orders when it does."""
        self.setup = self.setup.with_duty(replace(self.setup.duty(content.zone), content=content))
        self.driver.write(self.setup, self.room)

    def bump(self, zone: str, *records: str) -> int:
        """Raise the zone's serial by one, with ``records`` added; the new serial."""
        content = self.content(zone).next()
        self.put(replace(content, records=(*content.records, *records)))
        return content.serial

    def allow(self, zone: str, *keys: TsigKey, everyone: bool = False) -> None:
        """Give transfers of the zone to these keys only; to nobody if none is named."""
        self._change(zone, allow=keys, everyone=everyone)

    def tell(self, address: Address, *zones: str, key: TsigKey | None = None) -> None:
        """From now on send a NOTIFY to that address for each new version of these zones; ``key`` signs those of a zone,
        to whomever they go.
        """
        setup = self.setup
        for zone in zones:
            duty = setup.duty(zone)
            others = tuple(one for one in duty.notify if one != address)
            setup = setup.with_duty(replace(duty, notify=(*others, address), notify_key=key))
        self._take(setup)

    def content(self, zone: str) -> Content:
        content = self.setup.duty(zone).content
        assert content is not None, f"{self.name} is not primary for {zone}"
        return content

    # --- how it is kept from hearing of changes ---

    def freeze(self, zone: str) -> None:
        """Stay where it is: its primary no longer tells it of changes (and its refresh timer is hours away)."""
        upstream = self.upstreams[zone]
        told = tuple(address for address in upstream.setup.duty(zone).notify if address not in self.setup.addresses)
        upstream._change(zone, notify=told)

    def thaw(self, zone: str) -> None:
        """Be told of changes again, and of what was missed at once; ``catch_up`` waits for that, and insists."""
        self.upstreams[zone].tell(self._hears(zone), zone)
        self.nudge(zone)

    def nudge(self, zone: str) -> None:
        """Hand it a NOTIFY (RFC 1996) for the zone, as its primary would; it may get lost, as theirs may."""
        notify = dns.message.make_query(zone, dns.rdatatype.SOA, use_edns=False)
        notify.set_opcode(dns.opcode.NOTIFY)
        notify.flags = dns.opcode.to_flags(dns.opcode.NOTIFY) | dns.flags.AA
        address = self._hears(zone)
        with contextlib.suppress(dns.exception.Timeout):
            dns.query.udp(notify, address.host, port=address.port, timeout=1)

    # --- its life ---

    @property
    def running(self) -> bool:
        return self._process is not None

    def launch(self) -> None:
        """Start it; it need not answer yet."""
        self.driver.write(self.setup, self.room)
        self._said = self.log.stat().st_size if self.log.exists() else 0
        self._process = Process(self.driver.command(self.room), room=self.room, log=self.log)

    def start(self) -> None:
        """Start it, again with what it had on disk if it ran before, and wait until it answers."""
        self.launch()
        self.ready()

    def ready(self) -> None:
        """Wait until it answers over UDP and TCP on both addresses, and serves every zone it is primary for; one
        that it signs or makes a ZONEMD record for, by whatever serial.

        Its port may be in use for a moment: PowerDNS asks from random ports, those of servers among them.
        """
        until(self._answers, lambda: f"{self!r} does not answer\n{self.last_words(200)}", seconds=20)
        for duty in self.setup.duties:
            if duty.signs or duty.zonemd:
                self._wait_for_any_version(duty.zone)
            elif duty.content is not None:
                self.wait(duty.zone, duty.content.serial)

    def _wait_for_any_version(self, zone: str) -> None:
        until(lambda: self.serial(zone) is not None, lambda: f"{self!r} does not serve {zone}\n{self.last_words(200)}")

    def stop(self) -> None:
        """Kill it at once; its ports refuse from then on."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        """Hang: the kernel still takes connections, nothing answers."""
        assert self._process is not None
        self._process.pause()

    def resume(self) -> None:
        assert self._process is not None
        self._process.resume()

    def close(self) -> None:
        """Stop it for good and give its port back."""
        self.stop()
        for claim in self._claims:
            claim.close()

    def last_words(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self!r}\n" + "\n".join(text.splitlines()[-lines:])

    # --- what it answers ---

    def ask(
        self,
        qname: str,
        qtype: str = "SOA",
        *,
        transport: Transport = Transport.UDP,
        family: Family = Family.IPV4,
        key: TsigKey | None = None,
        timeout: float = 2.0,
        **options: Any,
    ) -> dns.message.Message:
        """One question with plain dnspython, for facts that do not depend on the prober."""
        query = dns.message.make_query(qname, qtype, **options)
        query.flags &= ~dns.flags.RD
        if key is not None:
            query.use_tsig(tsig(key))
        address = self.at(family)
        send = dns.query.tcp if transport is Transport.TCP else dns.query.udp
        return send(query, address.host, port=address.port, timeout=timeout)

    def serial(self, zone: str) -> int | None:
        """The serial it serves with authority, or None for any other answer and for silence."""
        try:
            answer = self.ask(zone, timeout=1.0)
        except (dns.exception.DNSException, OSError):
            return None
        if not answer.flags & dns.flags.AA:
            return None
        found = answer.get_rrset(answer.answer, answer.question[0].name, dns.rdataclass.IN, dns.rdatatype.SOA)
        return found[0].serial if found else None

    def wait(self, zone: str, serial: int, *, seconds: float = 20.0) -> None:
        """Return once it serves that version of the zone."""
        until(lambda: self.serial(zone) == serial, lambda: self._why(zone, serial), seconds=seconds)

    def wait_rcode(self, zone: str, rcode: str, *, seconds: float = 20.0) -> None:
        """Return once it answers the SOA question with that rcode, such as SERVFAIL for a copy that has expired."""

        def answered() -> bool:
            try:
                return dns.rcode.to_text(self.ask(zone, timeout=1.0).rcode()) == rcode
            except dns.exception.DNSException:
                return False

        until(answered, lambda: self._why(zone, rcode), seconds=seconds)

    def catch_up(self, zone: str, serial: int, *, seconds: float = 20.0) -> None:
        """``wait``, handing it a NOTIFY until it does: one that comes while it is busy may get lost."""

        def caught_up() -> bool:
            if self.serial(zone) == serial:
                return True
            self.nudge(zone)
            return False

        until(caught_up, lambda: self._why(zone, serial), seconds=seconds, pause=0.3)

    def wait_for(self, qname: str, qtype: str, rdata: str, *, seconds: float = 10.0) -> None:
        """Return once ``rdata`` is among what it gives for a name."""

        def given() -> bool:
            return any(str(one) == rdata for rrset in self.ask(qname, qtype).answer for one in rrset)

        until(
            given, lambda: f"{self!r} does not give {rdata} for {qname} {qtype}\n{self.last_words()}", seconds=seconds
        )

    # --- inside ---

    def _hears(self, zone: str) -> Address:
        """Its address of the family over which it follows its primary: there it takes a NOTIFY."""
        upstream = self.setup.duty(zone).upstream
        assert upstream is not None, f"{self.name} is not secondary for {zone}"
        return self.at(upstream.family)

    def _why(self, zone: str, wanted: int | str) -> str:
        upstream = self.upstreams.get(zone)
        words = self.last_words() + ("\n" + upstream.last_words() if upstream is not None else "")
        return f"{self!r} serves {self.serial(zone)} of {zone}, not yet {wanted}\n{words}"

    @property
    def clashed(self) -> bool:
        """Whether it has said, since it was launched, that it could not have its port."""
        said = self.log.read_bytes()[self._said :].decode(errors="replace").lower()
        return any(words in said for words in CLASH)

    def _answers(self) -> bool:
        if self.clashed:
            self.stop()
            self.launch()
        if self._process is not None and self._process.ended is not None:
            raise AssertionError(f"{self!r} ended with status {self._process.ended}\n{self.last_words()}")
        try:
            for family in Family:
                for transport in (Transport.UDP, Transport.TCP):
                    self.ask("ready.invalid.", transport=transport, family=family, timeout=0.5)
        except (dns.exception.DNSException, OSError):
            return False
        return True

    def _change(self, zone: str, **changes: Any) -> None:
        self._take(self.setup.with_duty(replace(self.setup.duty(zone), **changes)))

    def _take(self, setup: Setup) -> None:
        if setup == self.setup:
            return
        self.setup = setup
        if self._process is not None:
            self.driver.write(setup, self.room)
            self.driver.reload(self._process, self.room)
