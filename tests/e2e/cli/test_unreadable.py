"""The configuration, or a file that it names, may not be read: wrong configuration (78), not wrong usage (2).

Under systemd a service that ends with 2 is started again every five seconds for ever. The kind: every command that
reads a configuration, every file that one names; owner and mode of what is in the way, and who we are, are said.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.speaking import say

ZONE = '[service]\ndatabase = "s.db"\n[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
COMMANDS = [
    ("run", "-c", "FILE"),
    ("check-config", "FILE"),
    ("check", "example.com", "-c", "FILE"),
    ("explain", "example.com", "-c", "FILE"),
    ("notify-test", "oncall", "-c", "FILE"),
    ("backup", "nowhere.db", "-c", "FILE"),
]


@contextmanager
def somebody() -> Iterator[str]:
    """Meanwhile we are not root; how we are called then."""
    if os.geteuid():
        yield str(os.geteuid())
        return
    os.seteuid(65534)
    try:
        yield "nobody"
    finally:
        os.seteuid(0)


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
async def test_every_command_says_whose_it_is_and_ends_with_78(directory: Path, words: tuple[str, ...]) -> None:
    config = directory / "soawatch.toml"
    config.write_text(ZONE + "nonsense")
    arguments = [str(config) if word == "FILE" else word for word in words]
    assert (await say(*arguments)).status == 78  # all that it needs is imported now, as long as we may read it
    config.chmod(0)
    with somebody() as name:
        said = await say(*arguments)
    assert said.status == 78
    assert f"{config}: cannot be read: Permission denied: {config} belongs to" in said.err
    assert f"mode 0000; this runs as {name}" in said.err or os.geteuid()


async def test_to_nagios_it_is_unknown(directory: Path) -> None:
    config = directory / "soawatch.toml"
    config.write_text(ZONE + "nonsense")
    assert (await say("check", "example.com", "--nagios", "-c", config)).status == 3
    config.chmod(0)
    with somebody():
        said = await say("check", "example.com", "--nagios", "-c", config)
    assert said.status == 3
    assert said.out.startswith("SOAWATCH UNKNOWN - ")
    assert "this runs as" in said.out


async def test_a_directory_on_the_way_that_is_closed_is_named(directory: Path) -> None:
    (directory / "etc").mkdir()
    config = directory / "etc" / "soawatch.toml"
    config.write_text(ZONE)
    assert (await say("check-config", config)).status == 0
    (directory / "etc").chmod(0o600)
    with somebody():
        said = await say("check-config", config)
    assert said.status == 78
    assert f"its directory {directory}/etc belongs to" in said.err
    assert "mode 0600" in said.err


@pytest.mark.parametrize(
    ("section", "file"),
    [
        ('[keys.xfr]\nsecret_file = "it"\n', "it"),
        ('[[lists]]\nfile = "it"\nservers = ["192.0.2.1"]\n', "it"),
        ('[[lists]]\ndirectory = "lists"\nservers = ["192.0.2.1"]\n', "lists/it"),
        ('[receivers.hook]\ntype = "webhook"\nurl_file = "it"\n', "it"),
    ],
    ids=["a key", "a list", "a list in a directory", "the secret of a receiver"],
)
async def test_a_file_that_it_names(directory: Path, section: str, file: str) -> None:
    config = directory / "soawatch.toml"
    config.write_text(ZONE + section)
    (directory / "lists").mkdir()
    (directory / file).write_text(
        "https://hooks.example.com/\n" if "receivers" in section else "c2VjcmV0c2VjcmV0c2VjcmV0\n"
    )
    (directory / file).chmod(0)
    await say("check-config", config)
    with somebody():
        said = await say("check-config", config)
    assert said.status == 78
    assert "Permission denied" in said.err
    assert f"{directory / file} belongs to" in said.err


@pytest.mark.parametrize(
    "words", [("run", "-c", "FILE"), ("check-config", "FILE"), ("check", "example.com", "-c", "FILE")]
)
async def test_something_that_is_no_file_is_wrong_configuration_as_well(
    directory: Path, words: tuple[str, ...]
) -> None:
    said = await say(*(str(directory) if word == "FILE" else word for word in words))
    assert said.status == 78
    assert "a directory, not a file" in said.err
