"""The zones of RFC 8976 appendix A with their ZONEMD records, as errata put them right; without what is out of zone."""

from pathlib import Path

import dns.zone

EXAMPLES = ("a1", "a2", "a3", "a4", "a5")


def example(name: str) -> dns.zone.Zone:
    """One of EXAMPLES, names absolute."""
    text = (Path(__file__).parent / f"{name}.zone").read_text()
    return dns.zone.from_text(text, relativize=False)
