"""Both ways of asking very many, here and in processes beside, call the same zones unchanged, and lose none."""

import asyncio
import os
import sys
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from checks.model import Observation, Outcome
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber, ChunkResult, ZoneChunk
from monitor.polling.bulk_factory import make_bulk_prober
from monitor.polling.workers.pool import WorkerPool
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.observations import formed_observation
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import AddressLayout, Endpoint
from tests.support.nameserver import Asked, Nameserver, good, name, opt, reply, soa
from tests.support.workers import all_restarted, kill_all, pids

QUICK = Probe(timeout=0.2, attempts=2, max_qps_per_server=1e6)
PATIENT = Probe(timeout=5, attempts=3, max_qps_per_server=1e6)
WAYS = [1, 2]


@dataclass
class World:
    """A bulk prober, two servers of the same zones, and what it was told of them."""

    bulk_prober: BulkProber
    metrics: WorkerMetrics
    ns1: Nameserver
    ns2: Nameserver
    layouts: tuple[AddressLayout, ...]
    count: int
    address_metrics: AddressMetrics = field(default_factory=AddressMetrics)
    serials: dict[bytes, int] = field(default_factory=dict)

    def use(self, was: "array[int] | None" = None) -> None:
        self.address_metrics = AddressMetrics.of(2 * self.count)
        self.bulk_prober.use(self.layouts, self.address_metrics, was)

    def chunk(self, numbers: Iterable[int]) -> ZoneChunk:
        some = list(numbers)
        names = [f"z{number}.example.net." for number in some]
        return ZoneChunk(array("I", some), names, array("I", [0] * len(some)), array("I", (2 * n for n in some)))

    async def ask(self, numbers: Iterable[int] | None = None) -> tuple[set[int], dict[int, Sequence[Observation]]]:
        """Unchanged and changed zones; each exactly once."""
        asked = list(range(self.count) if numbers is None else numbers)
        unchanged: list[int] = []
        changed: list[tuple[int, Sequence[Observation]]] = []
        async with asyncio.timeout(40):
            async for returns in self.bulk_prober.ask(self.chunk(asked)):
                unchanged += returns.unchanged
                changed += self.whole(returns)
        assert sorted([*unchanged, *(number for number, _ in changed)]) == sorted(asked)
        return set(unchanged), dict(changed)

    def whole(self, returns: ChunkResult) -> list[tuple[int, Sequence[Observation]]]:
        """The changed zones with their observations, those whose responses were recognised, too."""
        found: list[tuple[int, Sequence[Observation]]] = list(returns.changed)
        for number, answers in returns.formed:
            said = list(zip(self.layouts[0], answers, strict=True))
            said.sort(key=lambda one: one[0].primary)
            name = f"z{number}.example.net."
            found.append((number, [formed_observation(name, e.server, e.address, a) for e, a in said]))
        return found

    def enable_fast_path(self, numbers: Iterable[int] | None = None, min_expire: int = 0) -> None:
        slots = [slot for n in (range(self.count) if numbers is None else numbers) for slot in (2 * n, 2 * n + 1)]
        self.bulk_prober.enable_fast_path(slots, [min_expire] * len(slots))


@asynccontextmanager
async def world(
    way: int, count: int = 3, probe: Probe = PATIENT, udp1: Callable[[Asked], Iterable[bytes]] | None = None,
    udp2: Callable[[Asked], Iterable[bytes]] | None = None, *, primary: bool = True,
) -> AsyncIterator[World]:  # fmt: skip
    serials: dict[bytes, int] = {}

    def serve(query: Asked) -> Iterable[bytes]:
        yield good(query, serials.get(query.name, 7))

    settings = replace(probe, workers=way)
    async with AsyncExitStack() as open_:
        ns1 = await open_.enter_async_context(Nameserver(udp1 or serve))
        ns2 = await open_.enter_async_context(Nameserver(udp2 or serve))
        metrics = WorkerMetrics(ProbeStats())
        prober = ServiceProber(settings, {}, now, stats=metrics.stats)
        open_.push_async_callback(prober.close)
        made = make_bulk_prober(Config(probe=settings), now, prober, metrics)
        open_.push_async_callback(made.close)
        layout = (Endpoint("ns1", ns1.address, primary), Endpoint("ns2", ns2.address))
        one = World(made, metrics, ns1, ns2, (layout,), count, serials=serials)
        one.use()
        yield one


@pytest.mark.parametrize("way", WAYS)
async def test_what_says_the_same_is_unchanged_on_the_fast_path(way: int) -> None:
    async with world(way) as on:
        unchanged, changed = await on.ask()
        assert not unchanged
        assert all([o.server for o in seen] == ["ns2", "ns1"] for seen in changed.values())
        assert all(o.serial == 7 and o.outcome is Outcome.ANSWERED for seen in changed.values() for o in seen)
        on.enable_fast_path([0, 1])
        unchanged, changed = await on.ask()
        assert unchanged == {0, 1}
        assert set(changed) == {2}
        assert all(0 < rtt < 5 for rtt in on.address_metrics.rtts[:4])


@pytest.mark.parametrize("way", WAYS)
async def test_a_new_serial_is_changed_and_takes_all_of_the_zone_off_the_fast_path(way: int) -> None:
    async with world(way) as on:
        await on.ask()
        on.enable_fast_path()
        on.serials[name("z1.example.net.")] = 8
        unchanged, changed = await on.ask()
        assert unchanged == {0, 2}
        assert [o.serial for o in changed[1]] == [8, 8]
        assert set((await on.ask())[1]) == {1}
        on.enable_fast_path([1])
        assert (await on.ask())[0] == {0, 1, 2}
        on.bulk_prober.disable_fast_path([0, 1])
        assert set((await on.ask())[1]) == {0}


@pytest.mark.parametrize("way", WAYS)
async def test_one_address_that_changed_brings_what_the_others_say_as_well(way: int) -> None:
    changed: set[bytes] = set()

    def second(query: Asked) -> Iterable[bytes]:
        yield good(query, 6 if query.name in changed else 7)

    async with world(way, udp2=second) as on:
        await on.ask()
        on.enable_fast_path()
        changed.add(name("z0.example.net."))
        _, changed = await on.ask()
        assert {number: [(o.server, o.serial) for o in seen] for number, seen in changed.items()} == {
            0: [("ns2", 6), ("ns1", 7)]
        }


@pytest.mark.parametrize("way", WAYS)
async def test_the_primary_is_asked_last(way: int) -> None:
    order: list[tuple[str, bytes]] = []

    def noted(server: str) -> Callable[[Asked], Iterable[bytes]]:
        def udp(query: Asked) -> Iterable[bytes]:
            order.append((server, query.name))
            yield good(query, 7)

        return udp

    async with world(way, 50, udp1=noted("ns1"), udp2=noted("ns2")) as on:
        await on.ask()
        await on.ask()
        for number in range(50):
            asked = [server for server, zone in order if zone == name(f"z{number}.example.net.")]
            assert asked == ["ns2", "ns1"] * 2


@pytest.mark.parametrize("way", WAYS)
async def test_silence_is_changed_at_first_then_unchanged_then_changed_when_it_ends(way: int) -> None:
    silent = [False]

    def second(query: Asked) -> Iterable[bytes]:
        if not silent[0]:
            yield good(query, 7)

    async with world(way, 1, QUICK, udp2=second) as on:
        await on.ask()
        on.enable_fast_path()
        silent[0] = True
        _, changed = await on.ask()
        assert [o.outcome for o in changed[0]] == [Outcome.TIMEOUT, Outcome.ANSWERED]
        on.enable_fast_path()
        assert (await on.ask())[0] == {0}
        assert on.address_metrics.rtts[1] < 0 < on.address_metrics.rtts[0]
        silent[0] = False
        _, changed = await on.ask()
        assert [o.serial for o in changed[0]] == [7, 7]


@pytest.mark.parametrize("way", WAYS)
async def test_an_expire_is_read_at_every_look_and_below_the_least_it_is_changed(way: int) -> None:
    left = [50_000]

    def second(query: Asked) -> Iterable[bytes]:
        left[0] -= 1
        yield reply(query, [soa(7)], additional=[opt((9, left[0].to_bytes(4, "big")))])

    async with world(way, 1, udp2=second) as on:
        await on.ask()
        on.enable_fast_path(min_expire=40_000)
        assert (await on.ask())[0] == {0}
        first = on.address_metrics.expires[1]
        assert abs(first / 1e6 - (now().timestamp() + left[0])) < 5
        assert on.address_metrics.expires[0] == 0
        left[0] = 40_000
        _, changed = await on.ask()
        assert changed[0][0].expire == 39_999


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_known_goes_on_under_another_plan(way: int) -> None:
    async with world(way, 4) as on:
        await on.ask()
        on.enable_fast_path()
        was = array("q", [0, 1, 2, 3, -1, -1, 6, 7])
        on.use(was)
        unchanged, changed = await on.ask()
        assert unchanged == {0, 1, 3}
        assert set(changed) == {2}
        on.use()
        assert not (await on.ask())[0]


@pytest.mark.parametrize("way", WAYS)
async def test_under_a_plan_of_fewer_zones_what_was_heard_before_is_of_no_use_and_does_no_harm(way: int) -> None:
    async with world(way, 4000) as on:
        asked = aiter(on.bulk_prober.ask(on.chunk(range(4000))))
        heard = await anext(asked)
        assert len(heard.unchanged) + len(on.whole(heard)) < 4000
        async with asyncio.timeout(20):
            while sum(on.metrics.stats.queries.values()) < 4000:
                await asyncio.sleep(0.01)
        on.count = 3
        on.use(array("q", range(6)))
        async with asyncio.timeout(5):
            async for _ in asked:
                pass
            before = on.bulk_prober.ask(on.chunk(range(3)))  # asked under this plan, first waited for under another
            on.use()
            assert [returns async for returns in before] == []
        await on.ask()
        on.enable_fast_path()
        assert (await on.ask())[0] == {0, 1, 2}


@pytest.mark.parametrize("way", WAYS)
async def test_a_dead_server_holds_up_no_zone_that_it_does_not_serve(way: int) -> None:
    def nothing(query: Asked) -> Iterable[bytes]:
        return ()

    async with world(way, 200, PATIENT, udp2=nothing) as on:
        alone = (Endpoint("ns1", on.ns1.address, True),)
        on.layouts = (*on.layouts, alone)
        on.use()
        chunk = on.chunk(range(200))
        for place in range(0, 200, 2):
            chunk.layouts[place] = 1
        came: set[int] = set()
        async with asyncio.timeout(20):
            async for returns in on.bulk_prober.ask(chunk):
                came |= {*returns.unchanged, *(number for number, _ in (*returns.changed, *returns.formed))}
                if len(came) >= 100:
                    break
        assert came == set(range(0, 200, 2))


@pytest.mark.parametrize("way", WAYS)
async def test_thousands_at_once_and_none_is_lost(way: int) -> None:
    async with world(way, 4000) as on:
        assert len((await on.ask())[1]) == 4000
        on.enable_fast_path()
        unchanged, changed = await on.ask()
        assert unchanged == set(range(4000))
        assert not changed
        stats = on.metrics.stats
        async with asyncio.timeout(10):
            while sum(stats.queries.values()) < 16_000:
                await asyncio.sleep(0.02)
        assert {outcome for _, _, outcome in stats.queries} == {"answered"}


@pytest.mark.parametrize("way", WAYS)
async def test_at_the_end_nothing_is_blamed_on_the_servers(way: int) -> None:
    def nothing(query: Asked) -> Iterable[bytes]:
        return ()

    async with world(way, 20, PATIENT, udp1=nothing, udp2=nothing) as on:
        task = asyncio.create_task(on.ask())
        async with asyncio.timeout(20):
            while len(on.ns2.asked) < 20:
                await asyncio.sleep(0.01)
        if isinstance(on.bulk_prober, WorkerPool):
            await on.bulk_prober.close()
            _, changed = await task
            assert {o.outcome for seen in changed.values() for o in seen} == {Outcome.UNASKED}
        else:  # there it is the engine's end that ends it, and the engine is the caller's
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("way", WAYS)
async def test_of_zones_that_are_answered_alike_no_observation_is_made(way: int) -> None:
    async with world(way, 60, PATIENT) as on:
        some = range(10, 60)  # with names of one length
        await on.ask(some)
        forms: set[int] = set()
        for _ in range(2):
            returned = [returns async for returns in on.bulk_prober.ask(on.chunk(some))]
            assert not any(returns.changed or returns.unchanged for returns in returned)
            formed = dict(one for returns in returned for one in returns.formed)
            assert sorted(formed) == list(some)
            answers = [answer for every in formed.values() for answer in every]
            assert {answer.serial for answer in answers} == {7}
            assert all(0 < answer.rtt < 5 and answer.expire is None for answer in answers)
            assert all(abs(answer.at / 1e6 - now().timestamp()) < 10 for answer in answers)
            forms |= {answer.form.number for answer in answers}
            assert sum(returns.queries for returns in returned) == sum(returns.answered for returns in returned) == 100
        assert len(forms) == 1
        on.enable_fast_path(some)
        assert (await on.ask(some))[0] == set(some)


# --- workers only ---


async def test_workers_that_were_killed_tell_their_forms_anew_and_they_are_those_of_before() -> None:
    async with world(2, 60) as on:
        assert isinstance(on.bulk_prober, WorkerPool)
        some = range(10, 60)
        forms: set[int] = set()
        for times in (2, 4):
            await on.ask(some)
            formed = [one async for returns in on.bulk_prober.ask(on.chunk(some)) for one in returns.formed]
            assert sorted(number for number, _ in formed) == list(some)
            forms |= {answer.form.number for _, answers in formed for answer in answers}
            kill_all(on.bulk_prober)
            await all_restarted(on.bulk_prober, on.metrics, times)
        assert len(forms) == 1


async def test_a_worker_that_is_killed_is_started_again_and_asked_again_for_what_it_owes() -> None:
    hold = asyncio.Event()
    seen: list[bytes] = []

    def first(query: Asked) -> Iterable[bytes]:
        seen.append(query.name)
        if hold.is_set() or len(seen) <= 1000:
            yield good(query, 7)

    async with world(2, 600, replace(PATIENT, timeout=20), udp1=first) as on:
        assert isinstance(on.bulk_prober, WorkerPool)
        await on.ask()
        on.enable_fast_path()
        before = pids(on.bulk_prober)
        task = asyncio.create_task(on.ask())
        async with asyncio.timeout(30):
            while len(seen) < 1100:
                await asyncio.sleep(0.01)
        kill_all(on.bulk_prober)
        hold.set()
        unchanged, changed = await task
        assert len(unchanged) + len(changed) == 600
        assert {o.outcome for looks in changed.values() for o in looks} == {Outcome.ANSWERED}
        assert on.metrics.restarts._value.get() == 2
        assert not set(pids(on.bulk_prober)) & set(before)
        await on.ask()
        on.enable_fast_path()
        assert len((await on.ask())[0]) == 600


async def test_workers_end_when_the_service_does() -> None:
    async with world(2) as on:
        assert isinstance(on.bulk_prober, WorkerPool)
        await on.ask()
        known = pids(on.bulk_prober)
        assert len(known) == 2
    for pid in known:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_no_worker_knows_more_than_it_needs() -> None:
    code = "import monitor.polling.workers.main, sys; print(*sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    loaded = {module.partition(".")[0] for module in output.decode().split()}
    assert loaded.isdisjoint({"starlette", "uvicorn", "sqlite3", "apscheduler", "prometheus_client", "httpx", "jinja2"})
    assert loaded.isdisjoint({"structlog", "rich"})
