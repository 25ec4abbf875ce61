"""Signals that whoever started the tests made them ignore; a child would inherit that (signal(7)).

A shell starts what it runs in the background with SIGINT and SIGQUIT ignored, ``nohup`` ignores SIGHUP. A handler that
does nothing is the same to this process, and a child begins without it: exec(3) puts every handler back to the default.
"""

import signal
from types import FrameType

INHERITED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def spare_children() -> None:
    """From now on children start with the signals' defaults. Only in the main thread."""
    for number in INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _ignore)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Nothing."""
