"""What keeps us from an address to listen at, in words."""

import errno
from pathlib import Path

_PRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
"""Where Linux says from which port on anybody may listen (ip(7))."""


class CannotListen(OSError):
    """An address to listen at cannot be had; the text says why, and what to do. ``setting`` names it.

    ``lasting``: trying again later cannot help, only another setting can. A port in use may become free, and at boot
    an address may come up late.
    """

    def __init__(
        self, error: OSError, host: str, port: int, *, setting: str, where_privileged: str, every: bool = True
    ) -> None:
        """``where_privileged``: what to do where the port must be this one; ``every``: it may be all addresses."""
        super().__init__(error.errno, _why(error, host, port, where_privileged, every=every))
        self.lasting = error.errno in (errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT)
        self.setting = setting

    def __str__(self) -> str:
        return str(self.strerror)


def _why(error: OSError, host: str, port: int, where_privileged: str, *, every: bool) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            what = (
                "address already in use by another program, perhaps another soawatch; "
                f"stop that (ss -ltunp 'sport = :{port}' names it), or choose another port"
            )
        case errno.EACCES | errno.EPERM:
            what = f"this user may not listen on ports below {_free_for_all()}; choose a higher one, {where_privileged}"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            what = "this machine has no such address; choose one that `ip address` shows"
            if every:
                what += f", or {'::' if ':' in host else '0.0.0.0'} for all of them"  # noqa: S104 - told, not listened at
        case _:
            what = str(error)
    return f"cannot listen on {where}: {what}"


def _free_for_all() -> int:
    try:
        return int(_PRIVILEGED.read_text())
    except (OSError, ValueError):
        return 1024
