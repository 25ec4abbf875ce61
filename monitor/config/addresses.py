"""Reads addresses with ports."""

import ipaddress
import re

from checks.model import PORT, Address
from monitor.config.errors import InvalidValue, quoted

_FORMS = 'write for example "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"'
_PLAIN_FORMS = 'write for example "192.0.2.1" or "2001:db8::1"'
_BRACKETS = re.compile(r"\[([^\]]*)\](?::(.*))?")


def address(value: object, port: int = PORT) -> Address:
    """The address of a nameserver, normalised; ``port`` where none is written. Raises InvalidValue.

    Refused are addresses nobody can ask: unspecified, multicast, broadcast, IPv4 in IPv6, and link-local
    ones, which mean nothing without an interface.
    """
    literal, written = split(value)
    host = ip(literal)
    return Address(str(host), port if written is None else port_number(written))


def portless(value: object) -> Address:
    """The same with port zero where none is written, for one that is said elsewhere. Raises InvalidValue."""
    return address(value, 0)


def split(value: object) -> tuple[str, str | None]:
    """The text of the address and of the port, None where there is none."""
    if not isinstance(value, str):
        raise InvalidValue("must be an address in quotes", _FORMS)
    if match := _BRACKETS.fullmatch(value):
        return match[1], match[2]
    if value.count(":") == 1:
        host, port = value.split(":")
        return host, port
    return value, None


def literal(value: object) -> str:
    """An address without port, to ask from."""
    if not isinstance(value, str):
        raise InvalidValue("must be an address in quotes", _PLAIN_FORMS)
    return str(ip(value, _PLAIN_FORMS))


def ip(text: str, forms: str = _FORMS) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A unicast address. Raises InvalidValue."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidValue(f"{quoted(text)} is not an IP address", forms) from None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            raise InvalidValue(
                f"{quoted(text)} is an IPv4 address in IPv6 clothes", f'did you mean "{found.ipv4_mapped}"?'
            )
        if found.is_link_local:
            raise InvalidValue(f"{quoted(text)} is link-local: it means nothing outside its link")
    if found.is_unspecified or found.is_multicast or text == "255.255.255.255":
        raise InvalidValue(f"{quoted(text)} is not the address of one server")
    return found


def port_number(value: object, lowest: int = 1) -> int:
    """A port as number or digits. Raises InvalidValue."""
    digits = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", digits) or not lowest <= int(digits) <= 65535:
        raise InvalidValue(f"{quoted(digits)} is not a port", f"a number from {lowest} to 65535")
    return int(digits)


def listen(value: object) -> tuple[str, int]:
    """Where to listen: address and port, port 0 for any. Raises InvalidValue."""
    example = 'write for example "127.0.0.1:9953", "[::1]:9953" or "0.0.0.0:9953"'
    if not isinstance(value, str):
        raise InvalidValue("must be an address with port in quotes", example)
    host, port = split(value)
    if port is None:
        raise InvalidValue(f"{quoted(value)} has no port", example)
    if host == "localhost":
        host = "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host)), port_number(port, lowest=0)
    except InvalidValue:
        raise
    except ValueError:
        raise InvalidValue(f"{quoted(host)} is not an IP address", example) from None


def notify_listen(value: object) -> Address:
    """Where to listen for NOTIFY: one address of this machine, port 53 where none is written, 0 for any. Raises
    InvalidValue.

    An address that stands for all is refused: a response must come from the address that was written to, and to none
    but these.
    """
    literal, written = split(value)
    port = PORT if written is None else port_number(written, lowest=0)
    try:
        every = ipaddress.ip_address(literal).is_unspecified
    except ValueError:
        every = False
    if every:
        hint = 'write each address of this machine, for example "192.0.2.10:5300"'
        raise InvalidValue(f"{quoted(literal)} is not one address", hint)
    return Address(str(ip(literal)), port)


def network(value: object) -> str:
    """A network, or one address. Raises InvalidValue."""
    hint = 'write for example "192.0.2.0/24", "2001:db8::/64" or "192.0.2.1"'
    if not isinstance(value, str):
        raise InvalidValue("must be a network in quotes", hint)
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        if "host bits" in str(error):
            right = ipaddress.ip_network(value, strict=False)
            raise InvalidValue(f"{quoted(value)} has bits beyond its prefix", f'did you mean "{right}"?') from None
        raise InvalidValue(f"{quoted(value)} is not a network", hint) from None


def loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
