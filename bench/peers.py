"""Measures others on the same question: dnsperf, which is the limit, and three that monitor."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from bench.process import Running, core, running
from bench.servers import Absent, Pair, program
from bench.table import LIMIT, PEER, Asked

CHECKS = 2000
"""Addresses that the slow ones are asked for."""

PATIENCE = 60.0

Peer = Callable[[Pair, Path], Asked]


def dnsperf(pair: Pair, directory: Path) -> Asked:
    """A program in C that does nothing but ask: the first server, for three seconds."""
    command = [program("dnsperf", "dnsperf")]
    asked = directory / "asked"
    asked.write_text("".join(f"{zone} SOA\n" for zone in pair.zones))
    host, port = pair.addresses[0]
    command += ["-s", host, "-p", str(port), "-d", str(asked), "-l", "3"]
    with running([*command, "-q", "150", "-c", "1", "-T", "1"], core(0), directory) as one:
        cpu = peak = 0.0
        while not one.over:
            cpu, peak = max(cpu, one.cpu()), max(peak, one.peak())
            time.sleep(0.02)
        text = one.out.read_text()
    queries, lost, rate = (
        float(_found(rf"{what}:\s+([\d.]+)", text))
        for what in ("Queries completed", "Queries lost", "Queries per second")
    )
    return Asked(LIMIT, cpu / queries * 1e6, rate, peak, int(lost), of=int(queries))


def blackbox(pair: Pair, directory: Path) -> Asked:
    """One module for each zone of the sample, which wants its serial; 20 connections that stay open."""
    command = [program("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")]
    zones = sample(pair)
    config = directory / "blackbox.yml"
    config.write_text(json.dumps({"modules": {zone: blackbox_module(zone, pair.serials(zone)[0]) for zone in zones}}))
    port = free_tcp_port()
    command += [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    paths = [
        (zone, "/probe?" + urlencode({"module": zone, "target": f"{host}:{number}"}))
        for zone in zones
        for host, number in pair.addresses
    ]
    with running(command, core(0), directory) as exporter:
        listening(exporter, port)
        return exporting(PEER, exporter, port, paths, 20, re.compile(r"^probe_success ([01])$", re.MULTILINE), pair)


def blackbox_module(zone: str, serial: int) -> object:
    dns = {
        "query_name": zone, "query_type": "SOA", "transport_protocol": "udp", "preferred_ip_protocol": "ip4",
        "validate_answer_rrs": {"fail_if_none_matches_regexp": [f".* {serial} .*"]},
    }  # fmt: skip
    return {"prober": "dns", "timeout": "5s", "dns": dns}


def dns_exporter(pair: Pair, directory: Path) -> Asked:
    """The same of a part of the sample; 4 connections, as more make it slower."""
    bin_ = environment(directory, "dns_exporter", "httpx")
    zones = sample(pair)[: CHECKS // 8]
    config = directory / "exporter.yml"
    modules = {f"zone{n}": dns_exporter_module(zone, pair.serials(zone)[0]) for n, zone in enumerate(zones)}
    config.write_text(json.dumps({"modules": modules}))
    port = free_tcp_port()
    paths = [
        (zone, "/query?" + urlencode({"module": f"zone{n}", "server": f"{host}:{number}"}))
        for n, zone in enumerate(zones)
        for host, number in pair.addresses
    ]
    success = re.compile(r"^dnsexp_dns_query_success ([01])\.0$", re.MULTILINE)
    with running(
        [str(bin_ / "dns_exporter"), "-c", str(config), "-p", str(port), "-q"], core(0), directory
    ) as exporter:
        listening(exporter, port)
        return exporting("dns_exporter", exporter, port, paths, 4, success, pair)


def dns_exporter_module(zone: str, serial: int) -> object:
    return {
        "protocol": "udp", "family": "ipv4", "timeout": "5", "query_name": zone, "query_type": "SOA",
        "validate_answer_rrs": {"fail_if_none_matches_regexp": [f".* {serial} .*"]},
    }  # fmt: skip


def check_soa_serials(pair: Pair, directory: Path) -> Asked:
    """All zones of the sample in one process, less what starting it costs.

    Version 1.0.0 takes an address for a host name, because it wants it to be IPv4 and IPv6 at once: that is mended.
    """
    python = environment(directory, "check_soa_serials") / "python"
    servers = [f"{host}:{port}" for host, port in pair.addresses]

    def took(zones: Sequence[str]) -> tuple[float, float, float, int]:
        listed = directory / "zones"
        listed.write_text("\n".join(zones))
        with running([str(python), "-c", SERIALS, "-f", str(listed), *servers], core(0), directory) as one:
            begun = time.monotonic()
            cpu = peak = 0.0
            while not one.over and time.monotonic() - begun < PATIENCE:
                cpu, peak = max(cpu, one.cpu()), max(peak, one.peak())
                time.sleep(0.01)
            critical = _found(r"zones_critical=(\d+)", one.out.read_text() + one.err.read_text())
            return cpu, time.monotonic() - begun, peak, int(critical)

    zones = sample(pair)
    least, least_wall, _, _ = took(zones[-1:])
    cpu, wall, peak, found = took(zones)
    checks = 2 * len(zones)
    drifted = len(pair.drifted & set(zones))
    return Asked(
        "check_soa_serials", (cpu - least) / checks * 1e6, checks / (wall - least_wall), peak, 0,
        f"{found} of {drifted} in its sample", checks,
    )  # fmt: skip


SERIALS = """
import sys
from check_soa_serials import __main__ as plugin
plugin.SOASerials.validate_ip = staticmethod(lambda address: True)
plugin.main(sys.argv[1:])
"""

PEERS: dict[str, Peer] = {
    LIMIT: dnsperf,
    PEER: blackbox,
    "check_soa_serials": check_soa_serials,
    "dns_exporter": dns_exporter,
}


def asked_by(what: str, pair: Pair, directory: Path) -> Asked:
    """Whatever keeps it from being measured is said in its row."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        return PEERS[what](pair, directory)
    except Absent as absent:
        return Asked(what, absent=str(absent))
    except (OSError, RuntimeError, subprocess.SubprocessError, ValueError) as error:
        return Asked(what, absent=f"could not be measured: {' '.join(str(error).split())[:120]}")


def sample(pair: Pair) -> list[str]:
    """Of the zones that move as many as of all."""
    step = max(1, len(pair.zones) * 2 // CHECKS)
    still = [zone for zone in pair.zones if zone not in pair.moving][::step]
    moving = sorted(pair.moving)[::step]
    return [*moving, *still][: CHECKS // 2]


# --- exporters ---


def exporting(
    what: str, exporter: Running, port: int, paths: Sequence[tuple[str, str]], clients: int,
    success: re.Pattern[str], pair: Pair,
) -> Asked:  # fmt: skip
    """Scraped for all ``paths`` by so many clients; only the CPU of the exporter counts."""

    def scrape(part: Sequence[tuple[str, str]]) -> set[str]:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        found = set()
        for zone, path in part:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {text[:200]}")
            told = success.search(text)
            if told is None:
                raise RuntimeError(text[-300:])
            if told[1] == "0":
                found.add(zone)
        connection.close()
        return found

    scrape(paths[:20])
    begun, cpu = time.monotonic(), exporter.cpu()
    with ThreadPoolExecutor(clients) as pool:
        found = set().union(*pool.map(scrape, [paths[first::clients] for first in range(clients)]))
    wall, cpu = time.monotonic() - begun, exporter.cpu() - cpu
    there = pair.drifted & {zone for zone, _ in paths}
    told = f"{len(found & there)} of {len(there)} in its sample"
    if found - there:
        told += f", {len(found - there)} false"
    return Asked(what, cpu / len(paths) * 1e6, len(paths) / wall, exporter.peak(), None, told, len(paths))


def listening(exporter: Running, port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if exporter.over:
            raise RuntimeError(exporter.err.read_text()[-300:] or "it ended at once")
        time.sleep(0.05)
    raise RuntimeError("it did not begin to listen")


def free_tcp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# --- what comes from the package index ---


def environment(directory: Path, *packages: str) -> Path:
    """Where the programs of these are: an environment of their own beside ``directory``, made once. Raises Absent."""
    place = directory.parent / f"environment-{packages[0]}"
    refused, made = place / "refused", place / "made"
    if not place.exists():
        uv = shutil.which("uv")
        python = place / "bin" / "python"
        make = [uv, "venv", "-q", str(place)] if uv else [sys.executable, "-m", "venv", str(place)]
        install = [uv, "pip", "install", "-q", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
        try:
            subprocess.run(make, check=True, capture_output=True, timeout=PATIENCE)
            subprocess.run([*install, *packages], check=True, capture_output=True, timeout=3 * PATIENCE)
            made.touch()
        except (OSError, subprocess.SubprocessError):
            place.mkdir(exist_ok=True)
            refused.touch()
    if not made.exists():
        raise Absent("cannot be had from the package index here")
    return place / "bin"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"it said nothing of {pattern}: {text[-200:]}")
    return match[1]
