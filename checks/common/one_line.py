"""Escapes text for a terminal, or for a line of a log."""


def one_line(text: str) -> str:
    """Printable characters only: a line stays a line, and a terminal has nothing to obey.

    Control characters, line ends, and what changes the direction of writing are written as escapes.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def lines(text: str) -> str:
    """The same for each line of a text that may have several."""
    return "\n".join(map(one_line, text.expandtabs().split("\n")))
