"""Domain names as they are on the wire, and as people read them."""

import ipaddress
import re

import dns.exception
import dns.name
import idna

from alerting.unicode_names import to_unicode

_PIECE = re.compile(r"\\[0-9]{3}|\\.|.", re.DOTALL)
_DOTS = (".", "\u3002", "\uff0e", "\uff61")
"""Label separators as UTS #46 knows them; an escaped dot is part of its label."""


_PLAIN = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_-]{1,63}\.)*[a-z_-][a-z0-9_-]{0,62}\.?", re.ASCII)
plain = _PLAIN.fullmatch
"""Most names: nothing to fold, to escape or to translate, and no address. There may be a hundred thousand of them."""

MAX_NAME_LENGTH = 4 * 255
"""Characters: a name has at most 255 octets (RFC 1035 section 2.3.4), and escaped each of them is four."""


class BadName(ValueError):
    """The text is not a domain name; the sentence says why, ``hint`` (maybe empty) what was perhaps meant."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def parse_name(text: str) -> str:
    """The name as servers know it: absolute, lower case, A-labels (UTS #46), escaped as in RFC 1035 section 5.1.

    Underscores, escapes and names of RFC 2317 are kept; the final dot may be missing. Raises BadName.
    """
    lower = text.lower() if text.isascii() else ""
    if plain(lower):
        return lower if lower.endswith(".") else lower + "."
    _refuse_what_is_no_name(text)
    if text == ".":
        return text
    labels = _labels(text)
    if not labels[-1]:
        labels.pop()
    try:
        return dns.name.from_text(".".join(map(_a_label, labels)) + ".").canonicalize().to_text()
    except dns.exception.DNSException as error:
        raise BadName(f"not a domain name: {_reason(error)}") from None


def host(text: str) -> str:
    """A name that can be that of a server (RFC 952, RFC 1123 section 2.1): letters, digits, hyphens, underscores."""
    name = parse_name(text)
    for label in name.rstrip(".").split("."):
        if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", label):
            raise BadName("not a host name")
    return name


def unicode(name: str) -> str:
    """The name in letters people read; labels that are no valid IDNA 2008 stay as they are."""
    if "xn--" not in name:
        return name
    return ".".join(to_unicode(label) for label in _labels(name))


def show(name: str) -> str:
    """Both forms: ``xn--bcher-kva.example. (bücher.example.)``; one where they are the same."""
    readable = unicode(name)
    return name if readable == name else f"{name} ({readable})"


def _labels(text: str) -> list[str]:
    labels = [""]
    for piece in _PIECE.findall(text):
        if piece == "\\":
            raise BadName("not a domain name: ends in a backslash")
        if piece in _DOTS:
            labels.append("")
        else:
            labels[-1] += piece
    return labels


def _refuse_what_is_no_name(text: str) -> None:
    if not text:
        raise BadName("not a domain name: empty")
    if len(text) > MAX_NAME_LENGTH:
        raise BadName("not a domain name: longer than 255 octets")
    if text == "@":
        raise BadName('"@" means the zone itself, and there is none here')
    if any(char.isspace() or char < " " or char == "\x7f" for char in text):
        raise BadName("not a domain name: holds a space or a control character")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return
    reverse = _reverse(network)
    raise BadName("an address, not a domain name", f"the reverse zone is called {reverse}" if reverse else "")


def _reverse(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """The name of the zone for a prefix of whole octets (IPv4, at most /24) or nibbles (IPv6); else empty."""
    step = 8 if network.version == 4 else 4
    length = min(network.prefixlen, 24) if network.version == 4 else network.prefixlen
    if length % step:
        return ""
    labels = network.network_address.reverse_pointer.split(".")
    return ".".join(labels[(network.max_prefixlen - length) // step :]) + "."


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    if "\\" in label:
        raise BadName("not a domain name: escapes and letters beyond ASCII do not go together in one label")
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadName(f"not an internationalised name: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
