"""Each file in bad/ has one mistake; its first line says how that is told, with TYPES for the types of receivers."""

from pathlib import Path

import pytest

from monitor.config.load import ConfigError, load
from monitor.config.receivers import kinds

BAD = sorted((Path(__file__).parent / "bad").glob("*.toml"))
SECRET = "aGVsbG8gd29ybGQ="
ENV = {"XFR": SECRET, "CLAUSE": f'key "xfr" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_mistake_is_told_with_its_line_and_what_was_meant(path: Path) -> None:
    expected = path.read_bytes().partition(b"\n")[0].decode().removeprefix("# ").replace("TYPES", ", ".join(kinds()))
    with pytest.raises(ConfigError) as caught:
        load(path, ENV)
    assert str(caught.value).replace(str(path), path.name) == expected


def test_there_are_many_of_them() -> None:
    assert len(BAD) >= 100
