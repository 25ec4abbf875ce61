"""Lists of zones that lose too many at once: none of their zones is let go, over reloads and restarts."""

from pathlib import Path

import pytest

from monitor.config.load import load
from monitor.config.model import Config
from monitor.service.zone_sources import ZoneSources

FILE = """
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
addresses = ["192.0.2.2"]
[[lists]]
{where}
servers = ["ns1"]
{more}
"""


class Desk:
    """A configuration with a list in a directory, and what the store keeps of it."""

    def __init__(self, tmp_path: Path, where: str = 'file = "zones.csv"') -> None:
        self.path, self.where = tmp_path / "soawatch.toml", where
        self.kept: dict[str, str] = {}
        self.sources = ZoneSources({})
        self.running: Config | None = None

    def write(self, *rows: str, file: str = "zones.csv", more: str = "") -> None:
        self.path.write_text(FILE.format(where=self.where, more=more))
        place = self.path.parent / file
        place.parent.mkdir(exist_ok=True)
        place.write_text("".join(f"{row}\n" for row in ("name,servers", *rows)))

    async def reload(self) -> dict[str, tuple[str, ...]]:
        """The zones that are watched then, with their servers."""
        self.running = self.sources.guard(load(self.path, {}), self.running)
        await self.sources.keep(self._keep)
        return {name: entry.servers for name, entry in self.running.zones.items()}

    async def restart(self) -> dict[str, tuple[str, ...]]:
        self.sources, self.running = ZoneSources(self.kept), None
        return await self.reload()

    async def _keep(self, source: str, body: str) -> None:
        self.kept[source] = body

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.code, one.text) for one in self.sources.troubles]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


TEN = [f"z{number}.example," for number in range(9)] + ["z9.example,ns2"]
GONE = (
    "9 of the 10 zones that it named are gone, and at most 2 may be at once (max_shrink = 0.2); "
    "they are watched as before"
)


async def test_a_list_that_was_cut_short_lets_go_of_nothing_until_it_is_whole_again(desk: Desk) -> None:
    desk.write(*TEN)
    whole = await desk.reload()
    assert len(whole) == 10
    desk.write("z0.example,", "new.example,")
    for _ in range(2):
        assert await desk.reload() == whole | {"new.example.": ("ns1",)}
        assert desk.said == [("zone-source-shrunk", GONE)]
    desk.write(*TEN)
    assert await desk.reload() == whole
    assert desk.said == []


async def test_so_it_is_over_a_restart_with_the_options_of_the_list(desk: Desk) -> None:
    desk.write(*TEN)
    whole = await desk.reload()
    desk.write("z0.example,")
    assert await desk.restart() == dict.fromkeys(whole, ("ns1",))
    assert [code for code, _ in desk.said] == ["zone-source-shrunk"]
    assert await desk.restart() == dict.fromkeys(whole, ("ns1",))


async def test_who_says_that_it_is_meant_is_believed_and_so_is_one_who_takes_the_list_away(desk: Desk) -> None:
    desk.write(*TEN)
    await desk.reload()
    desk.write("z0.example,")
    assert len(await desk.reload()) == 10
    desk.write("z0.example,", more="max_shrink = 1")
    assert await desk.reload() == {"z0.example.": ("ns1",)}
    assert desk.said == []
    desk.path.write_text('[[zones]]\nname = "one.example"\n')
    assert list(await desk.reload()) == ["one.example."]
    assert (desk.said, [body for body in desk.kept.values() if body]) == ([], [])


async def test_a_zone_that_went_elsewhere_is_not_gone(desk: Desk) -> None:
    desk.write("a.example,", "b.example,")
    await desk.reload()
    desk.write("c.example,")
    desk.path.write_text(desk.path.read_text() + '[[zones]]\nname = "a.example"\n[[zones]]\nname = "b.example"\n')
    assert list(await desk.reload()) == ["a.example.", "b.example.", "c.example."]
    assert desk.said == []


async def test_files_of_a_directory_are_one_list(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 'directory = "zones.d"')
    desk.write("a.example,", "b.example,", file="zones.d/one.csv")
    desk.write("c.example,", "d.example,", file="zones.d/two.csv")
    assert len(await desk.reload()) == 4
    (tmp_path / "zones.d" / "two.csv").unlink()
    assert len(await desk.reload()) == 4
    assert desk.sources.troubles[0].source == f"list {tmp_path}/zones.d"
    assert desk.said[0][1].startswith("2 of the 4 zones")


async def test_a_zone_whose_server_is_gone_as_well_has_the_options_of_its_list(desk: Desk) -> None:
    desk.write(*TEN)
    await desk.reload()
    desk.write("z0.example,")
    desk.path.write_text(desk.path.read_text().replace('[servers.ns2]\naddresses = ["192.0.2.2"]\n', ""))
    assert (await desk.reload())["z9.example."] == ("ns1",)
