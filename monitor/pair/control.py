"""The control socket by which a running pair is broken, mended and changed: one line of JSON each way."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from monitor.pair import faults
from monitor.pair.faults import UnknownFault
from monitor.pair.pair import Pair, UnknownServer
from monitor.pair.zonedata import BadZone

SOCKET = "control.sock"
_MAX_LINE = 64 * 1024
_TIMEOUT = 5.0

Command = Mapping[str, Any]
"""``{"do": "status" | "faults"}``, ``{"do": "break" | "mend", "fault": NAME, "server": NAME}``,
``{"do": "change", "zone": NAME, "records": [LINE…]}``. Without "fault", mend mends all; without "server", a fault
applies where its row of FAULTS says."""


class ControlError(Exception):
    """The pair could not be reached, or would not do it; the sentence says why."""


def execute(pair: Pair, command: Command) -> dict[str, Any]:
    """Executes a command on the pair and returns its reply. Raises ControlError."""
    actions: dict[str, Callable[[], dict[str, Any]]] = {
        "status": lambda: status(pair),
        "faults": lambda: {"faults": {name: fault.does for name, fault in faults.FAULTS.items()}},
        "break": lambda: {"server": pair.break_(_text(command, "fault"), _optional(command, "server"))},
        "mend": lambda: {"servers": list(pair.mend(_optional(command, "fault"), _optional(command, "server")))},
        "change": lambda: {"serial": pair.change(_zone(pair, command), *_lines(command))},
    }
    action = actions.get(str(command.get("do")))
    if action is None:
        raise ControlError(f'a command is a JSON object whose "do" is one of {", ".join(actions)}')
    try:
        return action()
    except (UnknownFault, UnknownServer, BadZone) as error:
        raise ControlError(str(error)) from None


def status(pair: Pair) -> dict[str, Any]:
    """Addresses, faults, serials and packet counts of both servers."""
    return {
        "servers": {
            server.name: {
                "addresses": [str(address) for address in server.addresses],
                "faults": list(pair.active[server.name]),
                "serials": {zone: pair.serial(zone, server.name) for zone in pair.zones},
                "counts": dict(sorted(server.counts.items())),
            }
            for server in pair.servers
        }
    }


def _text(command: Command, field: str) -> str:
    value = command.get(field)
    if not isinstance(value, str):
        raise ControlError(f'"{field}" must be given, as text')
    return value


def _optional(command: Command, field: str) -> str | None:
    return None if command.get(field) is None else _text(command, field)


def _zone(pair: Pair, command: Command) -> str:
    return _optional(command, "zone") or pair.zones[0]


def _lines(command: Command) -> list[str]:
    lines = command.get("records", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) and "\n" not in line for line in lines):
        raise ControlError('"records" must be a list of lines')
    return lines


@contextlib.asynccontextmanager
async def controlled(pair: Pair, directory: Path) -> AsyncIterator[None]:
    """The socket of a running pair in its directory, meanwhile; only its owner can connect to it.

    Raises ControlError when another pair runs in that directory, or its path is too long for a socket.
    """
    path, connections = directory / SOCKET, set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            async with asyncio.timeout(_TIMEOUT):
                writer.write(json.dumps(_reply(pair, await reader.readline())).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # gone, too slow, or a line without end
            writer.transport.abort()
        finally:
            connections.discard(writer)
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=_bind(path), limit=_MAX_LINE)
    try:
        yield
    finally:
        server.close()
        for writer in connections:
            writer.transport.abort()
        await server.wait_closed()
        path.unlink(missing_ok=True)


def _reply(pair: Pair, line: bytes) -> dict[str, Any]:
    try:
        command = json.loads(line)
        return {"ok": True, **execute(pair, command if isinstance(command, dict) else {})}
    except ControlError as error:
        return {"ok": False, "error": str(error)}
    except (ValueError, RecursionError):
        return {"ok": False, "error": "a command is one line of JSON"}


def _bind(path: Path) -> socket.socket:
    """The bound socket, mode 0600 before anybody can connect. A socket nobody listens on is left from a crash."""
    if path.is_socket():
        if _is_listening(path):
            raise ControlError(f"a pair runs in {path.parent} already")
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise ControlError(f"{path}: {error.strerror or error}") from None
    return listening


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_TIMEOUT)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def control(directory: Path, command: Command, timeout: float = _TIMEOUT) -> dict[str, Any]:
    """What the pair that runs in ``directory`` says to a command. Raises ControlError; blocks at most ``timeout``."""
    path = directory / SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps(dict(command)).encode() + b"\n")
            with contextlib.closing(connection.makefile("rb")) as answers:
                reply = json.loads(answers.readline())
    except (OSError, ValueError) as error:
        raise ControlError(f"no pair answers at {path} ({error}); start one with: soawatch pair run") from None
    if not isinstance(reply, dict) or not reply.get("ok"):
        raise ControlError(str(reply.get("error", "no")) if isinstance(reply, dict) else "no")
    return {name: value for name, value in reply.items() if name != "ok"}
