"""A client of what answers on loopback without TLS."""

import httpx


def plain_http(base_url: str, *, timeout: float = 5.0) -> httpx.AsyncClient:
    """It reads no certificates of authorities, which takes longer than many questions, and no proxy of the machine."""
    return httpx.AsyncClient(base_url=base_url, timeout=timeout, verify=False, trust_env=False)
