"""What the network refuses, what it swallows, and what we cannot even ask are told apart."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.require import program

ALL = ("tcp ipv4", "tcp ipv6", "udp ipv4", "udp ipv6")
IPV4 = ("tcp ipv4", "udp ipv4")

# by what stands in the way: a router that says so (ICMP), a router that does not, a host, or our own system
WANTED = {
    "the neighbour's port is closed": [f"{way}: refused-connection" for way in ALL],
    "the router says unreachable": [f"{way}: unreachable" for way in ALL],
    "the router says prohibited": [f"{way}: unreachable" for way in ALL],
    "the router says nothing": [f"{way}: timeout" for way in ALL],
    "our own route says unreachable": [f"{way}: unasked" for way in ALL],
    "our own route says prohibited": [f"{way}: unasked" for way in IPV4],
    "there is no route": [f"{way}: unasked" for way in ALL],
}


def test_whose_fault_it_is_that_nothing_comes_back(kind: str) -> None:
    """Two network namespaces, one of them a router, and real ICMP over a real link."""
    program("ip", package="iproute2")
    inside = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--net"]
    program("nsenter", package="util-linux")
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network namespace")
    root = Path(__file__).parents[2]
    script = [sys.executable, "-m", "tests.contract.routed", kind]
    ran = subprocess.run([*inside, *script], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == WANTED
