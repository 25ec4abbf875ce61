"""Runs a service until a signal ends it."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable

import structlog

from monitor.config.model import Config
from monitor.probe.cannot_listen import CannotListen
from monitor.service.service import Service
from monitor.state.ports import StoreError, StoreMisplaced

log = structlog.get_logger(__name__)

FAILED = 1

MISCONFIGURED = 78
"""sysexits(3): only another configuration helps, so nobody need try again."""

GC_THRESHOLDS = (10_000, 4, 1000)
"""How many new objects, and collections of the young, make a collection of the next older ones. On a day when very many
alerts begin nearly all that is new stays: fifty thousand objects take some 20 ms, and nobody has a turn meanwhile."""


async def serve(config: Config, load: Callable[[], Config]) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. 0 after a wanted end, 1 when a part failed or would not
    start, 78 when it never can as it is configured.
    """
    service = Service(config, load)
    loop = asyncio.get_running_loop()
    wanted, running, early = asyncio.Event(), asyncio.Event(), asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()
    turn = asyncio.Lock()

    async def reload_once() -> None:
        async with turn:
            await service.reload()

    def reload() -> None:
        if not running.is_set():
            early.set()
            return
        task = loop.create_task(reload_once())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        if not await started(service, wanted):
            return 0
    except CannotListen as error:
        log.critical("cannot start", error=f"{error.setting}: {error}")
        return MISCONFIGURED if error.lasting else FAILED
    except (StoreError, OSError) as error:
        log.critical("cannot start", error=str(error))
        return MISCONFIGURED if isinstance(error, StoreMisplaced) else FAILED
    freeze_gc()
    running.set()
    if early.is_set():
        reload()
    tell_systemd("READY=1")
    pulse = asyncio.create_task(watchdog_loop(service))
    await wait_any(service.stopping, wanted)
    tell_systemd("STOPPING=1")
    for task in (pulse, *reloads):
        task.cancel()
    await service.stop()
    return 0 if wanted.is_set() else FAILED


def freeze_gc() -> None:
    """What there is now stays: it need not be looked through again and again for what nobody needs any more.

    Judging makes no circles, so a full collection finds next to nothing; with very many zones it would hold up the
    event loop for tens of milliseconds each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


async def started(service: Service, wanted: asyncio.Event) -> bool:
    """Whether it runs; False when its end was wanted first. Raises what ``Service.start`` raises."""
    starting = asyncio.create_task(service.start())
    ending = asyncio.create_task(wanted.wait())
    await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
    if starting.cancelled():
        return False
    await starting
    return True


async def wait_any(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def watchdog_loop(service: Service) -> None:
    """Tell systemd's watchdog that we live, only as long as the scheduler does: a stuck service is restarted."""
    every = int(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000
    last = None
    while every:
        await asyncio.sleep(every)
        if (heartbeat := service.status.heartbeat) != last:
            last = heartbeat
            tell_systemd("WATCHDOG=1")


def tell_systemd(state: str) -> None:
    """sd_notify(3): one datagram to the socket in $NOTIFY_SOCKET, where there is one."""
    where = os.environ.get("NOTIFY_SOCKET")
    if not where:
        return
    address = "\0" + where[1:] if where.startswith("@") else where
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(state.encode(), address)
        except OSError as error:
            log.warning("systemd does not listen", error=str(error))
