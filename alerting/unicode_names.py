"""Labels of domain names as people read them (IDNA)."""

import idna


def to_unicode(label: str) -> str:
    """An A-label in the letters it stands for (RFC 5891 section 5.4); what only looks like one stays as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
