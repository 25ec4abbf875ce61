"""Every test of the probers' contract is run with each of them."""

from collections.abc import Iterator

import pytest

from tests.support.probers import PROBERS, chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2].startswith("test_prober") and "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", PROBERS, indirect=True)


@pytest.fixture(autouse=True)
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    chosen.append(getattr(request, "param", "dnspython"))
    yield chosen[-1]
    chosen.pop()
