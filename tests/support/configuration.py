"""Configurations read from text."""

from pathlib import Path

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


def read(text: str, **env: str) -> Config:
    return parse(text, HERE, env)
