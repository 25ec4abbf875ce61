"""Configurations read from text."""

from collections.abc import Container
from pathlib import Path

from checks.registry import CHECKS
from monitor.config.load import parse
from monitor.config.model import Config

HERE = Path("/etc/soawatch/config.toml")


TWO = """
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
addresses = ["192.0.2.2"]
[[zones]]
name = "example.com"
servers = ["ns1", "ns2"]
"""


def off(but: Container[str] = ()) -> str:
    """Lines of [cadence] that switch off every check but these."""
    return "".join(f'{name} = "off"\n' for name in CHECKS if name not in but)


def read(text: str, **env: str) -> Config:
    return parse(text, HERE, env)
