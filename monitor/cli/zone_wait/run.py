"""Runs a wait to its end: until all is there, the time is over, or somebody has had enough."""

import asyncio
from typing import Protocol

from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.common.wait_text import Ended
from monitor.cli.errors import Failure
from monitor.cli.zone_wait.target import WaitOrder, WaitTarget, read_order
from monitor.clock import now
from monitor.polling.wait import Wait
from monitor.probe.client.client import DnsClient


class Reporter(Protocol):
    """Shows how a wait goes on, and what it came to."""

    def begin(self, target: WaitTarget) -> None: ...

    def tell(self, progress: WaitProgress, one: AddressProgress) -> None: ...

    def end(self, progress: WaitProgress, ended: Ended) -> None: ...

    def close(self) -> None:
        """Called whatever happens."""
        ...


async def wait_for(order: WaitOrder, reporter: Reporter, longest_pause: float, timeout: float) -> Ended:
    """How it ended. An interrupt is an end like others once the servers are known: then who is late can be said."""
    end = asyncio.get_running_loop().time() + timeout
    try:
        async with asyncio.timeout_at(end):
            target = await read_order(order)
    except TimeoutError:
        raise Failure(f"the resolver has not said within {timeout:g} s where the servers are") from None
    prober = DnsClient(target.config.probe, target.config.keys, now)
    if asyncio.get_running_loop().time() >= end:
        await prober.close()
        raise Failure(f"the {timeout:g} s were over before anybody could be asked: reading what to ask took them")
    wait = Wait(target.progress, prober, reporter.tell, longest_pause=longest_pause)
    try:
        reporter.begin(target)
        try:
            async with asyncio.timeout_at(end):
                await wait.run()
            ended = Ended.DONE
        except TimeoutError:
            ended = Ended.TIMEOUT
        except asyncio.CancelledError:
            ended = Ended.INTERRUPTED
        reporter.end(wait.progress, ended)
    finally:
        reporter.close()
        await prober.close()
    return ended
