"""Finds a port that is free on 127.0.0.1 and ::1, over UDP and TCP alike, and reserves it for one lab."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

_LOCAL = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


def _candidates() -> Iterator[int]:
    """Below the ports that the kernel gives to outgoing connections, so that none of those comes in between."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = list(range(max(1024, low - 20000), low))
    random.SystemRandom().shuffle(ports)
    yield from ports


def _free(port: int) -> bool:
    for host, family in _LOCAL:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as sock:
                try:
                    if kind == socket.SOCK_STREAM:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind((host, port))
                except OSError:
                    return False
    return True


def reserve() -> tuple[int, socket.socket]:
    """A free port and the claim on it; other labs of any process leave it alone until the claim is closed.

    The claim is a name in the abstract socket space: the kernel drops it with the process, however that ends.
    """
    for port in _candidates():
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0soawatch-lab-{port}")
        except OSError:
            claim.close()
            continue
        if _free(port):
            return port, claim
        claim.close()
    raise AssertionError("no free port on 127.0.0.1 and ::1")
