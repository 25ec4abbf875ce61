"""Text from strangers as printable ASCII of bounded length, and nothing else."""

from dns.exception import DNSException

MAX_TEXT_LENGTH = 255
"""Characters of one text field; what is longer ends in an ellipsis."""


def printable(octets: bytes, most: int = MAX_TEXT_LENGTH) -> str:
    r"""Octets as ASCII; the rest, and the backslash, as ``\DDD`` (RFC 1035 section 5.1)."""
    cut = octets[:most]
    text = "".join(chr(o) if 32 <= o < 127 and o != 92 else f"\\{o:03d}" for o in cut)
    return bounded(text if len(cut) == len(octets) else text + "...", most)


def bounded(text: str, most: int = MAX_TEXT_LENGTH) -> str:
    """Text of our own making, or already escaped, cut to ``most`` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def identity(octets: bytes) -> str | None:
    """An NSID (RFC 5001): as text where it is text, otherwise in hex; None where it is empty."""
    if not octets:
        return None
    if all(32 <= o < 127 for o in octets):
        return bounded(octets.decode("ascii"))
    return bounded(octets.hex())


def evidence(octets: bytes) -> str:
    """The first 64 octets, in hex."""
    return octets[:64].hex()


def system(error: OSError) -> str:
    """What the system says went wrong, in its words."""
    return bounded(error.strerror or type(error).__name__).lower()


def complaint(error: Exception) -> str:
    """What an exception of dnspython says is wrong, on one line; it may quote octets from the network."""
    words = " ".join(str(error).split()).removesuffix(".").lower() if isinstance(error, DNSException) else ""
    return printable((words or type(error).__name__).encode())
